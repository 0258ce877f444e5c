"""Does keepalived do the right thing by the agent's track files? The real program, in a namespace of its own."""

from __future__ import annotations

import contextlib
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from typing import TYPE_CHECKING

import pytest

from tests.agent.running import Running, agent
from tests.commands import CODE, environment, program
from tests.keepalived_scripts.test_chk_keepalived import LISTEN, VIP, Node
from tests.servers.keepalived import kill

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INTERVAL = 0.2
CONFIGURATION = """
vrrp_track_file web {{
    file "{file}"
    weight 0 reverse
}}
vrrp_instance VI {{
    interface own
    state MASTER
    virtual_router_id 1
    priority 100
    advert_int 0.2
    version 3
    virtual_ipaddress {{
        {vip}/32 dev own
    }}
    track_file {{
        web
    }}
}}
"""
CHECKS = f"checks:\n  web: {{check: port, host: 127.0.0.1, port: 8080, interval: {INTERVAL}}}\n"
PATIENT = CHECKS.replace("}\n", ", agent_loss_after: 2}\n")  # of a busy machine


class Balancer(Node):
    """A node whose keepalived watches a track file."""

    @property
    def faults(self) -> int:
        """How often keepalived gave the VIP up."""
        return self.log.read_text().count("Entering FAULT STATE")

    @contextlib.contextmanager
    def tracking(self) -> Iterator[None]:
        """Run keepalived."""
        configuration = self.folder / "keepalived.conf"
        configuration.write_text(CONFIGURATION.format(file=self.folder / "run" / "track" / "web", vip=VIP))
        files = tuple(word for letter in "prcb" for word in (f"-{letter}", str(self.folder / f"{letter}.pid")))
        for left in self.folder.glob("?.pid"):  # as by kill -9: a child that nobody has waited for counts as running
            left.unlink()
        command = (*self.inside, program("keepalived"), "-n", "-l", "-D", "-P", "-f", str(configuration), *files)
        with (
            self.log.open("w") as log,
            subprocess.Popen(command, stdout=log, stderr=log, env=environment(self.folder)) as process,
        ):
            try:
                yield
            finally:
                kill(process)

    @property
    def inside(self) -> tuple[str, ...]:
        """What runs a command in the namespace."""
        return (program("nsenter"), "-t", str(self.holder.pid), "-n")

    @contextlib.contextmanager
    def server(self) -> Iterator[subprocess.Popen[str]]:
        """Run what the agent checks."""
        with self.running(sys.executable, "-IS", "-c", LISTEN) as process:
            self.wait_for_word(process, "listening")
            yield process

    def faults_after(self, number: int, seconds: float) -> float:
        """Wait for one fault more than ``number``, at most so long; return how long it took."""
        begun = time.monotonic()
        while self.faults <= number:
            assert time.monotonic() - begun < seconds, self.log.read_text()
            time.sleep(0.005)
        return time.monotonic() - begun


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Balancer]:
    """Give a namespace that ends with the test."""
    program("keepalived")
    (tmp_path / "run" / "track").mkdir(parents=True)
    made = Balancer(tmp_path)
    with made.holder:
        yield made
        made.holder.communicate()


@contextlib.contextmanager
def holding(node: Balancer, text: str = CHECKS) -> Iterator[Running]:
    """Run agent and keepalived until the VIP is held."""
    with agent(node.folder, text, before=node.inside) as running:
        running.must_come(lambda: running.value("web") == "1")
        with node.tracking():
            node.must_come(node.holds_the_vip)
            yield running


@pytest.mark.alone
def test_the_vip_follows_the_check(node: Balancer) -> None:
    """From the fault to keepalived's transition it takes an interval and 0.3 seconds at most, and back it goes."""
    with contextlib.ExitStack() as all_the_time:
        with node.server() as server:
            all_the_time.enter_context(holding(node))
            before = node.faults
            server.kill()
            assert node.faults_after(before, 5) < INTERVAL + 0.3
        node.must_come(lambda: not node.holds_the_vip())
        with node.server():
            node.must_come(node.holds_the_vip)
        assert node.faults == before + 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
@pytest.mark.alone
def test_an_agent_that_is_lost_is_a_fault(node: Balancer, number: signal.Signals) -> None:
    """Within three intervals."""
    with node.server(), holding(node) as running:
        before = node.faults
        running.process.send_signal(number)
        assert node.faults_after(before, 5) < 3 * INTERVAL + 0.3
        node.must_come(lambda: not node.holds_the_vip())
        if number == signal.SIGSTOP:
            running.process.send_signal(signal.SIGCONT)
        else:
            running.end(number)
            with agent(node.folder, CHECKS, before=node.inside):
                node.must_come(node.holds_the_vip)
            return
        node.must_come(node.holds_the_vip)


def installed(folder: Path) -> Path:
    """Install another copy of the code; return its command."""
    for name in ("agent", "checks", "cli", "doctor", "exporter", "keepalived_scripts", "nagios_plugins", "vipwarden"):
        shutil.copytree(CODE / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "bin").mkdir()
    places = ("--python", sys.executable, "--code", str(folder), "--libraries", sysconfig.get_path("purelib"))
    write = [sys.executable, str(CODE / "packaging" / "launchers.py"), *places, str(folder / "bin")]
    subprocess.run(write, check=True, capture_output=True)
    return folder / "bin" / "vipwarden"


def test_restart_upgrade_and_reload_are_no_hand_over(node: Balancer) -> None:
    """The VIP is held all the way, whatever code the next agent runs from."""
    newer = installed(node.folder / "newer")
    with node.server(), contextlib.ExitStack() as stack:
        running = stack.enter_context(holding(node, PATIENT))
        before = node.faults
        running.configure(PATIENT.replace("interval: 0.2", "interval: 0.25"))
        running.must_come(lambda: running.has_said("reloaded"))
        running.end()
        second = stack.enter_context(agent(node.folder, PATIENT, before=node.inside))
        second.must_come(lambda: second.has_said("vipwarden") and len(second.watchdogs()) == 1)
        second.end()
        third = stack.enter_context(agent(node.folder, PATIENT, before=node.inside, vipwarden=newer))
        stamp = time.monotonic()
        third.must_come(lambda: time.monotonic() > stamp + 3)
        assert third.value("web") == "1"
        assert node.holds_the_vip()
        assert node.faults == before, node.log.read_text()


def test_a_clean_stop_is_a_fault_after_the_grace(node: Balancer) -> None:
    """And so is a file that is not there when keepalived starts."""
    with node.server(), holding(node, "agent: {restart_grace: 1}\n" + PATIENT) as running:
        before, begun = node.faults, time.monotonic()
        running.end()
        node.faults_after(before, 60)
        assert time.monotonic() - begun > 1
    (node.folder / "run" / "track" / "web").unlink()
    with node.tracking():
        node.must_come(lambda: "FAULT" in node.log.read_text())
        time.sleep(1)  # as long as it would take to become MASTER
        assert not node.holds_the_vip()
