"""Is every state known that the real keepalived goes through, by its scripts and by its FIFO?"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.commands import BIN
from tests.keepalived_scripts.node import Node, libexec, node
from tests.keepalived_scripts.site import Site
from vipwarden.node.keepalived import vrrp_state

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

STATES = ("master", "backup", "fault", "stop")
TRACKED = """
track_file mood {{
    file {folder}/mood
    weight 0
    init_file 0 overwrite
}}
"""


class Cluster:
    """A node of a cluster of one, whose instance V1 fails when ``mood`` is not 0."""

    def __init__(self, own: Node) -> None:
        self.own = own
        self.site = Site(own.folder)
        self.site.writing_hooks(*STATES)

    def mood(self, value: int) -> None:
        """Let the instance fail or recover."""
        aside = self.own.folder / "mood.new"
        aside.write_text(f"{value}\n")
        aside.rename(self.own.folder / "mood")

    def state(self, since: float = 0) -> str:
        """Return the state on record, "" if there is none that began ``since`` then."""
        record = vrrp_state.read(f"{self.own.folder}/run/vrrp/INSTANCE.V1")
        return "" if record is None or record.since < since else record.state

    def must_be(self, state: str) -> None:
        """Wait for a state on record."""
        self.own.must_come(lambda: self.state() == state)

    def configure(self, *, globally: str = "", inside: str = "") -> None:
        """Write keepalived.conf with the track file."""
        self.own.configure(
            globally=globally,
            scripts=TRACKED.format(folder=self.own.folder),
            inside=f"track_file {{\n mood\n }}\n{inside}",
        )

    @contextlib.contextmanager
    def reader(self, *more: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run notify as an independent reader of the FIFO."""
        options = ["--fifo", f"{self.own.folder}/fifo", "--config", str(self.site.config), *more]
        with self.own.running(BIN / "notify", *options) as process:
            yield process


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Give a node with an instance."""
    with node(tmp_path) as own:
        yield Cluster(own)


@pytest.mark.alone
def test_each_state_runs_its_hooks_once_by_notify_and_notify_master_together(cluster: Cluster) -> None:
    """From the start to the stop."""
    command = f"{libexec(cluster.own.folder)}/notify --config {cluster.site.config}"
    lines = [f'notify "{command}"', "notify_stop " + f'"{command} --state STOP --instance V1"']
    lines += [f'notify_{state} "{command} --state {state.upper()} --instance V1"' for state in STATES[:3]]
    cluster.configure(inside="\n".join(lines))
    with cluster.own.keepalived() as process:
        cluster.must_be("MASTER")
        cluster.mood(1)
        cluster.must_be("FAULT")
        cluster.mood(0)
        cluster.must_be("MASTER")
        process.terminate()
        process.wait(timeout=60)
    cluster.must_be("STOP")
    names = ("BACKUP", "MASTER", "FAULT", "BACKUP", "MASTER", "STOP")
    cluster.own.must_come(lambda: [line.split()[2] for line in cluster.site.lines()] == list(names))
    assert "nsecure" not in cluster.own.log.read_text()
    assert "SECURITY" not in cluster.own.log.read_text()


def test_a_storm_of_twenty_transitions_ends_in_the_right_state(cluster: Cluster) -> None:
    """Of keepalived's own making, and as fast as it goes."""
    command = f"{libexec(cluster.own.folder)}/notify --config {cluster.site.config}"
    cluster.configure(inside=f'notify "{command}"')
    with cluster.own.keepalived():
        cluster.must_be("MASTER")
        for number in range(20):
            before = cluster.own.times("Entering (FAULT|BACKUP) STATE")
            calm = time.time()
            cluster.mood((number + 1) % 2)
            cluster.own.must_come(lambda before=before: cluster.own.times("Entering (FAULT|BACKUP) STATE") > before)  # type: ignore[misc]
        cluster.own.must_come(lambda: cluster.state(since=calm) == "MASTER")
        cluster.mood(1)
        cluster.must_be("FAULT")  # older events change nothing any more
        cluster.own.must_come(lambda: cluster.site.lines()[-1] == "INSTANCE V1 FAULT 100" and cluster.site.idle())
        assert cluster.state() == "FAULT"
        told = [line.split()[2] for line in cluster.site.lines()]
        assert all(one != other for one, other in pairwise(told))


def test_an_independent_reader_hears_everything_from_start_to_stop(cluster: Cluster) -> None:
    """Started before keepalived, over a reload and a restart of it, each with another FIFO."""
    cluster.configure(globally=f"vrrp_notify_fifo {cluster.own.folder}/fifo")
    with cluster.reader():
        for turn in (1, 2):
            with cluster.own.keepalived() as process:
                cluster.must_be("MASTER")
                process.send_signal(signal.SIGHUP)
                cluster.own.must_come(lambda turn=turn: cluster.own.times("Reload complete") == turn)  # type: ignore[misc]
                cluster.mood(1)
                cluster.must_be("FAULT")
                cluster.mood(0)
                cluster.must_be("MASTER")
                process.terminate()
                process.wait(timeout=60)
            cluster.must_be("STOP")
    assert cluster.site.lines()[-1].split()[2] == "STOP"
    found = vrrp_state.read(f"{cluster.own.folder}/run/vrrp/INSTANCE.V1")
    assert found is not None
    assert found.source == "fifo"


@pytest.mark.alone
def test_a_reader_that_keepalived_starts_hears_the_stop_as_well(cluster: Cluster) -> None:
    """It reads on for a moment after it was told to end."""
    script = f"{libexec(cluster.own.folder)}/notify --config {cluster.site.config} --fifo"
    cluster.configure(
        globally=f'vrrp_notify_fifo {cluster.own.folder}/fifo\n vrrp_notify_fifo_script "{script}"',
    )
    with cluster.own.keepalived() as process:
        cluster.must_be("MASTER")
        process.send_signal(signal.SIGHUP)
        cluster.own.must_come(lambda: cluster.own.times("Reload complete") == 1)
        cluster.mood(1)
        cluster.must_be("FAULT")
        cluster.mood(0)
        cluster.must_be("MASTER")
        process.terminate()
        process.wait(timeout=60)
    cluster.must_be("STOP")


def test_what_a_full_pipe_lost_is_noticed_by_the_kernel_s_addresses(cluster: Cluster) -> None:
    """The reader was stopped, and what keepalived said meanwhile is gone."""
    cluster.configure(globally=f"vrrp_notify_fifo {cluster.own.folder}/fifo")
    fifo = cluster.own.folder / "fifo"
    os.mkfifo(fifo, 0o600)
    with (
        cluster.reader("--keepalived-conf", str(cluster.own.conf), "--compare", "0.3") as reader,
        cluster.own.keepalived() as process,
    ):
        cluster.must_be("MASTER")
        os.kill(reader.pid, signal.SIGSTOP)
        filler = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(filler, b"\n" * 4096)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(filler, b"\n")
        cluster.mood(1)
        cluster.own.must_come(lambda: not cluster.own.holds_the_vip())
        time.sleep(0.2)
        os.kill(reader.pid, signal.SIGCONT)
        os.close(filler)
        cluster.must_be("BACKUP")
        found = vrrp_state.read(f"{cluster.own.folder}/run/vrrp/INSTANCE.V1")
        assert found is not None
        assert found.source == "kernel"
        cluster.own.must_come(lambda: cluster.site.lines()[-1] == "INSTANCE V1 BACKUP 100")
        cluster.mood(0)
        cluster.must_be("MASTER")
        for child in _children(process.pid):
            os.kill(child, signal.SIGKILL)
        os.kill(process.pid, signal.SIGKILL)  # the VIP stays, and nobody is MASTER any more
        cluster.must_be("STOP")
        assert cluster.own.holds_the_vip()


def _children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:  # noqa: PTH123
        return [int(word) for word in file.read().split()]


def test_a_reader_that_starts_late_learns_who_holds_the_vip(cluster: Cluster) -> None:
    """What keepalived said before it was there is lost."""
    cluster.configure()
    with cluster.own.keepalived():
        cluster.own.must_come(cluster.own.holds_the_vip)
        with cluster.reader("--keepalived-conf", str(cluster.own.conf), "--compare", "0.2"):
            cluster.must_be("MASTER")
    cluster.own.must_come(cluster.site.idle)
