"""Does a service end, and go on, while its configuration lies on a mount that never answers?"""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.commands import BIN, environment
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
