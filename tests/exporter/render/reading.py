"""The text of a page, and pages of what the sources of a node have read."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

from exporter.page import Page as Writer
from exporter.render.choices import Choices
from exporter.source import Outcome
from exporter.sources.vrrp.series import Vrrp
from tests.exporter import sample
from tests.exporter.running import nowhere
from vipwarden.node.keepalived.dump import Instance
from vipwarden.node.keepalived.vips import Vip

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from exporter.peers import Sight

VIP = Vip("VI_1", "51", "eth0", "192.0.2.9")


def outcomes(when: float = 100.0, **facts: Any) -> list[Outcome]:
    """Return what the collectors told; those that are not named found nothing."""
    return [
        Outcome(one, 0.001, facts.get(one.name), absence="" if one.name in facts else f"no {one.name}", when=when)
        for one in sample.node()
    ]


def vrrp(state: int | None, *, up: bool = True, base: int = 150, effective: int = 150) -> Vrrp:
    """Return a keepalived with one instance."""
    one = Instance("VI_1")
    one.state, one.base_priority, one.effective_priority, one.changed = state, base, effective, 1000.0
    one.interface, one.vrid = "eth0", "51"
    return Vrrp(up, [one] if up else [], source="json", failure="" if up else "no keepalived runs")


class Page(HTMLParser):
    """The text of a page, and what its tags are."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep it."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Keep it."""
        self.words.append(data)


class Shown:
    """The page of one node; it remembers what it has shown."""

    def __init__(self, folder: Path) -> None:
        self._settings = nowhere(folder)
        self._view = Writer()

    def __call__(self, told: Sequence[Outcome], find: str = "", *, peers: Sequence[Sight] = (), **choices: str) -> Page:
        """Return the page of these outcomes."""
        return Page(self._view.write(told, self._settings, Choices(find, **choices), peers).decode())
