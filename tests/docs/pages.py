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
    CODE / "README.md",
    *sorted(CODE.glob("docs/checks/*.md")),
    *(
        CODE / f"docs/{name}.md"
        for name in ("install", "keepalived", "migration", "security", "upgrade", "via", "which-way")
    ),
]
_FENCE = re.compile(r"^( *)```(\w*)([^`\n]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
# what differs from run to run: durations, sizes, numbers of processes, versions
_VARIES = (
    (r"\b\d+(\.\d+)?(e[-+]\d+)?(?= ?(ms|s|B|ms\)|h|m|d)\b)", "N"),
    (r"\bpids? \d+(, \d+)*", "pid N"),
    (r"\bnames \d+", "names N"),
    (r"(?<=MariaDB )[\d.]+|(?<=PostgreSQL )[\d.]+|(?<=Redis )[\d.]+", "N"),
    (r"^(  (time|connect|age|rss|size)) [\d.]+", r"\1 N"),
    (r"(?<== )\d{10}\b", "N"),
    (r" +", " "),
)


class Block(NamedTuple):
    """A block of code; ``line`` is that of its fence, ``place`` what stands there behind the kind."""

    page: Path
    line: int
    kind: str
    text: str
    place: str = ""

    def __str__(self) -> str:
        return f"{self.page.relative_to(CODE)}:{self.line}"


def blocks(*kinds: str, pages: list[Path] = RUN) -> Iterator[Block]:
    """Yield the blocks of some kinds, or all of them."""
    for page in pages:
        text = page.read_text("utf-8")
        for found in _FENCE.finditer(text):
            if not kinds or found[2] in kinds:
                inside = re.sub(f"^{found[1]}", "", found[4], flags=re.MULTILINE)
                yield Block(page, text.count("\n", 0, found.start()) + 1, found[2], inside, found[3].strip())


def prose(page: Path) -> str:
    """Return a page without its blocks of code."""
    return _FENCE.sub("", page.read_text("utf-8"))


def links(page: Path) -> list[str]:
    """Return what the links and pictures of a page point to."""
    return re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", prose(page)))


def dead(page: Path) -> list[str]:
    """Return the links of a page to files and headings that are not there."""
    places = [link.partition("#") for link in links(page) if not link.startswith(("https://", "http://"))]
    targets = [((page.parent / path).resolve() if path else page, anchor) for path, _, anchor in places]
    return [
        f"{path}#{anchor}" for path, anchor in targets if not path.exists() or (anchor and anchor not in anchors(path))
    ]


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
        anchor = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        found[anchor] = found.get(anchor, -1) + 1
    return {name if not number else f"{name}-{number}" for name, last in found.items() for number in range(last + 1)}


def pattern(wanted: str) -> str:
    """Return what the lines of the output have to match."""
    lines = [re.escape(line) for line in normal(wanted).splitlines()]
    return "".join(r"(?:.*\n)*?" if line == r"\.\.\." else line.replace(r"\.\.\.", ".*") + r"\n" for line in lines)


def normal(text: str) -> str:
    """Return a text without what differs from run to run."""
    for varies, name in _VARIES:
        text = re.sub(varies, name, text, flags=re.MULTILINE)
    return text
