"""Does a service end, and go on, while its configuration lies on a mount that never answers?"""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.commands import BIN, environment, run
from tests.servers.ports import free_ports
from tests.servers.stuck import dead_mount

CONFIG = """
checks:
  web: {{check: port, host: 127.0.0.1, port: 1, interval: 1}}
exporter:
  listen: 127.0.0.1:{port}
"""
WAITS = ("request_wait_answer", "fuse")


def asks(pid: int) -> bool:
    """Return whether a thread of a process waits for the mount."""
    return any(path.read_text().startswith(WAITS) for path in Path(f"/proc/{pid}/task").glob("*/wchan"))


@pytest.mark.parametrize("part", ["agent", "run", "exporter"])
def test_a_reload_that_hangs_holds_up_no_end(tmp_path: Path, part: str) -> None:
    """A service manager would kill it, and for so long nobody looks at the checks."""
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "vipwarden.yaml").write_text(CONFIG.format(port=free_ports(1)[0]))
    command = [BIN / "vipwarden", part, "--config", f"{folder}/vipwarden.yaml"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, env=environment(tmp_path), **pipes) as process:  # type: ignore[call-overload]
        try:
            process.stdout.readline()  # it runs
            with dead_mount(folder):
                end = time.monotonic() + 60
                process.send_signal(signal.SIGHUP)
                while not asks(process.pid):
                    assert time.monotonic() < end
                    time.sleep(0.01)
                process.terminate()
                assert process.wait(timeout=30) == 0
        finally:
            process.kill()


def test_maintenance_is_listed_from_the_copies_and_nothing_is_changed(tmp_path: Path) -> None:
    """A disk that does not answer is named, within seconds."""
    env = environment(tmp_path) | {"VIPWARDEN_STATE_DIR": f"{tmp_path}/state"}
    (tmp_path / "vipwarden.yaml").write_text("checks: {web: {check: port, host: 127.0.0.1, port: 1}}\n")
    begin = ["start", "web", "--for", "1h", "--reason", "disks", "--config", f"{tmp_path}/vipwarden.yaml"]
    assert run(tmp_path, "vipwarden", "maint", *begin, env=env).code == 0
    lines = [["list", "web"], ["end", "web"], [*begin, "--by", "bob"]]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": env}
    with dead_mount(tmp_path / "state"):
        asked = [subprocess.Popen([BIN / "vipwarden", "maint", *line], **pipes) for line in lines]  # type: ignore[call-overload]
        (listed, warned), (_, not_ended), (_, not_begun) = [process.communicate(timeout=60) for process in asked]
    assert [process.returncode for process in asked] == [0, 1, 1], (listed, warned, not_ended, not_begun)
    assert listed.startswith("web: in maintenance until ")
    for said in (warned, not_ended, not_begun):
        assert f"vipwarden maint: {tmp_path}/state/maintenance " in said
        assert ": is a mount dead?" in said
    assert not_ended.endswith("Nothing has changed\n")
    assert run(tmp_path, "vipwarden", "maint", "list", "--json", env=env).out.count('"web"') == 1


@pytest.mark.parametrize("line", ["vipwarden status", "vipwarden status --prometheus", "check_verdict --all"])
def test_the_state_of_the_node_is_shown_without_its_disk(tmp_path: Path, line: str) -> None:
    """When it matters most; the maintenance is known from the copies of the records."""
    env = environment(tmp_path) | {"VIPWARDEN_STATE_DIR": f"{tmp_path}/state"}
    assert run(tmp_path, "chk_port", "-H", "127.0.0.1", "-p", "1", "--name", "web", env=env).code == 1
    (tmp_path / "vipwarden.yaml").write_text("checks: {}\n")
    start = ("maint", "start", "web", "--for", "1h", "--reason", "disks", "--config", f"{tmp_path}/vipwarden.yaml")
    assert run(tmp_path, "vipwarden", *start, env=env).code == 0
    with dead_mount(tmp_path / "state"):
        done = run(tmp_path, *line.split(), env=env)
    assert "web" in done.out, done
    assert "prometheus" in line or ": disks" in done.out, done
