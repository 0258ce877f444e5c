"""Do metrics and page say what is in maintenance, until when, by whom and why?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from agent import trackfile
from exporter.render.exposition import render
from exporter.settings import settings
from exporter.source import AbsentError
from exporter.sources.checks import source as checks
from exporter.sources.maintenance import source
from tests.exporter.running import ask, nowhere, samples
from vipwarden.core.result import CRITICAL, Result
from vipwarden.state import paths
from vipwarden.state.files import ready
from vipwarden.state.files import write as write_file
from vipwarden.state.handover import FAULT, NORMAL, path
from vipwarden.state.maintained import write
from vipwarden.state.maintenance import ALL, CHECK, Maintenance
from vipwarden.state.publish import publish
from vipwarden.state.verdict import encode

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "maintenance", lambda **_: f"{tmp_path}/state/maintenance")
    monkeypatch.setattr(paths, "maintained", lambda _top="": f"{tmp_path}/maintained/maintenance")


def begin(kind: str, name: str, lasts: float = 3600) -> float:
    """Begin a maintenance and return its end."""
    now = time.time()
    write(Maintenance(kind, name, "alice", 'new "disks"', now, now + lasts))
    return now + lasts


def test_each_record_has_its_series() -> None:
    """Those that are over have none, and without any there is no collector."""
    with pytest.raises(AbsentError, match="nothing is in maintenance"):
        source.read(settings())
    until = begin(CHECK, "web")
    begin(CHECK, "db", 1e-3)
    time.sleep(0.01)
    found = samples(render(source.series(source.read(settings()))).decode())
    labels = ("check", "web", "alice", 'new "disks"')
    assert found.pop(("vipwarden_maintenance", labels)) == 1
    assert found.pop(("vipwarden_maintenance_until_timestamp_seconds", labels)) == pytest.approx(until, abs=1)
    assert found.pop(("vipwarden_maintenance_since_timestamp_seconds", labels)) == pytest.approx(until - 3600, abs=1)
    assert found == {}


@pytest.mark.parametrize("own", ["own", "root's"])
def test_a_hand_over_has_its_series_and_is_on_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str
) -> None:
    """As long as its track file says FAULT; an exporter of another user sees that of root."""
    own = "" if own == "root's" else str(tmp_path)
    monkeypatch.setattr(paths, "handover", lambda top="": f"{top or own or '/nowhere'}/handover")
    monkeypatch.setattr(paths, "ROOT", str(tmp_path))
    ready(str(tmp_path / "handover"))
    trackfile.write(path("VI_1", str(tmp_path)), FAULT)
    trackfile.write(path("VI_2", str(tmp_path)), NORMAL)
    found = samples(render(source.series(source.read(settings()))).decode())
    assert found.pop(("vipwarden_handover_since_timestamp_seconds", ("VI_1",))) == pytest.approx(time.time(), abs=60)
    assert found == {("vipwarden_handover", ("VI_1",)): 1}
    (page,) = ask(nowhere(tmp_path), "/")
    assert "VI_1 is handed over to a peer for " in page.body
    assert "vipwarden handover VI_1 --back ends it" in page.body
    assert "Nothing is in maintenance" not in page.body


def test_each_check_says_whether_it_is_in_maintenance(tmp_path: Path) -> None:
    """By what the agent wrote, and by the records for what chk_ commands wrote; state and success are its own."""
    folder = tmp_path / "v"
    folder.mkdir()
    begin(CHECK, "chk_service web")
    bad = Result(CRITICAL, "it is down")
    publish(str(folder), "chk_service web", "chk_service", bad, 0.1)
    publish(str(folder), "other", "port", bad, 0.1)
    write_file(f"{folder}/agents", encode("port", bad, 1e9, 0.1, 60, "drain", "in maintenance until tomorrow"))
    found = samples(render(checks.series(checks.read(settings(verdicts=(str(folder),))))).decode())
    marked = {key[1][0]: value for key, value in found.items() if key[0] == "vipwarden_check_maintenance"}
    assert marked == {"chk_service web": 1, "other": 0, "agents": 1}
    assert {value for key, value in found.items() if key[0] == "vipwarden_check_state"} == {2}


def test_the_page_shows_it_and_counts_no_problem(tmp_path: Path) -> None:
    """The check says who and why."""
    known = nowhere(tmp_path)
    (folder,) = known.verdicts
    (tmp_path / "run").mkdir(exist_ok=True)
    (page,) = ask(known, "/")
    assert "maintenance not here" in page.body
    begin(ALL, "")
    data = encode("port", Result(CRITICAL, "it is down"), 1e9, 0.1, 60, "drain", "in maintenance until tomorrow by al")
    ready(folder)
    write_file(f"{folder}/web", data)
    (page,) = ask(known, "/")
    assert "CRITICAL, maintenance" in page.body
    assert "in maintenance until tomorrow by al: it is down" in page.body
    assert "all checks" in page.body
    assert "new &#34;disks&#34;" in page.body or "new &quot;disks&quot;" in page.body
    assert "is wrong</h2>" not in page.body
