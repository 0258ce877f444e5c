"""What stands on the pages of the documentation: blocks of code, links and headings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from tests.commands import CODE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ALL = sorted([*CODE.glob("*.md"), *CODE.glob("docs/**/*.md")])
# whose examples are run here; those of the other pages have tests of their own
RUN = [
    CODE / name
    for name in (
        "README.md",
        "docs/checks/README.md",
        "docs/checks/http_digest.md",
        "docs/checks/mysql_ping.md",
        "docs/checks/port.md",
        "docs/checks/process.md",
        "docs/install.md",
        "docs/keepalived.md",
        "docs/migration.md",
        "docs/security.md",
        "docs/upgrade.md",
    )
]
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A block of code; ``line`` is that of its fence."""

    page: Path
    line: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(CODE)}:{self.line}"


def blocks(*kinds: str, pages: list[Path] = RUN) -> Iterator[Block]:
    """Yield the blocks of some kinds, or all of them."""
    for page in pages:
        text = page.read_text("utf-8")
        for found in _FENCE.finditer(text):
            if not kinds or found[2] in kinds:
                inside = re.sub(f"^{found[1]}", "", found[3], flags=re.MULTILINE)
                yield Block(page, text.count("\n", 0, found.start()) + 1, found[2], inside)


def prose(page: Path) -> str:
    """Return a page without its blocks of code."""
    return _FENCE.sub("", page.read_text("utf-8"))


def links(page: Path) -> list[str]:
    """Return what the links and pictures of a page point to."""
    return re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", prose(page)))


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        anchor = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        found[anchor] = found.get(anchor, -1) + 1
    return {name if not number else f"{name}-{number}" for name, last in found.items() for number in range(last + 1)}
