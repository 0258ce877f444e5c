"""What does systemd start at boot, and who manages the interfaces? Read from the node's files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doctor.case import Case, Findings, rule
from doctor.finding import NOTE, WARNING, Finding, at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from doctor.host import Host
    from vipwarden.node.keepalived.conf import Block

_FOLDERS = ("/etc/systemd/", "/run/systemd/", "/usr/local/lib/systemd/", "/usr/lib/systemd/", "/lib/systemd/")
_PULLS = (".wants", ".requires", ".upholds")
_MANAGERS = ("pacemaker", "corosync", "docker", "podman", "kubelet")  # they may start it
_KEEPS = ("yes", "true", "on", "1", "static")
_MOST_BYTES = 65536


def _enabled(host: Host) -> list[str]:
    """Return the units that others pull in; none where that is not known."""
    system = [f"{folder}system" for folder in _FOLDERS]
    pulls = [f"{folder}/{name}" for folder in system for name in host.names(folder) if name.endswith(_PULLS)]
    return [unit for folder in pulls for unit in host.names(folder)]


@rule("not-enabled", WARNING)
def not_enabled(case: Case) -> Findings:
    """Services of keepalived and HAProxy that systemd does not start at boot."""
    enabled = _enabled(case.host)
    if not enabled or any(name in unit for unit in enabled for name in _MANAGERS):
        return
    wanted = ["keepalived"] if case.instances or any(case.conf.named("virtual_server")) else []
    wanted += ["haproxy"] if case.haproxy else []
    for name in wanted:
        paths = (f"{folder}system/{name}.service" for folder in _FOLDERS)
        unit = next((path for path in paths if case.host.read(path, 1) is not None), None)
        if unit is not None and not any(name in it for it in enabled) and not _is_started(case, name):
            consequence = "After a reboot nobody starts it: the node takes no VIP, or one without its service."
            yield Finding(unit, 0, f"{name}.service is not enabled", consequence, f"systemctl enable {name}")


def _is_started(case: Case, name: str) -> bool:
    """Return whether rc.local or a command of keepalived may start it: a notify script, or chk_service."""
    texts = [case.host.text("/etc/rc.local", _MOST_BYTES), *case.notifying]
    texts += [command.line for command in case.commands if "chk_service" in command.line]
    return any(name in text for text in texts)


def _interfaces(case: Case) -> Iterator[tuple[str, Block, str]]:
    """Yield each interface with VIPs, its instance, and the number by which the kernel knows it."""
    blocks = {instance.name: instance for instance in case.instances}
    for interface, instance in {vip.interface: vip.instance for vip in reversed(case.vips)}.items():
        index = (case.host.read(f"/sys/class/net/{interface}/ifindex", 16) or b"").strip()
        if index.isdigit():
            yield interface, blocks[instance], index.decode()


@rule("vip-networkd", WARNING)
def vip_networkd(case: Case) -> Findings:
    """VIPs on interfaces whose unknown addresses systemd-networkd deletes."""
    is_used = "systemd-networkd.service" in _enabled(case.host)
    for interface, block, index in _interfaces(case) if is_used else ():
        state = _values(case.host, f"/run/systemd/netif/links/{index}")
        path = state.get("/NETWORK_FILE", "")
        if path and case.host.read(path) is not None and not _keeps(case.host, path):
            what = f"systemd-networkd manages {interface} by {path}, without KeepConfiguration=static"
            consequence = "Each time it starts it deletes the VIPs of keepalived, with an update of systemd as well."
            fix = f"KeepConfiguration=static below [Network] in {_drop_in(path)}, or critical: true in netplan."
            yield at(block, what, consequence, fix)


def _drop_in(path: str) -> str:
    return f"/etc/systemd/network/{path.rpartition('/')[2]}.d/keepalived.conf"


def _keeps(host: Host, path: str) -> bool:
    """Return whether a .network file, or what is added to it, keeps addresses of others."""
    name = path.rpartition("/")[2]
    more: dict[str, str] = {}
    for folder in reversed(_FOLDERS):  # /etc comes before the others
        place = f"{folder}network/{name}.d"
        more |= {drop_in: f"{place}/{drop_in}" for drop_in in host.names(place) if drop_in.endswith(".conf")}
    values: dict[str, str] = {}
    for file in (path, *(more[drop_in] for drop_in in sorted(more))):
        values |= _values(host, file)
    # critical is what came before KeepConfiguration, which systemd 243 brought
    words = (values.get(key, "").lower() for key in ("Network/KeepConfiguration", "DHCP/CriticalConnection"))
    return any(word in _KEEPS for word in words)


def _values(host: Host, path: str) -> dict[str, str]:
    """Return the last value of each SECTION/KEY in a file of systemd or NetworkManager."""
    section, values = "", {}
    for line in host.text(path, _MOST_BYTES).splitlines():
        key, is_set, value = line.strip().partition("=")
        if key.startswith("[") and key.endswith("]"):
            section = key[1:-1]
        elif is_set and not key.startswith(("#", ";")):
            values[f"{section}/{key.strip()}"] = value.strip().strip('"')
    return values


@rule("vip-networkmanager", NOTE)
def vip_networkmanager(case: Case) -> Findings:
    """VIPs on interfaces whose unknown addresses NetworkManager deletes."""
    is_used = "NetworkManager.service" in _enabled(case.host)
    for interface, block, index in _interfaces(case) if is_used else ():
        state = _values(case.host, f"/run/NetworkManager/devices/{index}")
        if state.get("device/managed") == "true" and state.get("device/connection-uuid"):
            what = f"NetworkManager manages {interface}"
            consequence = "nmcli connection up and device reapply delete the VIPs, also those of a master."
            fix = f"Do so only while a peer is master; or unmanaged-devices=interface-name:{interface} below [keyfile]."
            yield at(block, what, consequence, fix)
