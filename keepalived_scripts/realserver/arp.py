"""Does any interface answer ARP requests for an address of lo, or speak with it as the sender?

The kernel takes the larger of conf/all and conf/INTERFACE, of the interface that the request comes in or goes out on
(Documentation/networking/ip-sysctl.rst). So conf/lo has no say, and conf/all one for interfaces to come as well. But
larger is not stricter: arp_ignore() in net/ipv4/arp.c knows 1, 2 and 8, and 3 for an address whose scope is the host;
arp_solicit() takes an arp_announce above 2 for 0.
"""

from __future__ import annotations

from pathlib import Path

from keepalived_scripts.realserver.loopback import SCOPE_HOST

WANTED = {"arp_ignore": 1, "arp_announce": 2}
_ENOUGH = {"arp_ignore": (1, 2, 8), "arp_announce": (2,)}
_CONF = Path("/proc/sys/net/ipv4/conf")


def read(key: str, interface: str = "all") -> int:
    """Return one setting; raises OSError."""
    return int((_CONF / interface / key).read_text(encoding="ascii"))


def write(key: str, value: int) -> None:
    """Change one setting of conf/all; raises OSError."""
    (_CONF / "all" / key).write_text(f"{value}\n", encoding="ascii")


def is_enough(key: str, value: int, scope: int = SCOPE_HOST) -> bool:
    """Return whether a value that is in effect keeps an address of lo, with that scope, from being told."""
    return value in _ENOUGH[key] or (key == "arp_ignore" and value == 3 and scope == SCOPE_HOST)


def interfaces() -> list[str]:
    """Return the names of all interfaces but lo; raises OSError."""
    return sorted(path.name for path in _CONF.iterdir() if path.name not in ("all", "default", "lo"))


def effective(key: str, interface: str) -> int | None:
    """Return the value that is in effect for an interface, None for one that has just gone; raises OSError."""
    try:
        return max(read(key), read(key, interface))
    except FileNotFoundError:
        return None
