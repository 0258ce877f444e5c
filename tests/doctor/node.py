"""A node out of folders, on which nothing is wrong but what a test puts there."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from doctor.case import Case
from doctor.host import Host
from doctor.report import examine
from doctor.tracking import PeerPriority, Peers
from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.version import Version

if TYPE_CHECKING:
    from pathlib import Path

    from doctor.finding import Finding

SH = "#!/bin/sh\n"
OWN = "/usr/libexec/keepalived/chk_port"
SOUND = {
    "bin/sh": "\0",
    "usr/bin/env": "\0",
    "etc/passwd": "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "usr/libexec/keepalived/chk_port": f"{SH}exec true\n",
    "usr/lib/nagios/plugins/check_tcp": "\0",
    "proc/net/dev": "Inter-|   Receive\n face |bytes\n    lo: 0\n  eth0: 0\n  eth1: 0\n",
    "proc/sys/net/ipv4/ip_forward": "1\n",
    "proc/sys/net/ipv4/ip_nonlocal_bind": "1\n",
    "proc/sys/net/ipv4/ip_local_port_range": "32768\t60999\n",
    "run/vipwarden/web": "1\n",
    "sys/fs/selinux/enforce": "0",
}
GLOBAL = "global_defs {\n enable_script_security\n script_user root\n}\n"


@dataclass
class Node:
    """A configuration, and what else there is: files by path, modes and owners, links, labels, addresses, a version."""

    conf: str = ""
    files: dict[str, str] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)
    owners: dict[str, tuple[int, int]] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    addresses: str = "2: eth0    inet 192.0.2.10/32 scope global eth0\n"
    version: str = "2.2.7"
    peer: str = ""
    priorities: tuple[str, ...] = ()
    said: str = ""
    haproxy: str = ""
    clock_is_kept: bool | None = None

    def build(self, root: Path) -> Case:
        """Lay it out in a folder and return what the doctor looks at."""
        for path, text in (SOUND | {"etc/keepalived/keepalived.conf": self.conf} | self.files).items():
            place = root / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
            is_program = text.startswith(("#!", "\0")) or path.endswith(".sh")
            place.chmod(self.modes.get(path, 0o755 if is_program else 0o644))
        for link, target in self.links.items():
            (root / link).parent.mkdir(parents=True, exist_ok=True)
            (root / link).symlink_to(target)
        for path, mode in self.modes.items():
            (root / path).chmod(mode)
        for path, owner in self.owners.items():
            os.chown(root / path, *owner)
        for path, label in self.labels.items():
            os.setxattr(root / path, "security.selinux", f"system_u:object_r:{label}:s0\0".encode())
        (root / "addresses").write_text(self.addresses, encoding="utf-8")
        (root / "peer.conf").write_text(self.peer, encoding="utf-8")
        peers = Peers([PeerPriority(text) for text in self.priorities], [parse(f"{root}/peer.conf")])
        conf = parse(f"{root}/etc/keepalived/keepalived.conf", root=str(root))
        host = Host(str(root), addresses=f"{root}/addresses")
        host.clock_is_kept = self.clock_is_kept
        version, haproxy = (Version(text) if text else None for text in (self.version, self.haproxy))
        return Case(conf, host, version, peers, f"{root}/etc/haproxy/haproxy.cfg", self.said, haproxy)

    def examine(self, root: Path) -> list[Finding]:
        """Return what the doctor finds."""
        return examine(self.build(root))


def script(command: str = OWN, settings: str = "interval 1") -> str:
    """Return global_defs and a vrrp_script chk."""
    return f'{GLOBAL}vrrp_script chk {{\n script "{command}"\n {settings}\n}}\n'


def instance(body: str = "track_script {\n chk\n}", *, name: str = "VI", vrid: int = 51, head: str = "") -> str:
    """Return a vrrp_instance on eth0."""
    head = head or "interface eth0\n priority 100"
    vips = "virtual_ipaddress {\n 192.0.2.10\n}"
    return f"vrrp_instance {name} {{\n {head}\n virtual_router_id {vrid}\n {vips}\n {body}\n}}\n"


def tracked(command: str = OWN, settings: str = "interval 1") -> str:
    """Return a configuration whose one instance tracks a script."""
    return script(command, settings) + instance()


def service(checker: str, kind: str = "NAT", port: int = 80, settings: str = "delay_loop 5") -> str:
    """Return global_defs and a virtual_server with one real server."""
    real = f"real_server 198.51.100.1 {port} {{\n {checker}\n }}"
    return f"{GLOBAL}virtual_server 192.0.2.10 80 {{\n {settings}\n lb_kind {kind}\n {real}\n}}\n"


def misc(command: str = OWN, settings: str = "misc_timeout 2") -> str:
    """Return a MISC_CHECK."""
    return f'MISC_CHECK {{\n misc_path "{command}"\n {settings}\n}}'
