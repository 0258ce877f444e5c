"""Do metrics and page say that keepalived is told something else than a verdict?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.render.exposition import render
from exporter.sources.checks import source as checks
from tests.exporter.running import ask, nowhere, samples
from vipwarden.core.result import CRITICAL, OK, Result
from vipwarden.state.files import ready, write
from vipwarden.state.verdict import encode

if TYPE_CHECKING:
    from pathlib import Path


def test_a_check_that_is_held_down_is_no_good_one(tmp_path: Path) -> None:
    """Its verdict stays its own, and the page says what keepalived is told."""
    known = nowhere(tmp_path)
    (folder,) = known.verdicts
    ready(folder)
    data = encode("port", Result(OK, "it is open"), 1e9, 0.1, 60, "dampened2900", "held down as it flaps: 9 s")
    write(f"{folder}/web", data)
    write(f"{folder}/db", encode("port", Result(OK, "it is open"), 1e9, 0.1, 60))
    found = samples(render(checks.series(checks.read(known))).decode())
    marked = {key[1][0]: value for key, value in found.items() if key[0] == "vipwarden_check_dampened"}
    assert marked == {"web": 1, "db": 0}
    write(
        f"{folder}/all", encode("port", Result(CRITICAL, "it is closed"), 1e9, 0.1, 60, "panic0@99", "its group fails")
    )
    (page,) = ask(known, "/")
    assert "CRITICAL, held<" in page.body
    assert "its group fails: it is closed" in page.body
    found = samples(render(checks.series(checks.read(known))).decode())
    assert found["vipwarden_check_panic", ("all", "port")] == 1
    assert found["vipwarden_check_panic", ("web", "port")] == 0
    assert "OK, held down" in page.body
    assert "held down as it flaps: 9 s: it is open" in page.body
