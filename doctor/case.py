"""What does the doctor look at? The configuration, the node that it is for, and what is known of its peers."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from doctor.commands import commands
from doctor.haproxy_cfg import read_sections
from doctor.program import Program, find
from vipwarden.node.keepalived.lines import ConfError
from vipwarden.node.keepalived.version import Version
from vipwarden.node.keepalived.vips import Vip, configured

if TYPE_CHECKING:
    from doctor.commands import Command
    from doctor.haproxy_cfg import Section
    from doctor.host import Host
    from doctor.peers import Peers
    from vipwarden.node.keepalived.conf import Block

DEFAULT_USER = "keepalived_script"


class Case:
    """One configuration on one node; what several rules ask for is found out once."""

    def __init__(
        self,
        conf: Block,
        host: Host,
        version: Version | None,
        peers: Peers,
        haproxy_conf: str = "/etc/haproxy/haproxy.cfg",
        said: str = "",
    ) -> None:
        """Take what there is; ``said`` is what keepalived's own test says of the configuration."""
        self.conf = conf
        self.host = host
        self.version = version
        self.peers = peers
        self.haproxy_conf = haproxy_conf
        self.said = said

    def is_version(self, first: str, last: str) -> bool:
        """Return whether keepalived may be one of these versions, both included: an unknown one may be any."""
        return self.version is None or Version(first) <= self.version <= Version(last)

    @property
    def running(self) -> str:
        """The version in words."""
        return "keepalived (its version is not known)" if self.version is None else f"keepalived {self.version}"

    def setting(self, keyword: str) -> Block | None:
        """Return a statement of global_defs, the last one of its keyword."""
        found = [block for defs in self.conf.named("global_defs") for block in defs.named(keyword)]
        return found[-1] if found else None

    @property
    def instances(self) -> list[Block]:
        """The VRRP instances."""
        return list(self.conf.named("vrrp_instance"))

    @cached_property
    def commands(self) -> list[Command]:
        """The commands that keepalived is told to run."""
        return list(commands(self.conf, self.version))

    @cached_property
    def programs(self) -> list[Program]:
        """The programs of those commands, but for those that have no user to run as."""
        found = []
        for command in self.commands:
            user = self.user(command)
            if command.is_file and user is not None:
                found.append(find(self.host, command, user, self.version))
        return found

    @property
    def is_secure(self) -> bool:
        """Whether script security is enforced."""
        return self.setting("enable_script_security") is not None

    def user(self, command: Command) -> tuple[int, int] | None:
        """Return uid and gid that a command runs as, or None where keepalived finds none and drops the command."""
        default = self.setting("script_user")
        words = command.user or (default.words[1:3] if default is not None else [])
        if words:
            return self.account(words)
        return self.host.user(DEFAULT_USER) or (None if self.is_secure else (0, 0))

    def account(self, words: list[str]) -> tuple[int, int] | None:
        """Return uid and gid of the words USER [GROUP], or None where there is no such user or group."""
        found = self.host.user(words[0])
        if found is None or len(words) == 1:
            return found
        gid = self.host.group(words[1])
        return None if gid is None else (found[0], gid)

    @cached_property
    def vips(self) -> list[Vip]:
        """The virtual addresses; none where one of them cannot be told."""
        try:
            return configured(self.conf)
        except ConfError:
            return []

    @cached_property
    def haproxy(self) -> list[Section]:
        """The sections of haproxy.cfg, none where there is no such file."""
        return read_sections(self.haproxy_conf)
