"""Is a program running? Asked of real processes, and of folders that pretend to be /proc."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.commands import program
from tests.servers.program import copy, sleeper, started, until_dead
from vipwarden.core.options import UsageError
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING

if TYPE_CHECKING:
    from collections.abc import Iterator
from tests.checks.processes import LONG, ask, entry, run_python, said


def test_a_running_program_is_found_with_its_number(tmp_path: Path, name: str) -> None:
    with sleeper(tmp_path, name) as child:
        result = ask("-C", name)
        assert said(result) == (OK, f"1 process {name} (pid {child.pid})")
        metrics = {metric.name: metric for metric in result.metrics}
        assert list(metrics) == ["processes", "age", "rss"]
        assert metrics["processes"].value == 1
        assert str(metrics["processes"].crit) == "1:"
        assert 0 <= metrics["age"].value < 60
        assert 100_000 < metrics["rss"].value < 10_000_000
        with started(str(tmp_path / name), "60") as other:
            pids = sorted((child.pid, other.pid))
            assert said(ask("-C", name)) == (OK, f"2 processes {name} (pids {pids[0]}, {pids[1]})")


def test_a_program_that_does_not_run_is_critical(name: str) -> None:
    result = ask("-C", name)
    assert said(result) == (CRITICAL, f"no process {name}")
    assert [metric.name for metric in result.metrics] == ["processes"]


def test_what_must_not_run_is_fine_while_it_does_not(tmp_path: Path, name: str) -> None:
    assert ask("-C", name, "-c", "0").state == OK
    with sleeper(tmp_path, name) as child:
        assert said(ask("-C", name, "-c", "0")) == (CRITICAL, f"1 process {name} (pid {child.pid}), range 0")


def test_too_few_are_a_warning_with_the_range_that_they_miss(tmp_path: Path, name: str) -> None:
    with sleeper(tmp_path, name) as child:
        assert said(ask("-C", name, "-w", "2:")) == (WARNING, f"1 process {name} (pid {child.pid}), range 2:")


def test_a_zombie_does_not_count_and_is_told_of(tmp_path: Path, name: str) -> None:
    with started(copy(tmp_path, name), "0") as child:
        until_dead(child)
        for given in (["-C", name], ["-C", name, "-a", "no longer there"], ["-C", name, "-u", "root"]):
            result = ask(*given)
            assert result.state == CRITICAL
            assert result.text.startswith(f"no process {name}")
            assert result.text.endswith(" (1 zombie left out)")
        with sleeper(tmp_path, name + "x") as alive:
            assert said(ask("-C", name + "x")) == (OK, f"1 process {name}x (pid {alive.pid})")


def test_a_dying_process_does_not_count(tmp_path: Path) -> None:
    entry(tmp_path, 812, "haproxy", state="X")
    entry(tmp_path, 813, "haproxy", state="Z")
    assert said(ask("-C", "haproxy", "--proc", tmp_path)) == (CRITICAL, "no process haproxy (2 zombies left out)")
    entry(tmp_path, 814, "haproxy")
    text = "1 process haproxy (pid 814), range 2: (2 zombies left out)"
    assert said(ask("-C", "haproxy", "--proc", tmp_path, "-c", "2:")) == (CRITICAL, text)
    assert said(ask("-C", "haproxy", "--proc", tmp_path)) == (OK, "1 process haproxy (pid 814)")


@pytest.mark.parametrize("odd", ["a) (b c", "(x) S 1", "c\nd", "é) R", "))))((((", "1"])
def test_a_name_may_hold_spaces_parentheses_and_newlines(tmp_path: Path, odd: str) -> None:
    with sleeper(tmp_path, odd):
        assert ask("-C", odd).state == OK


def test_what_a_name_holds_cannot_reach_the_terminal(tmp_path: Path) -> None:
    with sleeper(tmp_path, "a\n\x1b[31mb") as child:
        (tmp_path / "pid").write_text(str(child.pid))
        result = ask("--pidfile", tmp_path / "pid", "-C", "x\x1b[0m\ny")
        assert result.text == f"pidfile {tmp_path}/pid names {child.pid}, which is a [31mb, not x [0m y"


def test_a_long_name_is_compared_whole(tmp_path: Path) -> None:
    with sleeper(tmp_path, LONG + "_a") as child:
        assert said(ask("-C", LONG + "_a")) == (OK, f"1 process {LONG}_a (pid {child.pid})")
        for other in (LONG + "_b", LONG, LONG[:15], LONG[:14], LONG + "_ab"):
            assert said(ask("-C", other)) == (CRITICAL, f"no process {other}")


@pytest.mark.parametrize("title", ["{}: worker process", "{} -f /etc/x", "worker of something", "[idle]", " "])
def test_a_process_that_rewrote_its_command_line_goes_by_its_name(tmp_path: Path, name: str, title: str) -> None:
    for called in (name, name + "_longer_than_the_kernel"):
        with sleeper(tmp_path, called, title.format(called)):
            assert ask("-C", called).state == OK
            assert ask("-C", called + "x").state == CRITICAL


@pytest.mark.parametrize("options", ["", " -I"])
def test_a_script_goes_by_its_own_name_not_by_its_interpreter(tmp_path: Path, name: str, options: str) -> None:
    for called in (name, name + "_longer_than_the_kernel"):
        script = tmp_path / called
        script.write_text(f"#!/usr/bin/python3{options}\nimport time\ntime.sleep(60)\n")
        script.chmod(0o755)
        with started(str(script), "argument"):
            assert ask("-C", called).state == OK
            assert ask("-C", called + "x").state == CRITICAL


def test_a_script_given_to_its_interpreter_is_found_by_its_argument(tmp_path: Path, name: str) -> None:
    script = tmp_path / f"{name}.py"
    script.write_text("import time\ntime.sleep(60)\n")
    with started(sys.executable, str(script), "--worker") as child:
        assert ask("-C", f"{name}.py").state == CRITICAL
        assert ask("-a", rf"/{name}\.py --worker$").state == OK
        result = ask("-a", rf"{name}\.py")
        assert said(result) == (OK, f"1 process with '{name}\\\\.py' (pid {child.pid})")


def test_the_check_does_not_find_itself(name: str) -> None:
    code = """
import posix
from vipwarden.net.blocking import BlockingNet, run
from checks.process import Regex, process
print(run(process(BlockingNet(), argument=Regex(sys.argv[1]), proc="/proc"), 10).text)
"""
    assert run_python(code, name) == f"no process with '{name}'"


@pytest.mark.parametrize(
    "line",
    [
        "kill -STOP $$; chk_process -a {}",
        "kill -STOP $$; sudo check_process -c 2: -a '{}'",
        "kill -STOP $$; chk_process -C {0} -a{0}",
        "kill -STOP $$; vipwarden check process --argument={} -w 1:",
    ],
)
def test_whoever_runs_a_check_for_an_argument_does_not_stand_in_for_it(name: str, line: str) -> None:
    """Neither the shell that started it nor another run of it at the same time."""
    with started("/bin/sh", "-c", line.format(name)):
        assert said(ask("-a", name)) == (CRITICAL, f"no process with '{name}'")
        assert ask("-a", r"kill -STOP \$\$; .*process").state == OK


def test_a_program_counts_for_its_user_alone() -> None:
    title = "vw" + os.urandom(5).hex()
    with started(title, "60", executable="/bin/sleep", user=65534) as child:
        for user in ("nobody", "65534"):
            assert said(ask("-a", title, "-u", user)) == (
                OK,
                f"1 process with '{title}' of user {user} (pid {child.pid})",
            )
        assert said(ask("-a", title, "-u", "root")) == (CRITICAL, f"no process with '{title}' of user root")
        assert ask("-u", "nobody").state == OK
        assert said(ask("-u", "4123456789")) == (CRITICAL, "no process of user 4123456789")


@pytest.mark.parametrize(
    ("option", "text"),
    [
        *(("-u", text) for text in ("a:b", "", "-1", "a/b")),
        *(("-a", text) for text in ("", "(x", "x{99999999999}")),
        *(("-C", text) for text in ("", "/usr/sbin/haproxy")),
        *(("--rss", text) for text in ("", "1X", "M")),
        ("--age", "1K"),
        ("-c", ""),
    ],
)
def test_what_cannot_be_is_a_usage_error(option: str, text: str) -> None:
    with pytest.raises(UsageError):
        ask(option, text)


def test_a_user_that_is_not_there_is_unknown() -> None:
    """It is looked up in the run, and so within its deadline."""
    assert said(ask("-u", "no such user here")) == (
        UNKNOWN,
        "cannot search for processes: this node has no user no such user here",
    )


def test_at_least_one_thing_to_look_for_is_wanted() -> None:
    assert said(ask("-c", "1:", "--age", "10:")) == (
        UNKNOWN,
        "nothing to search for: give a command, an argument, a pidfile or a user",
    )


def test_the_age_of_each_process_must_be_in_range(tmp_path: Path) -> None:
    entry(tmp_path, 812, "haproxy", start=0)
    entry(tmp_path, 813, "haproxy", start=98_800)
    result = ask("-C", "haproxy", "--proc", tmp_path, "--age", "60:")
    assert said(result) == (CRITICAL, "2 processes haproxy (pids 812, 813); pid 813 is 12 s old, range 60:")
    assert ask("-C", "haproxy", "--proc", tmp_path, "--age", "10:1000").state == OK
    assert ask("-C", "haproxy", "--proc", tmp_path, "--age", "999").state == CRITICAL
    assert [metric.value for metric in result.metrics] == [2, 1000, 2 << 20]


def test_the_memory_of_each_process_must_be_in_range(tmp_path: Path) -> None:
    entry(tmp_path, 812, "haproxy", rss=1024)
    entry(tmp_path, 813, "haproxy", rss=3072)
    result = ask("-C", "haproxy", "--proc", tmp_path, "--rss", "2M", "-w", "5:")
    text = "2 processes haproxy (pids 812, 813), range 5:; pid 813 holds 3145728 B, range 2097152"
    assert said(result) == (CRITICAL, text)
    assert ask("-C", "haproxy", "--proc", tmp_path, "--rss", "3145728").state == OK
    assert result.notes == ["pid 812 haproxy: 1000 s old, 1048576 B", "pid 813 haproxy: 1000 s old, 3145728 B"]


def test_a_real_haproxy_is_found(tmp_path: Path) -> None:
    times = "".join(f" timeout {side} 1s\n" for side in ("connect", "client", "server"))
    (tmp_path / "cfg").write_text(f"defaults\n{times}listen x\n bind {tmp_path}/socket\n")
    words = [program("haproxy"), "-W", "-db", "-C", str(tmp_path), "-f", "cfg", "-p", "pid"]
    with started(*words) as child:
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            assert child.poll() is None
        assert ask("-C", "haproxy").state == OK
        assert ask("--pidfile", tmp_path / "pid", "-C", "haproxy").state == OK
        assert ask("--pidfile", tmp_path / "pid", "-C", "nginx").text.endswith("which is haproxy, not nginx")
        assert ask("-a", f"haproxy .*{tmp_path} ").state == OK


# what chk_process loads beside what every chk_ command does
LOADS = """vipwarden.core.size
    vipwarden.node vipwarden.node.process vipwarden.node.process.procfs vipwarden.node.process.wanted"""


@contextmanager
def healthy(_folder: Path) -> Iterator[str]:
    """Yield options with which the check is OK."""
    yield f"-C {Path('/proc/self/comm').read_text().strip()}"
