"""Does the page know the changes of the VRRP instances in the last hour?"""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING

from exporter.page import Page
from exporter.sources.vip.source import Vips
from exporter.sources.vrrp.moves import Moves
from tests.exporter.render.reading import outcomes, vrrp
from tests.exporter.running import nowhere
from vipwarden.node.keepalived.dump import Instance

if TYPE_CHECKING:
    from pathlib import Path


def instance(state: int | None, ago: float | None, name: str = "VI_1") -> Instance:
    """Return an instance that got into a state some seconds ago."""
    made = Instance(name)
    made.state, made.changed = state, None if ago is None else time() - ago
    return made


def test_every_change_is_noted_once() -> None:
    """However often it is read; what is not known is none."""
    moves, first, second = Moves(), instance(1, 600), instance(2, 30)
    for it in (first, first, second, second):
        known = moves.take([it])
    assert [state for _, state in known["VI_1"]] == [1, 2]
    assert moves.take([instance(None, None)])["VI_1"] == known["VI_1"]
    assert moves.take([instance(1, None, "VI_2")]) == {"VI_2": ()}
    assert moves.take([second])["VI_1"] == ((second.changed, 2),)  # it was gone meanwhile


def test_what_is_old_or_of_the_future_is_none_and_all_is_bounded() -> None:
    """A clock that was set back makes no marks to come."""
    moves = Moves()
    moves.take([instance(1, 3700)])
    assert moves.take([instance(2, -50)])["VI_1"] == ()
    for number in range(200):
        known = moves.take([instance(1 + number % 2, 200 - number)])
    assert len(known["VI_1"]) == 60


def test_the_page_has_a_mark_for_each(tmp_path: Path) -> None:
    """In the colour of the state."""
    moves, known = Moves(), vrrp(2)
    for state, ago in ((1, 1800), (3, 1200), (2, 10)):
        known.moves = moves.take([instance(state, ago)])
    html = Page().write(outcomes(vip=Vips([], []), vrrp=known), nowhere(tmp_path)).decode()
    assert 'aria-label="3 changes in the last hour"' in html
    for tone, minute in (("backup", 30), ("bad", 40), ("good", 60)):
        assert f'<path class="{tone}" d="M{minute} 0v10"/>' in html
