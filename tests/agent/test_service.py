"""Does the agent live as a service should: reloaded, told of by systemd, shown by status?"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.agent.running import Running, agent
from tests.commands import run
from tests.servers import misbehaving as servers

if TYPE_CHECKING:
    from pathlib import Path

WEB = "  web: {check: port, host: 127.0.0.1, port: 1, refused: ok, interval: 0.2}\n"


def checks(*lines: str) -> str:
    """Return a configuration with these entries."""
    return "checks:\n" + "".join(lines)


def since(running: Running, name: str) -> float:
    """Return since when a check is in its state."""
    found = running.verdict(name)
    assert found is not None
    return found.since


@pytest.mark.alone
def test_a_reload_keeps_what_has_not_changed(tmp_path: Path) -> None:
    """Its state, its time of the last change and its track file; what is new begins, what is gone leaves nothing."""
    old = "  old: {check: port, host: 127.0.0.1, port: 1, refused: ok, interval: 0.2}\n"
    new = "  new: {check: port, host: 127.0.0.1, port: 1, refused: warning, interval: 0.2}\n"
    with agent(tmp_path, checks(WEB, old)) as running:
        running.must_come(lambda: running.state("web") == "OK" and running.value("old") == "1" and running.state("old"))
        before = since(running, "web")
        values: set[str] = set()

        def has_come() -> bool:
            values.add(running.value("web"))
            return running.state("new") == "WARNING"

        running.configure(checks(WEB, new))
        running.must_come(has_come)
        running.must_come(lambda: running.value("old") == "" and running.state("old") == "")
        assert values == {"1"}
        assert since(running, "web") == before
        running.must_come(lambda: len(running.watchdogs()) == 1)
        running.process.send_signal(signal.SIGKILL)
        running.must_come(lambda: running.value("web") == "0")


def test_a_check_that_changed_begins_with_its_last_verdict(tmp_path: Path) -> None:
    """Another interval, or another port of a healthy server, is no hand-over; its first result acts at once."""
    patient = WEB.replace("refused: ok", "refused: ok, agent_loss_after: 60")  # of a busy machine
    with servers.listening() as server, agent(tmp_path, checks(patient)) as running:
        running.must_come(lambda: running.state("web") == "OK")
        values: set[str] = set()
        for more in (f"port: {server.port}, interval: 0.2", f"port: {server.port}, interval: 0.3, fall: 2"):
            count = len([line for line in running.said if line.startswith("reloaded")])
            running.configure(checks(f"  web: {{check: port, host: 127.0.0.1, {more}, agent_loss_after: 60}}\n"))

            def reloaded(count: int = count) -> bool:
                values.add(running.value("web"))
                return len([line for line in running.said if line.startswith("reloaded")]) > count

            running.must_come(reloaded)
        time.sleep(0.5)
        assert values == {"1"}
        assert running.value("web") == "1"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (checks(WEB, "  bad: {check: nothing}\n"), "vipwarden.yaml:3: checks.bad.check there is no check 'nothing'"),
        (checks(WEB, "  bad: {check: port, host: h, interval: x}\n"), "vipwarden.yaml:3: checks.bad.interval is 'x'"),
        (checks(WEB, "  bad: {all_of: [web, nobody]}\n"), "vipwarden.yaml:3: checks.bad.all_of names 'nobody'"),
        ("checks: [", "vipwarden.yaml:1: is not YAML"),
    ],
)
def test_a_bad_configuration_is_refused_and_the_old_one_stays(tmp_path: Path, text: str, told: str) -> None:
    """With file, line and key."""
    with agent(tmp_path, checks(WEB)) as running:
        running.must_come(lambda: running.state("web") == "OK")
        running.configure(text)
        running.must_come(lambda: running.has_said(told))
        assert running.has_said("not reloaded, everything goes on as before")
        found = running.verdict("web")
        assert found is not None
        running.must_come(lambda: (last := running.verdict("web")) is not None and last.stamp > found.stamp)
        assert running.value("web") == "1"
        (tmp_path / "vipwarden.yaml").unlink()
        running.process.send_signal(signal.SIGHUP)
        running.must_come(lambda: running.has_said("cannot be read: No such file or directory"))
        assert running.process.poll() is None


def test_a_configuration_is_checked_without_running_it(tmp_path: Path) -> None:
    """Exit codes 0 and 2; the same for what runs."""
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(checks(WEB))
    bad.write_text(checks("  web: {check: port, hots: h}\n"))
    done = run(tmp_path, "vipwarden", "agent", "--check-config", "--config", str(good))
    assert (done.code, done.out) == (0, f"{good}: 1 checks, nothing wrong\n")
    for more in (("--check-config",), ()):
        done = run(tmp_path, "vipwarden", "agent", *more, "--config", str(bad))
        assert done.code == 2
        assert f"{bad}:2: checks.web.hots is not known" in done.err
    lost = f"{tmp_path}/mysql.cnf"
    good.write_text(checks(f"  db:\n    check: mysql_ping\n    defaults_file: {lost}\n"))
    for part, what in (("agent", "1 checks, "), ("run", "1 checks, "), ("exporter", "")):
        done = run(tmp_path, "vipwarden", part, "--check-config", "--config", str(good))
        assert (done.code, done.out) == (0, f"{good}: {what}no mistakes\n")
        assert done.err == f"warning: {good}:4: checks.db.defaults_file is {lost!r}: No such file or directory\n"
    assert not (tmp_path / "run" / "track").exists()


def test_systemd_is_told(tmp_path: Path) -> None:
    """Ready, alive each second, reloading with the time of the monotonic clock, and stopping."""
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(path)
        sock.settimeout(60)
        with agent(tmp_path, checks(WEB), env={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "2000000"}) as running:
            assert sock.recv(4096) == b"READY=1\nSTATUS=1 checks"
            begun = time.monotonic()
            assert [sock.recv(4096) for _ in range(3)] == [b"WATCHDOG=1"] * 3
            assert time.monotonic() - begun < 5.5  # by half of WATCHDOG_USEC, where all of it would take 6
            running.configure(checks(WEB, "  more: {check: port, host: 127.0.0.1, port: 1}\n"))
            said = []
            while b"READY=1\nSTATUS=2 checks" not in said:
                said.append(sock.recv(4096))
            assert any(line.startswith(b"RELOADING=1\nMONOTONIC_USEC=") for line in said)
            running.end()
            while sock.recv(4096) != b"STOPPING=1":
                pass


def test_systemd_hears_nothing_of_an_agent_that_hangs(tmp_path: Path) -> None:
    """So that WatchdogSec ends it."""
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(path)
        sock.settimeout(60)
        with agent(tmp_path, checks(WEB), env={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "2000000"}) as running:
            while sock.recv(4096) != b"WATCHDOG=1":
                pass
            running.process.send_signal(signal.SIGSTOP)
            sock.settimeout(2)
            while select.select([sock], [], [], 0)[0]:
                sock.recv(4096)  # what was said before
            with pytest.raises(TimeoutError):
                sock.recv(4096)


def test_status_shows_all_checks_and_leaves_with_the_worst_state(tmp_path: Path) -> None:
    """As a table and as JSON; what is stale is UNKNOWN, and a verdict of a command counts for a minute."""
    bad = "  bad: {check: port, host: 127.0.0.1, port: 1, interval: 0.2}\n"
    assert run(tmp_path, "vipwarden", "status").code == 3
    with agent(tmp_path, checks(WEB)) as running:
        running.must_come(lambda: running.state("web") == "OK")
        done = run(tmp_path, "vipwarden", "status")
        while done.code != 0:  # a busy machine: the agent is late, and says so
            assert "s late" in done.out, done.out
            done = run(tmp_path, "vipwarden", "status")
        lines = done.out.splitlines()
        assert lines[0].split() == ["NAME", "STATE", "SINCE", "AGE", "TEXT"]
        assert [line.split()[:2] for line in lines[1:]] == [["vipwarden", "agent"], ["web", "OK"]]
        running.configure(checks(WEB, bad))
        running.must_come(lambda: running.state("bad") == "CRITICAL")
        done = run(tmp_path, "vipwarden", "status", "--json")
        assert done.code == 2
        found = json.loads(done.out)
        assert (found["state"], found["status"]) == (2, "CRITICAL")
        assert [row["name"] for row in found["checks"]] == ["bad", "vipwarden agent", "web"]
        assert found["checks"][0]["text"].startswith("127.0.0.1:1 is closed")
        assert 0 <= found["checks"][2]["age_seconds"] < 3
        running.end(signal.SIGKILL)
        time.sleep(1.4)
        done = run(tmp_path, "vipwarden", "status")
        assert done.code == 3
        assert "stale, no agent looks at it any more: no verdict for " in done.out
    assert run(tmp_path, "vipwarden", "status", "--wrong").code == 3


def test_a_hangup_before_the_start_is_over_is_done_after_it(tmp_path: Path) -> None:
    """As by a launcher that had it blocked, and by one that is too fast."""
    launcher = (
        "import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP]);"
        "os.kill(os.getpid(), signal.SIGHUP); os.execv(sys.argv[1], sys.argv[1:])"
    )
    with agent(tmp_path, checks(WEB), before=(sys.executable, "-c", launcher)) as running:
        running.must_come(lambda: running.has_said("reloaded: 1 checks"), 30)
        running.must_come(lambda: running.value("web") == "1")
        assert len(running.watchdogs()) == 1


def test_reloads_leave_one_watchdog(tmp_path: Path) -> None:
    """From none to some checks and back, and with the watchdog killed in the same moment."""
    with agent(tmp_path, "checks: {}\n") as running:
        running.must_come(lambda: len(running.watchdogs()) == 1)
        for number, text in enumerate([checks(WEB), "checks: {}\n"] * 10, 1):
            for pid in running.watchdogs() if number > 3 else ():
                os.kill(pid, signal.SIGKILL)
            running.configure(text)
            running.must_come(lambda number=number: sum("reloaded" in line for line in running.said) == number)  # type: ignore[misc]
            running.must_come(lambda: len(running.watchdogs()) == 1)
        assert running.process.poll() is None


def test_a_configuration_that_breaks_the_reader_is_no_reason_to_end(tmp_path: Path) -> None:
    """Whatever it raises: the checks go on."""
    with agent(tmp_path, checks(WEB)) as running:
        running.must_come(lambda: running.value("web") == "1")
        running.configure("checks: " + "[" * 1500)
        running.must_come(lambda: running.has_said("not reloaded, everything goes on as before"), 60)
        assert running.value("web") == "1"
        running.configure(checks(WEB))
        running.must_come(lambda: running.has_said("reloaded: 1 checks"))


def test_a_reload_of_both_reloads_both(tmp_path: Path) -> None:
    """What is wrong for the one changes nothing in the other."""
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as free:
        used, port = taken.getsockname()[1], free.getsockname()[1]
        free.close()

        def both(port: int, *more: str) -> str:
            return f"exporter: {{listen: '127.0.0.1:{port}'}}\n" + checks(WEB, *more)

        with agent(tmp_path, both(0), command=("run",)) as running:
            running.must_come(lambda: running.value("web") == "1")
            running.configure(both(used, WEB.replace("web", "more")))
            running.must_come(lambda: running.has_said(f"cannot listen on 127.0.0.1:{used}: the port is in use"))
            assert running.value("more") == ""
            running.configure(both(port))
            running.must_come(lambda: running.has_said("reloaded: 1 checks"))
            socket.create_connection(("127.0.0.1", port), 5).close()


def test_an_agent_and_the_exporter_share_a_process(tmp_path: Path) -> None:
    """As vipwarden run has it: what it checks is on the page, and its track files fail with it."""
    text = 'exporter: {listen: "127.0.0.1:0"}\n' + checks(WEB)
    with agent(tmp_path, text, command=("run",)) as running:
        running.must_come(lambda: running.state("web") == "OK" and running.value("web") == "1")
        running.end(signal.SIGKILL)
        running.must_come(lambda: running.value("web") == "0")
