"""Does Nagios hear what its guidelines ask for? The real commands: codes, one line, perfdata, and all that can fail."""

from __future__ import annotations

import re
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nagios_plugins.check import performance
from tests.commands import FAR, environment, run, shell, start
from tests.servers import misbehaving as servers
from vipwarden import VERSION
from vipwarden.core.result import Metric, Range

OK, WARNING, CRITICAL, UNKNOWN = range(4)
# 'label'=value[UOM];[warn];[crit];[min];[max] of the Monitoring Plugins guidelines
NUMBER = r"-?[0-9]+(\.[0-9]+)?"
RANGE = rf"@?(~|{NUMBER})?:?({NUMBER})?"
PERFDATA = re.compile(
    rf"([^ '=|\n]+|'[^'=|\n]+')=(U|{NUMBER})(s|us|ms|%|[KMGT]?B|c)?"
    rf"(;({RANGE})?(;({RANGE})?(;({NUMBER})?(;({NUMBER})?)?)?)?)?"
)
LINE = re.compile(r"[A-Z_]+ (OK|WARNING|CRITICAL|UNKNOWN) - ([^|\n]+?)( \| ?([^|\n]+))?\n")


def at(server: servers.Server, *more: str) -> list[str]:
    """Return the options for a server."""
    return ["-H", server.host, "-p", str(server.port), *more]


def is_one_good_line(out: str) -> str:
    """Return the state of a plugin's output, which must be one line by the guidelines."""
    line = LINE.fullmatch(out)
    assert line, out
    for item in (line[4] or "").split():
        assert PERFDATA.fullmatch(item), item
    return line[1]


def test_the_four_states_leave_with_their_codes(tmp_path: Path) -> None:
    """Code and word agree, and the line ends in perfdata of plain numbers."""
    with servers.listening() as good, servers.closed() as bad:
        for code, word, arguments in (
            (OK, "OK", at(good)),
            (WARNING, "WARNING", at(good, "-w", "10:20")),
            (CRITICAL, "CRITICAL", at(good, "-w", "@0:1", "-c", "~:-5.5")),
            (CRITICAL, "CRITICAL", at(bad)),
            (WARNING, "WARNING", at(bad, "--refused", "warning")),
            (UNKNOWN, "UNKNOWN", at(good, "--source", "192.0.2.1")),
        ):
            ran = run(tmp_path, "check_port", *arguments)
            assert (ran.code, is_one_good_line(ran.out), ran.err) == (code, word, "")
            assert re.search(r"\| ?time=[0-9.]+s;", ran.out)
        ran = run(tmp_path, "check_port", *at(good, "-w", "@0:1", "-c", "~:-5.5"))
        assert re.search(r"time=[0-9.]+s;@1;~:-5.5;0;10\n", ran.out)


def test_maintenance_is_said_in_the_text(tmp_path: Path) -> None:
    """By name or by host; the state and what follows are the check's own."""
    env = environment(tmp_path) | {"VIPWARDEN_STATE_DIR": f"{tmp_path}/state"}
    (tmp_path / "vipwarden.yaml").write_text("checks: {web: {check: port, host: 127.0.0.1, port: 1}}")
    begin = ("start", "--host", "127.0.0.1", "--for", "1h", "--reason", "new | disks", "--by", "alice")
    assert run(tmp_path, "vipwarden", "maint", *begin, "--config", f"{tmp_path}/vipwarden.yaml", env=env).code == 0
    with servers.listening() as good:
        ran = run(tmp_path, "check_port", *at(good), env=env)
    assert (ran.code, is_one_good_line(ran.out)) == (OK, "OK")
    assert re.search(r"PORT OK - in maintenance until \S+ \S+ by alice: new / disks: .* is open", ran.out)


def test_several_ports_are_one_line_with_two_metrics(tmp_path: Path) -> None:
    """The notes that name each port wait for -v."""
    with servers.listening() as good, servers.closed() as bad:
        ran = run(tmp_path, "check_port", "-H", "127.0.0.1", "-p", f"{good.port},{bad.port}")
    assert ran.code == CRITICAL
    assert is_one_good_line(ran.out) == "CRITICAL"
    assert " open=1;;;0;2" in ran.out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["-H"],
        ["-H", "127.0.0.1", "-p", "70000"],
        ["-H", "127.0.0.1", "-p", "1", "-t", "0"],
        ["-H", "127.0.0.1", "-p", "1", "-t", "1:fine"],
        ["-H", "127.0.0.1", "-p", "1", "-t", ":ok"],
        ["-H", "127.0.0.1", "-p", "1", "-w", "20:10"],
        ["-H", "127.0.0.1", "-p", "1", "--what|is\nthat"],
        ["-H", "127.0.0.1", "-p", "1", "extra"],
        [b"--\xff|\xfe"],
        ["-H", b"\xff\n", "-p", "1"],
    ],
)
def test_what_cannot_be_asked_is_unknown_in_one_line(tmp_path: Path, arguments: list[str]) -> None:
    """Usage errors are 3 and say where help is, on stdout as Nagios reads it; odd bytes in them change nothing."""
    ran = run(tmp_path, "check_port", *arguments)
    assert ran.code == UNKNOWN
    assert is_one_good_line(ran.out) == "UNKNOWN"


@pytest.mark.parametrize("flags", [["--help"], ["-h"], ["--version"], ["-V"], ["-h", "-H", "127.0.0.1"]])
def test_help_and_version_leave_with_3(tmp_path: Path, flags: list[str]) -> None:
    """So the guidelines want it; and they need no other option."""
    ran = run(tmp_path, "check_port", *flags)
    assert ran.code == UNKNOWN
    if "-h" in flags or "--help" in flags:
        assert ran.out.startswith("usage: check_port [options]\n")
        for letter in "Hp46wctvVhse":
            assert f"  -{letter}, --" in ran.out.replace(", -P", "")
    else:
        assert ran.out == f"check_port {VERSION} (vipwarden)\n"


def test_more_v_say_more_and_never_change_the_state(tmp_path: Path) -> None:
    """-v the notes, -vv the metrics, -vvv the command as it was understood; perfdata comes once."""
    with servers.listening() as good, servers.closed() as bad:
        where = ["-H", "127.0.0.1", "-p", f"{good.port},{bad.port}"]
        said = [run(tmp_path, "check_port", *where, *flag) for flag in ([], ["-v"], ["-v", "--verbose"], ["-vvv"])]
    assert {ran.code for ran in said} == {CRITICAL}
    assert [f"127.0.0.1:{good.port} is open" in ran.out.splitlines() for ran in said] == [False, True, True, True]
    assert ["\nopen: 1\n" in ran.out for ran in said] == [False, False, True, True]
    assert ["host=127.0.0.1" in ran.out for ran in said] == [False, False, False, True]
    assert [ran.out.count("|") for ran in said] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("timeout", "code"),
    [("0.3", CRITICAL), ("0.3:ok", OK), ("0.3:warning", WARNING), ("0.3:2", CRITICAL), ("0.3:UNKNOWN", UNKNOWN)],
)
def test_the_state_at_the_deadline_can_be_chosen(tmp_path: Path, timeout: str, code: int) -> None:
    """-t N:STATE, for the deadline alone."""
    with servers.mute() as server, servers.closed() as bad, servers.listening() as good:
        ran = run(tmp_path, "check_port", *at(server, "-e", "x", "-t", timeout))
        assert run(tmp_path, "check_port", *at(bad, "-t", timeout)).code == CRITICAL
        assert run(tmp_path, "check_port", *at(good, "-t", timeout)).code == OK
    assert (ran.code, is_one_good_line(ran.out)) == (code, ("OK", "WARNING", "CRITICAL", "UNKNOWN")[code])
    assert "within 0.3 s" in ran.out
    assert 0.3 < ran.seconds < FAR


def test_terminated_is_unknown(tmp_path: Path) -> None:
    """Also while it waits for a connection, where an exception would pass for an answer of the network."""
    with servers.mute() as mute, servers.full_backlog() as silent:
        for server in (mute, silent):
            with start(tmp_path, "check_port", *at(server, "-e", "x")) as process:
                until = time.monotonic() + 60
                while not (mute.accepted if server is mute else _sends_syn(process.pid)):
                    assert time.monotonic() < until
                    time.sleep(0.01)
                process.terminate()
                out = process.communicate()[0]
            assert process.returncode == UNKNOWN
            assert out == "PORT UNKNOWN - terminated before the check ended\n"


def _sends_syn(pid: int) -> bool:
    """Return whether a socket of a process waits for the answer to its SYN, as /proc/net/tcp shows it."""
    rows = [row.split() for row in Path(f"/proc/{pid}/net/tcp").read_text(encoding="ascii").splitlines()]
    waiting = {f"socket:[{row[9]}]" for row in rows if row[3] == "02"}
    with suppress(FileNotFoundError):  # it opens and closes files as it starts
        return any(str(path.readlink()) in waiting for path in Path(f"/proc/{pid}/fd").iterdir())
    return False


def test_no_signal_at_any_time_looks_well(tmp_path: Path) -> None:
    """It leaves with 3, or dies of the signal where it has hardly begun, or says at its deadline what it found.

    A Python that is not yet up when SIGINT comes leaves with 1 by itself; Nagios sends none.
    """
    with servers.mute() as server:
        for number in (signal.SIGTERM, signal.SIGINT):
            for step in range(10):
                with start(tmp_path, "check_port", *at(server, "-e", "x", "-t", "2")) as process:
                    time.sleep(step * 0.015)
                    process.send_signal(number)
                    error = process.communicate()[1]
                is_python = number == signal.SIGINT and error.startswith("Fatal Python error: init_")
                assert process.returncode in (UNKNOWN, CRITICAL, -number) or is_python


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        ('exec check_port "$@" >&-', {0: {OK, UNKNOWN}, 2: {CRITICAL, UNKNOWN}}),
        ('exec check_port "$@" <&- >&- 2>&-', {0: {OK, UNKNOWN}, 2: {CRITICAL, UNKNOWN}}),
        ('exec check_port "$@" >/dev/full', {0: {UNKNOWN}, 2: {UNKNOWN}}),
        ('umask 0177; exec check_port "$@"', {0: {OK}, 2: {CRITICAL}}),
        ('exec env -i "$(command -v check_port)" --name env-i "$@"', {0: {OK}, 2: {CRITICAL}}),
        ('export VIPWARDEN_RUNTIME_DIR=/dev/null; exec check_port "$@"', {0: {OK}, 2: {CRITICAL}}),
        ('export LC_ALL=C; exec check_port "$@"', {0: {OK}, 2: {CRITICAL}}),
    ],
)
def test_the_answer_does_not_hang_on_its_surroundings(tmp_path: Path, line: str, codes: dict[int, set[int]]) -> None:
    """Where it cannot say its line it is UNKNOWN at worst; it never looks better or worse than it is."""
    with servers.listening() as good, servers.closed() as bad:
        assert shell(tmp_path, line, *at(good)).code in codes[0]
        assert shell(tmp_path, line, *at(bad)).code in codes[2]
        assert shell(tmp_path, line, "--no-such-option").code == UNKNOWN


def test_a_reader_that_left_is_no_other_state(tmp_path: Path) -> None:
    """A broken pipe is UNKNOWN, without a traceback."""
    with servers.listening() as good, start(tmp_path, "check_port", *at(good)) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.wait()
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert process.returncode == UNKNOWN


@pytest.mark.parametrize("flags", [[], ["-v"], ["-vvv"]])
def test_a_server_cannot_break_the_line(tmp_path: Path, flags: list[str]) -> None:
    """Pipes, newlines and escapes that a server sends neither add perfdata nor lines nor colours."""
    with servers.binary() as server:
        ran = run(tmp_path, "check_port", *at(server, "-e", "x", "-t", "0.2"), *flags)
    assert ran.code == CRITICAL
    assert ran.out.replace("\n", "").isprintable()
    assert ran.out.count("|") == 1
    assert "illegal" not in ran.out
    if not flags:
        assert is_one_good_line(ran.out) == "CRITICAL"


ANY = st.floats() | st.integers(-(10**30), 10**30) | st.booleans() | st.sampled_from([1e-7, 5e-324, 1e300, -0.0])
UNITS = st.sampled_from(["", "s", "B", "%", "c"])


@given(st.text(max_size=20), ANY, UNITS, st.none() | ANY, st.none() | ANY)
def test_perfdata_is_plain_whatever_was_measured(
    name: str, value: float, unit: str, low: float | None, high: float | None
) -> None:
    """Never True, None, nan, inf or 1e-07, and no label can break out of its place."""
    limits = {"warn": Range("~:5"), "crit": Range("@1e-9:1e9")}
    text = str(performance(Metric(name, value, unit, minimum=low, maximum=high, **limits)))
    assert PERFDATA.fullmatch(text), text
