"""What becomes of a keepalived.conf: which files change, what is left alone, and what is not quite as before?"""

from __future__ import annotations

from dataclasses import dataclass, field
from stat import S_ISREG
from typing import TYPE_CHECKING

from convert.diff import unified
from convert.entries import Entries
from convert.file import File, applied
from convert.ldirectord import Text, translated
from convert.scripts import scripts
from convert.security import secure
from convert.servers import servers
from convert.source import Sources
from convert.work import Work
from vipwarden.config.document import ConfigError
from vipwarden.net.file import look
from vipwarden.node.keepalived.conf import Block, parse
from vipwarden.node.keepalived.lines import ConfError, ConfMissingError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from convert.work import Way

_MOST_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Change:
    """A file that changes: its content before, None where it is new, and its edits."""

    path: str
    before: bytes | None
    edits: list[tuple[int, int, str]]

    @property
    def text(self) -> str:
        """The content before as text."""
        return (self.before or b"").decode("utf-8", "surrogateescape")

    @property
    def after(self) -> bytes:
        """The content after the edits."""
        return applied(self.text, self.edits).encode("utf-8", "surrogateescape")

    def diff(self) -> Iterator[str]:
        """Yield the lines of its unified diff."""
        return unified(self.path, self.text, self.edits, is_new=self.before is None)


@dataclass(frozen=True, slots=True)
class Conversion:
    """What becomes of a configuration; ``left`` and ``notes`` are places, and what is to be said of them."""

    conf: str
    files: list[tuple[str, bytes]]  # those of keepalived.conf from which statements come
    changes: list[Change]
    done: int
    left: list[tuple[str, str]] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)


def convert(path: str, config: str, way: Way, config_id: str | None = None, ldirectord: str = "") -> Conversion:
    """Convert a keepalived.conf with the checks of ``config``; raises ConfError and ConfigError.

    The virtual servers of a ``ldirectord`` configuration are put at its end first.
    """
    before = _bytes(path)
    more, said = "", Text("", [], [], 0)
    if ldirectord:
        there = parse(path, config_id=config_id) if before is not None else Block([])
        said = translated(ldirectord, way, {tuple(block.words[1:3]) for block in there.named("virtual_server")})
        more = said.text if before else said.text.lstrip("\n")
    if before is None and not ldirectord:
        raise ConfMissingError(f"{path} does not exist; the path of a keepalived.conf is expected")
    whole = File(path, (before or b"") + more.encode())
    conf = parse(path, config_id=config_id, texts={path: whole.data.decode("utf-8", "replace")})
    known = _bytes(config)
    try:
        text = "" if known is None else known.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{config}: is not UTF-8 text: {error.reason}") from None
    sources = Sources(conf)
    sources.files[path] = whole
    work = Work(conf, sources, Entries(config, text), way)
    work.left += said.left
    work.notes += said.notes
    scripts(work)
    servers(work)
    secure(work)
    changes = [Change(config, known, work.entries.edits())] if work.entries.new else []
    for file in sources.files.values():
        edits = file.edits
        if file is whole and more:
            end = len(whole.text) - len(more)
            edits = [edit for edit in edits if edit[0] < end]
            edits.append((end, end, applied(whole.text, file.edits, end)))
        if edits:
            changes.append(Change(file.path, before if file is whole else file.data, edits))
    unchanged(changes)
    files = [(file.path, file.data) for file in sources.files.values()]
    return Conversion(path, files, changes, work.done, work.left, work.notes)


def _bytes(path: str) -> bytes | None:
    """Return the content of a file, None where there is none; raises ConfError."""
    try:
        mode, data = look(path, _MOST_BYTES)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ConfError(f"cannot read {path}: {error.args[-1]}") from None
    if not S_ISREG(mode):
        raise ConfError(f"{path} is not a file")
    if len(data) > _MOST_BYTES:
        raise ConfError(f"{path} is too big to be a configuration")
    return data


def unchanged(changes: list[Change]) -> None:
    """See that the files are as they were when they were read; raises ConfError."""
    for change in changes:
        if _bytes(change.path) != change.before:
            raise ConfError(f"{change.path} changed while it was read: try again")
