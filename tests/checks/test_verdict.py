"""What did the agent of this node find? Read from files as the agent writes them, in all their faults."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from agent import manifest
from agent.manifest import Guarded
from checks.verdict import verdict
from tests.agent.drive import resident
from tests.commands import run
from tests.drive import oneshot
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Metric, Range, Result, State
from vipwarden.state import paths
from vipwarden.state.clock import boot
from vipwarden.state.verdict import encode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOADS = "vipwarden.net.file vipwarden.state.standing"


def write(
    folder: Path, name: str, state: State = OK, *, age: float = 1, ttl: float = 8, text: str = "answered"
) -> Path:
    """Write a verdict with a metric, of an age in seconds."""
    place = folder / "run" / "verdict"
    place.mkdir(parents=True, exist_ok=True)
    data = encode("port", Result(state, text, [Metric("time", 0.25, "s", warn=Range("1"))]), 1e9, 0.25, ttl)
    head, _, rest = data.partition(b"\n")
    words = head.split(b" ")
    words[2] = b"%.2f" % (boot() - age)
    path = place / paths.file_name(name)
    path.write_bytes(b" ".join(words) + b"\n" + rest)
    return path


@contextmanager
def healthy(folder: Path) -> Iterator[str]:
    """Yield options with which the check is OK."""
    write(folder, "web", ttl=3600)
    yield f"-n web --runtime-dir {folder}/run"


def ask(folder: Path, *arguments: str) -> Result:
    """Run the check, on either driver."""
    given = (*arguments, "--runtime-dir", f"{folder}/run")
    results = [drive(verdict, *given) for drive in (oneshot, resident)]
    assert results[0].state == results[1].state
    return results[0]


@pytest.mark.parametrize(
    ("state", "age", "ttl", "more", "wanted", "text"),
    [
        (OK, 1, 8, "", OK, "answered"),
        (CRITICAL, 1, 8, "", CRITICAL, "answered"),
        (OK, 9.5, 8, "", UNKNOWN, "no verdict for 9 s; it was OK: answered"),
        (OK, 9, 8, "--valid 20", OK, "answered"),
        (OK, 5.5, 8, "--valid 2", UNKNOWN, "no verdict for 5 s"),
        (OK, -5, 8, "", UNKNOWN, "dated in the future"),
        (WARNING, 30, 0, "", WARNING, "answered"),
        (OK, 90.5, 0, "", UNKNOWN, "no verdict for 90 s; it was OK"),
        (OK, 5000.5, 0, "", UNKNOWN, "no verdict for 5000 s"),
    ],
)
def test_a_verdict_is_that_of_the_agent_for_as_long_as_it_counts(
    tmp_path: Path, state: State, age: float, ttl: float, more: str, wanted: State, text: str
) -> None:
    """Afterwards it is UNKNOWN, and its numbers are no longer shown."""
    write(tmp_path, "my web", state, age=age, ttl=ttl)
    result = ask(tmp_path, "-n", "my web", *more.split())
    assert result.state == wanted
    assert text in result.text
    assert len(result.metrics) == (wanted == state)


def test_what_is_missing_torn_or_somebody_else_s_is_unknown(tmp_path: Path) -> None:
    """The text says which of these."""
    assert ask(tmp_path, "-n", "web").text == f"web has no verdict in {tmp_path}/run: see vipwarden status"
    path = write(tmp_path, "web")
    for data in (b"", path.read_bytes()[:-3], b"\0" * 300, b"vipwarden-1 0 nan 1 1 port 8\nfine\n"):
        path.write_bytes(data)
        result = ask(tmp_path, "-n", "web")
        assert (result.state, result.text) == (UNKNOWN, f"the verdict web in {tmp_path}/run is torn")
    path.unlink()
    path.symlink_to(write(tmp_path, "other"))
    assert ask(tmp_path, "-n", "web").state == UNKNOWN
    path.unlink()
    os.mkfifo(path)
    assert ask(tmp_path, "-n", "web").state == UNKNOWN
    if os.geteuid() == 0:
        path.unlink()
        os.chown(write(tmp_path, "web"), 4711, -1)
        result = ask(tmp_path, "-n", "web")
        assert (result.state, "cannot read the verdict in" in result.text) == (UNKNOWN, True)
    for arguments in ((), ("-n", "web", "--all"), ("--all", "--valid", "5")):
        assert ask(tmp_path, *arguments).state == UNKNOWN


def test_all_have_the_worst_state_and_are_counted(tmp_path: Path) -> None:
    """Those that are past or this check's own do not count; a check of the agent without a verdict does."""
    assert ask(tmp_path, "--all").state == UNKNOWN
    write(tmp_path, "web")
    write(tmp_path, "old", CRITICAL, age=100, ttl=0)
    (tmp_path / "run" / "verdict" / "mine").write_bytes(encode("verdict", Result(CRITICAL, "bad"), 1e9, 0))
    result = ask(tmp_path, "--all")
    assert (result.state, result.text) == (OK, "1 OK")
    write(tmp_path, "db", WARNING, text="slow")
    write(tmp_path, "mail", CRITICAL, text="closed")
    result = ask(tmp_path, "--all")
    assert result.state == CRITICAL
    assert result.text == "1 OK, 1 WARNING, 1 CRITICAL: mail is CRITICAL: closed; db is WARNING: slow"
    assert {metric.name: metric.value for metric in result.metrics} == {
        "ok": 1, "warning": 1, "critical": 1, "unknown": 0,
    }  # fmt: skip
    manifest.write(f"{tmp_path}/run", manifest.word(), [Guarded(name, 5, "0") for name in ("web", "new%20one")])
    result = ask(tmp_path, "--all")
    assert result.state == UNKNOWN
    assert "new one is UNKNOWN: has no verdict yet" in result.text


def test_a_thousand_failures_stay_one_bounded_line(tmp_path: Path) -> None:
    """The first ones are named."""
    for number in range(1000):
        write(tmp_path, f"c{number:04}", CRITICAL, text="x" * 500)
    result = ask(tmp_path, "--all")
    assert result.text.startswith("1000 CRITICAL: c0000 is CRITICAL: xxx")
    assert len(result.text) <= 1000


def test_nagios_and_people_read_it(tmp_path: Path) -> None:
    """With its perfdata; the runtime folder is that of the environment."""
    write(tmp_path, "web", WARNING)
    ran = run(tmp_path, "check_verdict", "-n", "web")
    assert (ran.code, ran.err) == (1, "")
    assert re.fullmatch(r"VERDICT WARNING - answered \| ?time=0\.25s;1\n", ran.out)
    ran = run(tmp_path, "check_verdict", "--all")
    assert re.fullmatch(
        r"VERDICT WARNING - 1 WARNING: web is WARNING: answered \| ?"
        r"critical=0;;;0;1 ok=0;;;0;1 unknown=0;;;0;1 warning=1;;;0;1\n",
        ran.out,
    )
    assert run(tmp_path, "check_verdict", "--all").out == ran.out  # its own verdict is none of these
    ran = run(tmp_path, "vipwarden", "check", "verdict", "-n", "web")
    assert ran.code == 1
    assert ran.out.startswith("verdict is warning: answered\n  asked ")
    assert run(tmp_path, "chk_verdict", "-n", "web").code == 1
    write(tmp_path, "web")
    assert run(tmp_path, "chk_verdict", "--verdict", "web", "--max-age", "60").code == 0
