"""Do notify, chk_ commands and chk_service hand their events over to the recorder?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.commands import run
from tests.servers import misbehaving as servers
from vipwarden.events.event import Event, decode

if TYPE_CHECKING:
    from pathlib import Path


def spool(folder: Path) -> Path:
    """Return the folder of a recorder that has been there."""
    made = folder / "run" / "events"
    made.mkdir(parents=True)
    return made


def waiting(made: Path) -> list[Event]:
    """Return the events that lie in a spool, the oldest first."""
    lines = [line for path in sorted(made.glob("[0-9]*")) for line in path.read_bytes().splitlines()]
    return [event for line in lines if (event := decode(line)) is not None]


def test_a_transition_of_keepalived(tmp_path: Path) -> None:
    """With the state before, and the time at which keepalived started the script."""
    made, begun = spool(tmp_path), time.time()
    for state in ("BACKUP", "MASTER", "MASTER"):
        assert run(tmp_path, "notify", "INSTANCE", "VI_1", state, "150").code == 0
    backup, master = waiting(made)
    assert (backup.kind, backup.of, backup.name, backup.state, backup.before) == (
        "vrrp",
        "INSTANCE",
        "VI_1",
        "BACKUP",
        "",
    )
    assert (master.state, master.before, master.text) == ("MASTER", "BACKUP", "priority 150")
    assert begun - 0.5 < backup.wall <= master.wall <= time.time()


def test_a_verdict_of_a_command_that_changes(tmp_path: Path) -> None:
    """And none that is as before."""
    made = spool(tmp_path)
    with servers.greeting() as server:
        for _ in range(2):
            assert run(tmp_path, "chk_port", "-H", server.host, "-p", str(server.port), "--name", "web").code == 0
    assert run(tmp_path, "chk_port", "-H", server.host, "-p", str(server.port), "--name", "web").code == 1
    first, second = waiting(made)
    assert (first.kind, first.name, first.of, first.state, first.before) == ("check", "web", "port", "OK", "")
    assert (second.state, second.before, second.by) == ("CRITICAL", "OK", "chk_port")
    assert "is closed" in second.text


def test_a_restart_of_a_service(tmp_path: Path) -> None:
    """With the reason."""
    made = spool(tmp_path)
    script = tmp_path / "restart"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    env = {
        "VIPWARDEN_RUNTIME_DIR": str(tmp_path / "run"),
        "VIPWARDEN_STATE_DIR": str(tmp_path / "state"),
        "PATH": "/bin",
    }
    with servers.greeting() as server:
        check = f"port -H {server.host} -p {server.port}"
        words = ("chk_service", "--check", check, "--restart", str(script), "--name", "web", "--fall", "1")
        assert run(tmp_path, *words, env=env).code == 0
    run(tmp_path, *words, env=env)
    (restart,) = (event for event in waiting(made) if event.kind == "restart")
    assert (restart.name, restart.by) == ("web", "chk_service")
    assert "is closed" in restart.text
