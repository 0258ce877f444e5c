"""Which process is a keepalived, and which dump counts?"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from exporter.source import AbsentError
from exporter.sources.vrrp import source as vrrp
from tests.commands import program
from tests.exporter.sources.pair import CONF, FIXTURES, SECRET, Node, scraped
from tests.servers.keepalived import known, misbehaving
from vipwarden.node.keepalived.find import find
from vipwarden.node.keepalived.process import Keepalived as Process
from vipwarden.node.keepalived.process import NoProcessError


def dumps(folder: Path) -> None:
    """Lay out what a misbehaving keepalived would write if it behaved."""
    for kind in ("data", "json", "stats"):
        shutil.copy(FIXTURES / f"keepalived_2.2.7.{kind}", folder / f"whole.{kind}")
    (folder / "keepalived.conf").write_text("vrrp_instance VI_1 {\n}\n")


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        ("fresh(path, whole[:len(whole) // 2], whole[len(whole) // 2:])", ""),
        ("fresh(path, '', whole[:99], whole[99:])", ""),
        ("pass", "keepalived.data is not new"),
        ("name == 'data' and fresh(path, whole)", "keepalived.json is not new"),
        ("fresh(path, whole[:len(whole) // 2])", "not all is there"),
        ("fresh(path + '2', whole); pathlib.Path(path).symlink_to(path + '2')", "cannot be opened"),
        ("fresh(path + '2', whole); os.link(path + '2', path)", "is no file of keepalived's"),
        (
            "fresh(path + '2', whole); os.chown(path + '2', 65534, 0); os.rename(path + '2', path)",
            "belongs to user 65534",
        ),
        ("os.mkfifo(path)", "is no file of keepalived's"),
        ("fresh(path + '2', ''); os.truncate(path + '2', 1 << 30); os.rename(path + '2', path)", "more than 32 MiB"),
    ],
)
def test_a_dump_counts_when_it_is_new_whole_and_keepalived_s(tmp_path: Path, script: str, failure: str) -> None:
    """Torn ones are waited for, stale ones and those of others never taken."""
    dumps(tmp_path)
    for kind in ("data", "json"):
        shutil.copy(tmp_path / f"whole.{kind}", tmp_path / f"keepalived.{kind}")  # stale
    if "link" in script or "fifo" in script:
        (tmp_path / "keepalived.data").unlink()
    with misbehaving(tmp_path, script) as pidfile:
        seconds = 1.5 if failure else 10
        given = known(keepalived_conf=f"{tmp_path}/keepalived.conf", keepalived_pidfile=pidfile, timeout=seconds)
        facts = vrrp.read(given)
    assert failure in facts.failure
    assert facts.up is not bool(failure)
    assert [one.name for one in facts.instances] == ([] if failure else ["VI_1", "VI_2"])
    assert SECRET not in facts.failure


def test_a_keepalived_without_json_is_asked_for_its_stats(
    nodes: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on EL8, whose kernel has no pidfd either: here both are there, and are put out of the way."""
    real = Process.numbers

    def numbers(process: Process) -> dict[str, int]:
        return {name: number for name, number in real(process).items() if name != "JSON"}

    ((one, left), _) = nodes
    by_json = scraped(known(left), one)
    monkeypatch.setattr(Process, "numbers", numbers)
    monkeypatch.delattr("os.pidfd_open")
    by_stats = scraped(known(left, keepalived_states=("/stats",)), one)
    assert by_json.pop(("keepalived_source_info", "json")) == by_stats.pop(("keepalived_source_info", "stats")) == 1
    moving = (
        "keepalived_advertisements_sent_total",
        "keepalived_advertisements_received_total",
        "keepalived_script_state",
    )
    first, second = (
        {key: value for key, value in found.items() if key[0] not in moving} for found in (by_json, by_stats)
    )
    assert first == second
    assert len(by_stats) == len(by_json) > 40


def test_a_process_that_does_not_wait_for_signals_gets_none(tmp_path: Path) -> None:
    """One that has just started would be ended by it."""
    program("keepalived")
    dumps(tmp_path)
    pidfile = tmp_path / "pid"
    code = "open('/proc/self/comm', 'w').write('keepalived'); print('ready', flush=True); input()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        pidfile.write_text(f"{process.pid}\n")
        facts = vrrp.read(known(keepalived_conf=f"{tmp_path}/keepalived.conf", keepalived_pidfile=str(pidfile)))
        assert process.poll() is None
        process.communicate("\n")
    assert "does not wait for signals yet" in facts.failure
    assert facts.up


@pytest.mark.parametrize(
    ("content", "said"), [("", "names no process"), ("1\n", "PID 1 of"), ("x", "names no process")]
)
def test_a_pidfile_that_names_another_process_is_no_keepalived(tmp_path: Path, content: str, said: str) -> None:
    """It is told, and nobody gets a signal."""
    dumps(tmp_path)
    (tmp_path / "pid").write_text(content)
    facts = vrrp.read(known(keepalived_conf=f"{tmp_path}/keepalived.conf", keepalived_pidfile=f"{tmp_path}/pid"))
    assert not facts.up
    assert said in facts.failure


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to be another user")
def test_a_program_that_is_setuid_root_is_no_keepalived(tmp_path: Path) -> None:
    """Whoever started it called it so; the kernel shows root as its effective user."""
    with tempfile.TemporaryDirectory() as open_to_all:
        Path(open_to_all).chmod(0o755)
        _setuid(tmp_path, Path(open_to_all, "keepalived"))


def _setuid(tmp_path: Path, fake: Path) -> None:
    pidfile = tmp_path / "pid"
    shutil.copy(program("sleep"), fake)
    fake.chmod(0o4755)
    conf = tmp_path / "keepalived.conf"
    conf.write_text(CONF.format(folder=tmp_path, priority=100))
    with subprocess.Popen([fake, "60"], user=1234) as process:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
            assert "Uid:\t1234\t0\t" in status, "the file system takes no setuid"
            pidfile.write_text(f"{process.pid}\n")
            with pytest.raises(NoProcessError, match="is not keepalived"):
                find(str(conf), pidfile=str(pidfile))
        finally:
            process.kill()


def test_a_node_without_instances_has_nothing_to_tell(tmp_path: Path) -> None:
    """A director may run keepalived for its checks alone."""
    conf = tmp_path / "keepalived.conf"
    with pytest.raises(AbsentError, match=r"no keepalived\.conf"):
        vrrp.read(known(keepalived_conf=str(conf)))
    conf.write_text("virtual_server 192.0.2.1 80 {\n}\n")
    with pytest.raises(AbsentError, match="has no vrrp_instance"):
        vrrp.read(known(keepalived_conf=str(conf)))
    conf.write_text("vrrp_instance V {\n}\n")
    with pytest.raises(AbsentError, match="in place of /proc"):
        vrrp.read(known(keepalived_conf=str(conf), proc=str(tmp_path)))
