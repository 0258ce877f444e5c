"""Which commands does keepalived.conf hold, split into words as keepalived splits them?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from doctor.finding import Finding, at
from vipwarden.node.keepalived.conf import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vipwarden.node.keepalived.conf import Block
    from vipwarden.node.keepalived.version import Version

_KEEPS_ESCAPES = (2, 3, 2)
TRACK, CHECKER, NOTIFY = "vrrp_script", "MISC_CHECK", "notify"
_STATES = ("_master", "_backup", "_fault", "_stop", "_deleted", "_master_rx_lower_pri")
_NOTIFY = ("notify", *(f"notify{state}" for state in _STATES))
_FIFOS = ("notify_fifo_script", "vrrp_notify_fifo_script", "lvs_notify_fifo_script")
_GLOBAL = (*_FIFOS, "startup_script", "shutdown_script")


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its kind, its owner in words, the block around it, its statement and its words.

    ``user`` are the words of its own user and group, ``extra`` those that keepalived ignores.
    """

    kind: str
    owner: str
    scope: Block
    block: Block
    argv: list[str]
    user: list[str]
    extra: list[str]

    @property
    def is_file(self) -> bool:
        """Whether it runs a program: ``</path`` only asks whether a file can be opened."""
        return bool(self.argv and self.argv[0]) and not self.argv[0].startswith("<")

    @property
    def line(self) -> str:
        """The command as a text."""
        return " ".join(self.argv)

    def finding(self, what: str, consequence: str, fix: str, severity: str = "") -> Finding:
        """Return a finding about this command."""
        return at(self.block, f"{self.owner}: {what}", consequence, fix, severity)


def commands(conf: Block, version: Version | None = None) -> Iterator[Command]:
    """Yield every command, by kind, as that version of keepalived reads it; without a version as 2.2 does."""
    escapes = version is None or version < _KEEPS_ESCAPES
    for kind, owner, scope, keywords in _scopes(conf):
        for block in scope.named(*keywords):
            words = quoted(block.text, escapes=escapes)
            argv = quoted(words[1]) if len(words) > 1 else []
            label = f"{block.words[0]} {owner}".strip() if kind == NOTIFY else owner
            if kind == NOTIFY:  # followed by a user and a group
                yield Command(kind, label, scope, block, argv, words[2:4], words[4:])
            else:
                user = scope.last("user")
                yield Command(kind, label, scope, block, argv, user.words[1:3] if user is not None else [], words[2:])


def _scopes(conf: Block) -> Iterator[tuple[str, str, Block, tuple[str, ...]]]:
    """Yield each kind of command, its owner (for NOTIFY without the keyword), the block around it, and its keywords."""
    for script in conf.named("vrrp_script"):
        yield TRACK, f"vrrp_script {script.name}", script, ("script",)
    for holder in conf.named("vrrp_instance", "vrrp_sync_group"):
        yield NOTIFY, f"of {holder.name}", holder, _NOTIFY
    for service in services(conf):
        yield NOTIFY, f"of {' '.join(service.words[:3])}", service, ("quorum_up", "quorum_down")
        for server in service.named("real_server"):
            label = " ".join(server.words[:3])
            yield NOTIFY, f"of {label}", server, ("notify_up", "notify_down")
            for checker in server.named("MISC_CHECK"):
                yield CHECKER, f"MISC_CHECK of {label}", checker, ("misc_path",)
    for defs in conf.named("global_defs"):
        yield NOTIFY, "", defs, _GLOBAL


def services(conf: Block) -> Iterator[Block]:
    """Yield the virtual servers."""
    return conf.named("virtual_server")


def real_servers(conf: Block) -> Iterator[tuple[Block, Block]]:
    """Yield each real server after its virtual server."""
    return ((service, server) for service in services(conf) for server in service.named("real_server"))
