"""What is collected while a configuration is converted?"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import floor
from typing import TYPE_CHECKING

from convert.wanted import Asked, LeftError, Wanted
from keepalived_scripts.quoting import command
from vipwarden.core.options import UsageError
from vipwarden.node.keepalived.version import Version
from vipwarden.state import paths

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convert.entries import Entries
    from convert.source import Sources, Span
    from convert.wanted import Value
    from vipwarden.node.keepalived.conf import Block

TRACKS = paths.tracks(paths.ROOT)
FRACTIONS = Version("2.1.0")  # of a delay_loop
_LEAST = 0.1  # seconds: the shortest interval of the agent


@dataclass(frozen=True, slots=True)
class Way:
    """How to convert: for a version of keepalived; by commands; scripts as they are; weight 0 for failed servers.

    ``folder`` is that of our commands.
    """

    version: Version
    oneshot: bool = False
    commands: bool = False
    quiesce: bool = False
    folder: str = "/usr/libexec/keepalived"


@dataclass(slots=True)
class Work:
    """The configuration with its sources and the agent's checks; what is left alone, and what to know, by place."""

    conf: Block
    sources: Sources
    entries: Entries
    way: Way
    done: int = 0
    left: list[tuple[str, str]] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    files: set[str] = field(default_factory=set)  # new track_files for FILE_CHECKs
    runs: bool = False  # whether keepalived now runs a command of ours
    readers: float = 0  # runs of chk_verdict in a second

    def leave(self, block: Block, reason: object) -> None:
        """Say why a script or checker stays as it is."""
        self.left.append((place(block), f"{what(block)}: {reason}"))

    def note(self, block: Block, text: str) -> None:
        """Say what is not quite as before."""
        self.notes.append((place(block), f"{what(block)}: {text}"))

    def entry(self, made: Wanted, interval: float) -> str:
        """Add the checks for the agent and return the name of the verdict."""
        times: dict[str, Value] = {"interval": seconds(max(interval, _LEAST))}
        if made.fall > 1:
            times["fall"] = str(made.fall)
        if made.rise > 1:
            times["rise"] = str(made.rise)
        if made.pause and made.fall > 1 and made.pause != interval:
            times["fast_interval"] = seconds(made.pause)
        times["timeout"] = seconds(min(made.timeout, max(interval, _LEAST)))
        checks: list[dict[str, Value]] = [{"check": one.check, **one.options, **times} for one in made.checks]
        if len(checks) == 1:
            return self.entries.add(made.name, checks[0])
        parts: list[str] = []
        for check in checks:
            name = self.entries.add(f"{made.name}-{len(parts) + 1}", {**check, "track": False})
            parts += [name] if name not in parts else []
        return self.entries.add(made.name, {"all_of": parts})

    def command(self, *words: str) -> str:
        """Return a command of ours as keepalived.conf has it; raises LeftError."""
        self.runs = True
        try:
            return command((f"{self.way.folder}/{words[0]}", *words[1:]), self.way.version)
        except UsageError as error:
            raise LeftError(error) from None

    def oneshot(self, asked: Asked, timeout: float) -> str:
        """Return the command of a check; raises LeftError."""
        return self.command(f"chk_{asked.check}", *asked.words(), "--timeout", seconds(timeout))


def place(block: Block) -> str:
    """Return file and line of a statement."""
    return f"{block.path}:{block.number}"


def what(block: Block) -> str:
    """Return a script or checker in words."""
    return " ".join(block.words[:2]) if block.words[0] == "vrrp_script" else block.words[0]


def any_page(options: Mapping[str, Value]) -> list[str]:
    """Return the note for a script that took every page."""
    if options.get("status") != "100-599":
        return []
    return ["an error page still is healthy, as for curl without -f: set status"]


def seconds(value: float) -> str:
    """Return a number of seconds."""
    return f"{round(value, 3):g}"


def comments(span: Span) -> list[str]:
    """Return the lines of a block that are nothing but a comment."""
    body = span.file.text[span.start : span.end].splitlines()[1:]
    return [line.strip() for line in body if line.lstrip()[:1] in ("!", "#") and line.strip()]


def block_text(head: str, lines: list[str], span: Span) -> str:
    """Return a block in braces, indented as the block in whose place it stands."""
    indent = span.file.indent(span.start)
    step = "    "
    if span.inner:
        own = span.file.indent(span.inner[0].start)
        if own.startswith(indent) and len(own) > len(indent):
            step = own[len(indent) :]
    return "\n".join([f"{head} {{{_behind(span)}", *(f"{indent}{step}{line}" for line in lines), f"{indent}}}"])


def _behind(span: Span) -> str:
    """Return the comment behind the opening brace of a block."""
    rest = span.file.text[span.open : span.end].partition("\n")[0].rstrip() if span.open >= 0 else ""
    return rest if rest.lstrip()[:1] in ("!", "#") else ""


def limit(timeout: float) -> int:
    """Return a time-out of keepalived for a command with this deadline: its kill leaves no message."""
    return floor(timeout) + 2
