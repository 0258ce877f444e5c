"""Which commands does keepalived.conf name, and how does keepalived read them?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vipwarden.node.keepalived.conf import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vipwarden.node.keepalived.conf import Block
    from vipwarden.node.keepalived.version import Version

_KEEPS_ESCAPES = (2, 3, 2)
TRACK, CHECKER, NOTIFY = "vrrp_script", "MISC_CHECK", "notify"
_NOTIFY = (
    "notify",
    "notify_master",
    "notify_backup",
    "notify_fault",
    "notify_stop",
    "notify_deleted",
    "notify_master_rx_lower_pri",
)
_GLOBAL = (
    "notify_fifo_script",
    "vrrp_notify_fifo_script",
    "lvs_notify_fifo_script",
    "startup_script",
    "shutdown_script",
)


@dataclass(frozen=True, slots=True)
class Command:
    """A command: what it is for, the block that it belongs to, its statement and its words.

    ``user`` are the words of its own user and group, ``extra`` those that keepalived passes over.
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
        """Whether there is a program to run: ``</path`` only asks whether a file can be opened."""
        return bool(self.argv and self.argv[0]) and not self.argv[0].startswith("<")

    @property
    def line(self) -> str:
        """The command as one text."""
        return " ".join(self.argv)


def commands(conf: Block, version: Version | None = None) -> Iterator[Command]:
    """Yield every command in the order of the kinds, read as that version of keepalived does; without one as 2.2."""
    escapes = version is None or version < _KEEPS_ESCAPES
    for script in conf.named("vrrp_script"):
        for block in script.named("script"):
            yield _command(TRACK, f"vrrp_script {script.name}", script, block, escapes=escapes)
    for holder in conf.named("vrrp_instance", "vrrp_sync_group"):
        for block in holder.named(*_NOTIFY):
            yield _command(NOTIFY, f"{block.words[0]} of {holder.name}", holder, block, escapes=escapes)
    for service in services(conf):
        for block in service.named("quorum_up", "quorum_down"):
            yield _command(
                NOTIFY, f"{block.words[0]} of {' '.join(service.words[:3])}", service, block, escapes=escapes
            )
        for server in service.named("real_server"):
            label = " ".join(server.words[:3])
            for block in server.named("notify_up", "notify_down"):
                yield _command(NOTIFY, f"{block.words[0]} of {label}", server, block, escapes=escapes)
            for checker in server.named("MISC_CHECK"):
                for block in checker.named("misc_path"):
                    yield _command(CHECKER, f"MISC_CHECK of {label}", checker, block, escapes=escapes)
    for defs in conf.named("global_defs"):
        for block in defs.named(*_GLOBAL):
            yield _command(NOTIFY, block.words[0], defs, block, escapes=escapes)


def services(conf: Block) -> Iterator[Block]:
    """Yield the virtual servers."""
    return conf.named("virtual_server")


def _command(kind: str, owner: str, scope: Block, block: Block, *, escapes: bool) -> Command:
    words = quoted(block.text, escapes=escapes)
    argv = quoted(words[1]) if len(words) > 1 else []
    if kind == NOTIFY:  # the words behind the command are a user and a group
        return Command(kind, owner, scope, block, argv, words[2:4], words[4:])
    user = scope.last("user")
    return Command(kind, owner, scope, block, argv, user.words[1:3] if user is not None else [], words[2:])
