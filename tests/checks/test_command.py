"""What does an old script or Nagios plugin say? Asked of real programs, on both drivers."""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent.driver import Driver
from agent.run import Run
from checks.command import Program, command
from tests.agent.drive import Inside, once, resident
from tests.agent.scripted import states
from tests.commands import program, start
from tests.drive import oneshot
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Result, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# modules that chk_command loads beside its own file and what every chk_ command loads
LOADS = """
    vipwarden.core.perfdata vipwarden.core.words vipwarden.net.file vipwarden.net.left vipwarden.node
    vipwarden.node.process vipwarden.node.process.program vipwarden.node.process.running
"""
DRIVERS = pytest.mark.parametrize("ask", [oneshot, resident])


@contextmanager
def healthy(_folder: Path) -> Iterator[str]:
    """Yield options with which the check is OK."""
    yield "--run /usr/bin/true"


def script(folder: Path, *lines: str) -> str:
    """Write a script and return its path."""
    path = folder / "script"
    path.write_text("\n".join(("#!/bin/sh", *lines, "")), encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def run(ask: Callable[..., Result], folder: Path, *lines: str, options: tuple[str, ...] = ()) -> Result:
    """Run a script with these lines."""
    return ask(command, "--run", script(folder, *lines), "-t", "5", *options)


def numbers(result: Result) -> dict[str, float]:
    """Return its metrics by name."""
    return {metric.name: metric.value for metric in result.metrics}


def descriptors() -> int:
    """Return how many this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def until_gone(pid: int) -> None:
    """Wait until a process has ended, or is a zombie that somebody else's parent keeps."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            if b") Z " in Path(f"/proc/{pid}/stat").read_bytes():
                return
        except OSError:
            return
        time.sleep(0.005)
    raise AssertionError(f"{pid} is still there")


@DRIVERS
@pytest.mark.parametrize(
    ("code", "options", "state", "text"),
    [
        (0, "", OK, "said"),
        (1, "", WARNING, "said"),
        (2, "", CRITICAL, "said"),
        (3, "", UNKNOWN, "said"),
        (4, "", UNKNOWN, "exited with 4: said"),
        (0, "--codes script", OK, "said"),
        (1, "--codes script", CRITICAL, "exited with 1: said"),
        (255, "--codes script", CRITICAL, "exited with 255: said"),
    ],
)
def test_the_exit_code_is_the_state(
    ask: Callable[..., Result], tmp_path: Path, code: int, options: str, state: State, text: str
) -> None:
    """As Nagios has it, or keepalived."""
    result = run(ask, tmp_path, "echo said", f"exit {code}", options=tuple(options.split()))
    assert (result.state, result.text.endswith(text), result.expired) == (state, True, False), result


@DRIVERS
def test_text_and_numbers_are_taken_over(ask: Callable[..., Result], tmp_path: Path) -> None:
    """Those of the first line, of the lines below, and in base units."""
    result = run(
        ask,
        tmp_path,
        "cat <<'END'",
        "DISK WARNING - 5% free | /=95%;90;95;0;100 'a b'=20ms;10;1:50 size=2KB",
        "first note",
        "second note | n=3c",
        "m=-1.5;@1:2 bad=nan worse= =1 x",
        "END",
        "exit 1",
    )
    assert (result.state, result.text) == (WARNING, "DISK WARNING - 5% free")
    assert numbers(result) == {"/": 95, "a b": 0.02, "size": 2048, "n": 3, "m": -1.5}
    one, two, *_ = result.metrics
    assert (one.uom, str(one.warn), str(one.crit), one.minimum, one.maximum) == ("%", "90", "95", 0, 100)
    assert (two.uom, str(two.warn), str(two.crit)) == ("s", "0.01", "0.001:0.05")
    assert result.notes == ["first note", "second note"]


@DRIVERS
def test_what_is_said_on_stderr_counts_where_nothing_else_is_said(ask: Callable[..., Result], tmp_path: Path) -> None:
    """And silence is told."""
    assert run(ask, tmp_path, "echo 'no | such=1' >&2", "exit 2").text == "no / such=1"
    assert run(ask, tmp_path, "echo noise >&2", "echo fine").text == "fine"
    assert run(ask, tmp_path, "exit 2").text.endswith("ended and said nothing")
    assert run(ask, tmp_path, "kill -9 $$").text.endswith("was killed by signal 9 and said nothing")


@DRIVERS
def test_at_the_deadline_its_whole_group_is_killed(ask: Callable[..., Result], tmp_path: Path) -> None:
    """Also where it ignores SIGTERM, and whoever holds its output."""
    lines = ("trap '' TERM", "sleep 600 &", f"echo $$ $! >{tmp_path}/pids", "wait")
    result = ask(command, "--run", script(tmp_path, *lines), "-t", "1")
    assert (result.state, result.expired) == (CRITICAL, True)
    assert "did not end within 1 s and was killed" in result.text
    for pid in (tmp_path / "pids").read_text().split():
        until_gone(int(pid))


@DRIVERS
def test_what_it_leaves_behind_is_killed_and_not_waited_for(ask: Callable[..., Result], tmp_path: Path) -> None:
    """A child that holds the pipe does not hold up the check."""
    result = run(ask, tmp_path, "sleep 600 &", f"echo $! >{tmp_path}/pid", "echo done")
    assert (result.state, result.text) == (OK, "done")
    until_gone(int((tmp_path / "pid").read_text()))


@DRIVERS
@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (("exec yes",), "it wrote more than 16 MiB and was killed"),
        (("exec yes >&2",), "it wrote more than 16 MiB and was killed"),
        (("head -c 300000 /dev/zero | tr '\\0' x", "exit 2"), "..."),
        (("head -c 100000 /dev/urandom", "echo", "exit 2"), ""),
        (("printf '\\033[2J\\001|\\000=1 %s' \"$(seq 9999)\"", "exit 2"), ""),
    ],
)
def test_hostile_output_is_bounded(
    ask: Callable[..., Result], tmp_path: Path, lines: tuple[str, ...], text: str
) -> None:
    """Endless, binary, in one line."""
    result = run(ask, tmp_path, *lines)
    assert result.state >= CRITICAL
    assert text in result.text
    assert len(result.text) < 600
    assert result.text.isprintable()
    assert all(note.isprintable() and len(note) <= 400 for note in result.notes)
    assert len(result.notes) <= 100
    assert len(result.metrics) <= 100


@DRIVERS
def test_it_runs_in_a_clean_environment(
    ask: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without our variables, descriptors, input and ignored signals, in a group of its own."""
    monkeypatch.setenv("SECRET", "x")
    result = run(ask, tmp_path, "env | sort | tr '\\n' ' '", "ls /proc/self/fd | tr '\\n' ' '", "wc -c")
    assert result.text.startswith(
        "LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin PWD="
    )
    assert "SECRET" not in result.text
    assert result.text.endswith(" 0 1 2 3 0")  # 3 is the folder that ls reads
    ignored = run(ask, tmp_path, "exec grep SigIgn /proc/self/status").text.split()[1]
    assert int(ignored, 16) & 0x7FFFFFFF == 0
    group = run(ask, tmp_path, "echo $$ $(cut -d' ' -f5,6 /proc/$$/stat)").text.split()
    assert len(set(group)) == 1


@DRIVERS
@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/no/such/file", "No such file"),
        ("/etc/passwd", "no program"),
        ("/etc", "directory"),
        ("{folder}/bad", "No such file"),
    ],
)
def test_what_cannot_run_is_unknown(ask: Callable[..., Result], tmp_path: Path, path: str, text: str) -> None:
    """Gone, no program, without its interpreter."""
    bad = tmp_path / "bad"
    bad.write_text("#!/no/such/interpreter\n")
    bad.chmod(0o755)
    result = ask(command, "--run", path.format(folder=tmp_path))
    assert (result.state, text in result.text) == (UNKNOWN, True), result


@pytest.mark.parametrize("text", ["true", "./true", "", "/bin/echo $HOME", "/bin/a | /bin/b", "/bin/echo 'a"])
def test_what_is_no_command_line_is_refused(text: str) -> None:
    """No shell runs it."""
    with pytest.raises(ValueError, match=r"wanted|shell|closed"):
        Program(text)


def test_a_real_plugin_is_understood() -> None:
    """check_http of the monitoring plugins, whose server is not there."""
    result = oneshot(command, "--run", f"{program('/usr/lib/nagios/plugins/check_http')} -H 127.0.0.1 -p 1")
    assert result.state == CRITICAL
    assert "refused" in result.text


def test_without_pidfds_the_end_is_seen_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on EL8: also where a child holds the pipe."""
    monkeypatch.delattr("posix.pidfd_open")
    result = run(oneshot, tmp_path, "sleep 600 &", f"echo $! >{tmp_path}/pid", "echo done")
    assert (result.state, result.text) == (OK, "done")
    until_gone(int((tmp_path / "pid").read_text()))


def test_a_check_that_is_abandoned_kills_its_program(tmp_path: Path) -> None:
    """At a reload or the end of the agent; no descriptor is left."""

    async def abandoned(path: str) -> int:
        driver = Driver()
        values = {"run": Program(path), "timeout": 60.0}
        run_ = Run(driver, "it", command, values, 60, lambda _result: pytest.fail("it ended"))
        before = descriptors()
        driver.start(run_)
        pid = tmp_path / "pid"
        while not (pid.exists() and pid.read_text()):  # noqa: ASYNC110 - it happens in a file
            await asyncio.sleep(0.005)
        driver.abandon(run_)
        assert descriptors() == before
        driver.close()
        return int(pid.read_text())

    until_gone(asyncio.run(abandoned(script(tmp_path, f"echo $$ >{tmp_path}/pid", "exec sleep 600"))))


def test_hundreds_run_at_once_in_one_process(tmp_path: Path) -> None:
    """And others go on meanwhile."""

    async def all_at_once(path: str) -> list[Result]:
        driver = Driver()
        values = {"run": Program(path), "timeout": 60.0}
        try:
            return await asyncio.gather(*(once(driver, command, values, 60) for _ in range(200)))
        finally:
            driver.close()

    results = asyncio.run(all_at_once(script(tmp_path, "echo $$", "exec sleep 0.1")))
    assert {result.state for result in results} == {OK}
    assert len({result.text for result in results}) == 200


def test_a_signal_that_ends_the_command_ends_the_program(tmp_path: Path) -> None:
    """That is what keepalived sends at its own time-out."""
    line = script(tmp_path, f"echo $$ >{tmp_path}/pid", "exec sleep 600")
    with start(tmp_path, "chk_command", "--run", line, "-t", "60") as child:
        pid = tmp_path / "pid"
        while not (pid.exists() and pid.read_text()):
            time.sleep(0.005)
        child.send_signal(signal.SIGTERM)
        child.communicate(timeout=60)
    until_gone(int(pid.read_text()))


def test_the_agent_runs_it(tmp_path: Path) -> None:
    """By the configuration file."""
    inside = Inside(
        tmp_path, f"it: {{check: command, run: '{script(tmp_path, 'echo said', 'exit 1')}', interval: 0.1}}"
    )
    inside.run_until(lambda: inside.agent._meter.runs > 3 if hasattr(inside, "agent") else False)
    assert states(inside) == {"it": "WARNING"}


def test_a_copy_that_cannot_be_killed_is_not_joined_by_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that hangs in the kernel: here a process that lives on stands in for it."""
    line = script(tmp_path, "echo ran")
    with start(tmp_path, "/bin/sleep", "600") as child:
        monkeypatch.setattr("vipwarden.node.process.running._left", {child.pid: (line,)})
        stuck = oneshot(command, "--run", line)
        other = oneshot(command, "--run", f"{line} other")
        child.kill()
        child.wait()
        again = oneshot(command, "--run", line)
    assert (stuck.state, stuck.expired) == (UNKNOWN, True)
    assert f"(pid {child.pid}) was killed and has not ended" in stuck.text
    assert (other.text, again.text) == ("ran", "ran")
