"""What does a rule examine? The configuration, its node and its peers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from doctor.commands import NOTIFY, Command, commands
from doctor.finding import Finding
from doctor.host import slurp
from doctor.program import Program, find
from vipwarden.node.haproxy.cfg import MOST_BYTES, Section, sections
from vipwarden.node.keepalived.lines import ConfError
from vipwarden.node.keepalived.version import Version
from vipwarden.node.keepalived.vips import Vip, configured

if TYPE_CHECKING:
    from doctor.host import Host
    from doctor.tracking import Peers
    from vipwarden.node.keepalived.conf import Block

DEFAULT_USER = "keepalived_script"
_MOST_SCRIPT = 65536  # bytes


@dataclass(eq=False)
class Case:
    """A configuration on a node; ``output`` is what ``keepalived -t`` prints for it."""

    conf: Block
    host: Host
    version: Version | None
    peers: Peers
    haproxy_conf: str = "/etc/haproxy/haproxy.cfg"
    output: str = ""
    haproxy_version: Version | None = None

    def is_version(self, first: str, last: str) -> bool:
        """Return whether keepalived may be from ``first`` to ``last``: an unknown version may be any."""
        return self.version is None or Version(first) <= self.version <= Version(last)

    @property
    def running(self) -> str:
        """Name and version of keepalived."""
        return "keepalived (its version is not known)" if self.version is None else f"keepalived {self.version}"

    def setting(self, keyword: str) -> Block | None:
        """Return the last statement of this keyword in global_defs."""
        return next((b for defs in reversed([*self.conf.named("global_defs")]) if (b := defs.last(keyword))), None)

    @property
    def instances(self) -> list[Block]:
        """The VRRP instances."""
        return list(self.conf.named("vrrp_instance"))

    @property
    def holders(self) -> list[Block]:
        """The VRRP instances and sync groups: what may track scripts and files."""
        return [*self.instances, *self.conf.named("vrrp_sync_group")]

    @cached_property
    def commands(self) -> list[Command]:
        """The commands that keepalived runs."""
        return list(commands(self.conf, self.version))

    @cached_property
    def programs(self) -> list[Program]:
        """The programs of those commands whose user exists."""
        pairs = [(command, self.user(command)) for command in self.commands if command.is_file]
        return [find(self.host, command, user, self.version) for command, user in pairs if user is not None]

    @cached_property
    def notifying(self) -> list[str]:
        """The commands that keepalived runs at an event, and the text of their scripts."""
        scripts = [program.real for program in self.programs if program.command.kind == NOTIFY and program.real]
        lines = [command.line for command in self.commands if command.kind == NOTIFY]
        return lines + [self.host.text(path, _MOST_SCRIPT) for path in scripts]

    @property
    def is_secure(self) -> bool:
        """Whether script security is enforced."""
        return self.setting("enable_script_security") is not None

    def user(self, command: Command) -> tuple[int, int] | None:
        """Return uid and gid of a command, None where keepalived knows no such user and drops the command."""
        default = self.setting("script_user")
        words = command.user or (default.words[1:3] if default is not None else [])
        if words:
            return self.account(words)
        return self.host.user(DEFAULT_USER) or (None if self.is_secure else (0, 0))

    def account(self, words: list[str]) -> tuple[int, int] | None:
        """Return uid and gid of ``USER [GROUP]``, None where either does not exist."""
        user = self.host.user(words[0])
        if user is None or len(words) == 1:
            return user
        gid = self.host.group(words[1])
        return None if gid is None else (user[0], gid)

    @cached_property
    def vips(self) -> list[Vip]:
        """The VIPs; none where any of them cannot be read."""
        try:
            return configured(self.conf)
        except ConfError:
            return []

    @cached_property
    def haproxy(self) -> list[Section]:
        """The sections of haproxy.cfg; none without that file."""
        return sections((slurp(self.haproxy_conf, MOST_BYTES) or b"").decode("utf-8", "replace"))


Findings: TypeAlias = Iterator[Finding]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule; its ``name`` never changes, ``about`` says what it finds."""

    name: str
    severity: str
    about: str
    look: Callable[[Case], Findings]

    def findings(self, case: Case) -> Findings:
        """Yield its findings."""
        for finding in self.look(case):
            yield replace(finding, rule=self.name, severity=finding.severity or self.severity)


def rule(name: str, severity: str) -> Callable[[Callable[[Case], Findings]], Rule]:
    """Make a rule of a function; the first line of its docstring is its title."""
    return lambda look: Rule(name, severity, (look.__doc__ or "").partition("\n")[0], look)
