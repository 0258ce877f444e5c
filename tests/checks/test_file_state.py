"""Is a file as fresh, as large and as it should be? Of real files, with times that are set."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from checks.file_state import file_state
from tests.agent.drive import resident
from tests.drive import oneshot
from vipwarden.core.options import UsageError
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Result, State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOADS = """vipwarden.core.size vipwarden.net.file vipwarden.node vipwarden.node.process vipwarden.node.process.procfs
    vipwarden.node.process.wanted vipwarden.protocol vipwarden.protocol.http vipwarden.protocol.http.options"""


@contextmanager
def healthy(_folder: Path) -> Iterator[str]:
    """Yield options with which the check is OK."""
    yield "-f /etc/passwd --size-critical 1:"


def stamp(folder: Path, age: float = 1000, text: str = "done\nall 7 parts\n") -> Path:
    """Write a file of that age."""
    path = folder / "stamp"
    path.write_text(text)
    os.utime(path, (time.time() - age,) * 2)
    return path


def ask(path: Path | str, *arguments: str) -> Result:
    """Run the check, on either driver."""
    results = [drive(file_state, "-f", str(path), *arguments) for drive in (oneshot, resident)]
    assert results[0].state == results[1].state
    return results[0]


@pytest.mark.parametrize(
    ("age", "arguments", "state", "text"),
    [
        (1000, "", OK, " s old, 17 B"),
        (1000, "-w 100000 -c 200000", OK, " s old, 17 B"),
        (1000, "-w 900 -c 2000", WARNING, " s old (range 900), 17 B"),
        (1000, "-w 800 -c 900", CRITICAL, " s old (range 900), 17 B"),
        (1000, "-c 2000:", CRITICAL, " s old (range 2000:)"),
        (-5000, "", OK, " s in the future, 17 B"),
        (-5000, "-c 300", CRITICAL, " s in the future (range 300), 17 B"),
        (10800, "", OK, "stamp: 3.0 h old"),
        (864_000, "", OK, "stamp: 10.0 d old"),
        (0, "--size-warning 17 --size-critical 1K", OK, "17 B"),
        (0, "--size-warning 1K: --size-critical 1:", WARNING, "17 B (range 1024:)"),
        (0, "--size-critical 16", CRITICAL, "17 B (range 16)"),
        (0, "--regex ^done --absent error", OK, "17 B"),
        (0, "--regex 8.parts", CRITICAL, "17 B, regex missed in 17 B"),
        (0, "--absent parts?", CRITICAL, "17 B, --absent matched 'parts'"),
    ],
)
def test_age_size_and_content(tmp_path: Path, age: float, arguments: str, state: State, text: str) -> None:
    """By their ranges."""
    result = ask(stamp(tmp_path, age), *arguments.split())
    assert (result.state, text in result.text) == (state, True), result
    assert age <= result.metrics[0].value + 0.01 < age + 100
    assert [metric.name for metric in result.metrics] == ["age", "size"]


def test_the_owner(tmp_path: Path) -> None:
    """By number or name."""
    path = stamp(tmp_path)
    own = str(os.geteuid())
    assert ask(path, "-o", own).state == OK
    result = ask(path, "-o", str(os.geteuid() + 1))
    assert (result.state, f"belongs to the user {own}, not to" in result.text) == (CRITICAL, True)
    assert ask("/etc/passwd", "-o", "root").state == OK
    result = ask(path, "-o", "nobody-here")
    assert (result.state, "no user nobody-here" in result.text) == (UNKNOWN, True)


@pytest.mark.parametrize(("missing", "state"), [((), CRITICAL), (("--missing", "ok"), OK)])
def test_a_file_that_is_not_there(tmp_path: Path, missing: tuple[str, ...], state: State) -> None:
    """Nor its folder, nor the target of a link."""
    (tmp_path / "link").symlink_to("nowhere")
    stamp(tmp_path)
    for name in ("none", "none/none", "stamp/none", "link"):
        result = ask(tmp_path / name, *missing)
        assert (result.state, result.text) == (state, f"there is no {tmp_path / name}")


def test_links_folders_and_others(tmp_path: Path) -> None:
    """A folder has an age; a FIFO is not waited for."""
    stamp(tmp_path)
    (tmp_path / "link").symlink_to("stamp")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "fifo")
    assert " s old, 17 B" in ask(tmp_path / "link").text
    assert [metric.name for metric in ask(tmp_path, "-c", "100").metrics] == ["age"]
    for name in ("", "fifo"):
        result = ask(tmp_path / name, "--regex", "x")
        assert (result.state, "is no regular file" in result.text) == (CRITICAL, True)
    result = ask(tmp_path / "loop")
    assert (result.state, result.text.startswith(f"cannot look at {tmp_path}/loop: ")) == (UNKNOWN, True)


def test_only_the_beginning_is_searched(tmp_path: Path) -> None:
    """The first 1 MiB."""
    path = stamp(tmp_path, text="x" * (1 << 20) + "end")
    assert "regex missed in 1048576 B" in ask(path, "--regex", "end").text


@pytest.mark.parametrize("path", ["stamp", "", "/a\0b"])
def test_what_is_no_path(path: str) -> None:
    """Of a file."""
    with pytest.raises(UsageError):
        oneshot(file_state, "-f", path)
