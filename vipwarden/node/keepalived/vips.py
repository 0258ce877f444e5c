"""Which VIPs does keepalived.conf configure, and does the kernel hold them?"""

from __future__ import annotations

import _socket

from vipwarden.node.keepalived.lines import ConfError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vipwarden.node.keepalived.conf import Block
    from vipwarden.node.netlink.addresses import Own

_MOST_NAME = 15  # IFNAMSIZ without its NUL


class Vip:
    """A VIP and its interface; ``prefix`` is that of the name of its VMAC interface, or nothing."""

    __slots__ = ("address", "instance", "interface", "prefix", "vrid")

    def __init__(self, instance: str, vrid: str, interface: str, address: str, prefix: str = "") -> None:
        self.instance = instance
        self.vrid = vrid
        self.interface = interface
        self.address = address
        self.prefix = prefix

    def is_held(self, own: Iterable[Own]) -> bool:
        """Return whether the node holds it on its interface: on ``lo`` it is a real server's."""
        return any(it.address == self.address and self._fits(it.interface) for it in own)

    def _fits(self, interface: str) -> bool:
        if interface == self.interface:
            return True
        # where vrrp.51 is taken keepalived goes on to vrrp1.51, for IPv6 to vrrp6.51 (vrrp.c, create_vmac_name)
        tail = f".{self.vrid}"
        number = interface[len(self.prefix) : -len(tail)]
        return bool(self.prefix) and interface == f"{self.prefix}{number}{tail}" and number.isdigit()


def configured(conf: Block) -> list[Vip]:
    """Return the VIPs that have an address and an interface, in the order of the file; raises ConfError."""
    prefixes = {key: value for block in conf.named("global_defs") for key in _PREFIXES if (value := block.value(key))}
    vips: dict[tuple[str, str, str, str], Vip] = {}
    for block in conf.named("vrrp_instance"):
        for vip in _of(block, prefixes):
            vips.setdefault((vip.instance, vip.vrid, vip.interface, vip.address), vip)
    return list(vips.values())


_PREFIXES = ("vmac_prefix", "vmac_addr_prefix")


def _of(block: Block, prefixes: dict[str, str]) -> Iterator[Vip]:
    name = block.name
    interface, vrid = block.value("interface"), block.value("virtual_router_id")
    vmac = next(block.named("use_vmac"), None)
    others = any(block.named("use_vmac_addr"))
    lines = [line for vips in block.named("virtual_ipaddress") for line in vips.blocks]
    family = next((":" in line.words[0] for line in lines), False)
    lines += [line for vips in block.named("virtual_ipaddress_excluded") for line in vips.blocks]
    for line in lines:
        address = _address(line.words[0])
        device = _after(line.words, "dev") or interface
        if not address or not device:
            continue
        # as vrrp.c, vrrp_complete_instance(): the VMAC of the instance is for its own interface and family
        if vmac and device == interface and (":" in address) is family:
            prefix = prefixes.get("vmac_prefix", "vrrp")
            given = _vmac_name(vmac.words)
            yield Vip(name, vrid, given, address) if given else Vip(name, vrid, _join(prefix, vrid), address, prefix)
        elif "use_vmac" in line.words or (others and (device != interface or (":" in address) is not family)):
            prefix = prefixes.get("vmac_addr_prefix") or prefixes.get("vmac_prefix", "vrrp")
            yield Vip(name, vrid, _join(prefix, vrid), address, prefix)
        else:
            yield Vip(name, vrid, device, address)


def groups(conf: Block) -> list[tuple[str, str]]:
    """Return pairs of sync group and member instance."""
    return [
        (block.name, instance)
        for block in conf.named("vrrp_sync_group")
        for members in block.named("group")
        for line in members.blocks
        for instance in line.words
    ]


def tracked(conf: Block) -> list[tuple[str, str]]:
    """Return pairs of instance and vrrp_script that it or its sync group tracks."""
    owners = [(block.name, block) for block in conf.named("vrrp_instance")]
    members = groups(conf)
    for block in conf.named("vrrp_sync_group"):
        owners += [(instance, block) for group, instance in members if group == block.name]
    tracks = ((owner, scripts) for owner, block in owners for scripts in block.named("track_script"))
    lines = ((owner, line.words[0]) for owner, scripts in tracks for line in scripts.blocks)
    return list(dict.fromkeys((owner, script) for owner, script in lines if script))


def interfaces(conf: Block) -> dict[str, tuple[str, str]]:
    """Return interface and virtual_router_id of every vrrp_instance by its name."""
    instances = conf.named("vrrp_instance")
    return {block.name: (block.value("interface"), block.value("virtual_router_id")) for block in instances}


def _address(word: str) -> str:
    if "$" in word:
        raise ConfError(f"cannot tell what {word} in virtual_ipaddress stands for")
    return plain_address(word)


def plain_address(word: str) -> str:
    """Return an address without its prefix length, as the kernel writes it; nothing where it is none."""
    text = word.partition("/")[0]
    family = _socket.AF_INET6 if ":" in text else _socket.AF_INET
    try:
        return _socket.inet_ntop(family, _socket.inet_pton(family, text))
    except (OSError, ValueError):
        return ""


def _after(words: list[str], keyword: str) -> str:
    index = words.index(keyword) + 1 if keyword in words[1:-1] else 0
    return words[index] if index else ""


def _vmac_name(words: list[str]) -> str:
    """Return the name in ``use_vmac [name] NAME [MAC] [netlink_notify_msg] [group N]``, or nothing."""
    rest = iter(words[1:])
    for word in rest:
        if word == "group":
            next(rest, None)
        elif word not in ("name", "netlink_notify_msg") and ":" not in word:
            return word
    return ""


def _join(prefix: str, vrid: str) -> str:
    return f"{prefix[: _MOST_NAME - len(vrid) - 1]}.{vrid}"
