"""What does the report of a rehearsal show on one page? The table, a timeline for each fault, the doctor's findings.

The page is one file without a script, and loads nothing: it can be mailed, printed and kept.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import groupby
from typing import TYPE_CHECKING, Protocol

from rehearse.page.element import add, after, root, written
from rehearse.page.style import STYLE
from rehearse.page.timeline import scale, steps, timeline
from rehearse.report import cells, counts, counts_of_pairs, is_news

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rehearse.page.element import Node
    from rehearse.report import Both
    from rehearse.rows import Line

_MOST_LINES = 1000
_MOST_VIPS = 50
_LEGEND = (
    ("held", "holds the VIP, its service is well"),
    ("sick", "holds it without its service"),
    ("two", "several nodes hold it"),
    ("none", "nobody serves it"),
)


class Finding(Protocol):
    """A finding of the doctor."""

    @property
    def path(self) -> str:
        """The file."""

    @property
    def line(self) -> int:
        """The line."""

    @property
    def what(self) -> str:
        """The fault."""

    @property
    def consequence(self) -> str:
        """What comes of it."""

    @property
    def fix(self) -> str:
        """What helps."""

    @property
    def rule(self) -> str:
        """The name of the rule."""

    @property
    def severity(self) -> str:
        """How bad it is."""


@dataclass(slots=True)
class Report:
    """What the page shows. ``means`` is how it was found out, ``versions`` are those of the programs.

    With ``is_changed`` the doctor was not asked: the changes are in no file.
    """

    nodes: list[str]
    means: str
    versions: str
    time: str
    lines: list[Line]
    both: Both
    findings: list[Finding] = field(default_factory=list)
    is_changed: bool = False


def page(report: Report) -> str:
    """Return the HTML."""
    html = root("html", lang="en")
    title = f"Rehearsal of {', '.join(report.nodes)}"
    _head(html, title)
    body = add(html, "body")
    header = add(body, "header")
    add(header, "h1", title)
    add(header, "p", f"{report.means} {report.versions}. {report.time}", class_="dim")
    add(header, "p", counts(report.lines))
    if report.both.lines:
        add(header, "p", counts_of_pairs(report.both))
    main = add(body, "main")
    news = [line for line in report.both.lines if is_news(line)]
    shown, pairs = report.lines[:_MOST_LINES], news[:_MOST_LINES]
    if shown:
        _table(main, "What becomes of the VIPs", shown, 0)
    if pairs:
        title = "Two faults, the second while the first lasts: bad, of which neither is bad alone"
        _table(main, title, pairs, len(shown))
    if shown:
        _timelines(main, [*shown, *pairs], report.nodes)
    left = len(report.lines) + len(news) - len(shown) - len(pairs)
    if left:
        add(main, "p", f"{left} more outcomes are left out here; --json has all.")
    _findings(main, report.findings, is_changed=report.is_changed)
    return written(html)


def _head(html: Node, title: str) -> None:
    head = add(html, "head")
    add(head, "meta", charset="utf-8")
    digest = b64encode(sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'"
    add(head, "meta", http_equiv="Content-Security-Policy", content=policy)
    add(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
    add(head, "meta", name="color-scheme", content="light dark")
    add(head, "title", title)
    add(head, "style").text = STYLE


def _table(main: Node, title: str, lines: Sequence[Line], first: int) -> None:
    section = add(main, "section")
    add(section, "h2", title)
    table = add(section, "table")
    names = add(add(table, "thead"), "tr")
    head, *texts = cells(lines)
    for name in head:
        add(names, "th", name, scope="col")
    rows = add(table, "tbody")
    for number, (line, text) in enumerate(zip(lines, texts, strict=True), first):
        row = add(rows, "tr", class_=line.verdict)
        add(add(row, "th", scope="row"), "a", text[0], href=f"#line{number}")
        for name, cell in list(zip(head, text, strict=True))[1:-1]:
            add(row, "td", cell or "-", data_name=name, **({} if cell.strip("-") else {"class_": "nil"}))
        _verdict(add(row, "td", data_name=head[-1]), line)


def _verdict(place: Node, line: Line) -> None:
    badge = add(place, "span", line.verdict, class_="badge")
    rules = f" [{', '.join(line.rules)}]" if line.rules else ""
    after(badge, f"{line.reason}{rules}")


def _timelines(main: Node, lines: Sequence[Line], nodes: Sequence[str]) -> None:
    section = add(main, "section")
    add(section, "h2", "Who holds them over the time")
    legend = add(section, "p", class_="dim legend")
    for kind, text in _LEGEND:
        svg = add(legend, "svg", aria_hidden="true")
        add(svg, "rect", class_=kind, width="100%", height="100%")
        after(svg, text)
    number = 0
    for fault, group in groupby(lines, key=lambda it: it.fault):
        same = list(group)
        size = scale(same)
        article = add(section, "article")
        add(article, "h3", fault)
        for line in same:
            vips = line.vips or line.instances
            more = f" and {len(vips) - _MOST_VIPS} more" if len(vips) > _MOST_VIPS else ""
            entry = add(article, "div", id=f"line{number}", class_=line.verdict)
            _verdict(add(entry, "p", f"{', '.join(vips[:_MOST_VIPS])}{more}:"), line)
            entry.append(timeline(line, size, nodes))
            details = add(entry, "details")
            add(details, "summary", "Step by step")
            listed = add(details, "ol", class_="steps")
            for text in steps(line):
                add(listed, "li", text)
            number += 1


def _findings(main: Node, findings: Sequence[Finding], *, is_changed: bool) -> None:
    section = add(main, "section")
    add(section, "h2", "What the doctor says")
    if not findings:
        asked = "Nothing about weights, handover and peers."
        add(section, "p", "Not asked: the changes are in no file." if is_changed else asked)
    for it in findings:
        article = add(section, "article", class_=it.severity)
        badge = add(add(article, "p"), "span", it.severity, class_="badge")
        after(badge, f"{it.path}:{it.line}: {it.what} [{it.rule}]")
        add(article, "p", it.consequence, class_="dim")
        add(article, "p", it.fix, class_="dim")
