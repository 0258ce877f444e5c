"""Does the record of events learn when a collector of the exporter fails?"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from exporter.frame import Frame, families
from exporter.handed import Handed
from exporter.settings import settings
from exporter.source import Source
from tests.events.make import recording, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

    from exporter.render.exposition import Metric
    from exporter.settings import Settings


def test_begin_and_end_of_a_failure_are_told_and_not_each_scrape() -> None:
    """Though its words change meanwhile."""
    answers: Iterator[str] = iter(["", "one", "two", "two", "", ""])

    def read(_: Settings) -> str:
        if problem := next(answers):
            raise OSError(problem)
        return ""

    def series(_: str) -> Iterator[Metric]:
        raise ValueError("a bug")

    told: list[tuple[str, str]] = []
    frame = Frame(settings(), [Source("vip", read, series)], tell=lambda *words: told.append(words))

    async def scrape() -> None:
        families(await frame.collect(), "", note=frame.note)

    for _ in range(6):
        asyncio.run(scrape())
    bug = ("series of collector vip", "a bug")
    assert told == [bug, ("collector vip", "one"), ("collector vip", "")]


def test_it_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And causes nothing: no VIP moves because a scrape failed."""
    with recording(tmp_path) as run:
        for key, value in run.env.items():
            monkeypatch.setenv(key, value)
        monkeypatch.setattr("vipwarden.state.paths.events", lambda *_: str(run.spool))
        handed = Handed()
        handed.tell("collector vip", "no answer within 5 s")
        handed.tell("collector vip", "")
        until(lambda: len([it for it in run.events() if it.by == "exporter"]) == 2, run.process)
    found = [(it.kind, it.name, it.of, it.before, it.state, it.text) for it in run.events() if it.by == "exporter"]
    assert found == [
        ("source", "collector vip", "exporter", "", "failed", "no answer within 5 s"),
        ("source", "collector vip", "exporter", "failed", "read", ""),
    ]
