"""Does chk_service give the VIP up and back as keepalived's own script would, without ever stopping keepalived?"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.keepalived_scripts.node import Node, libexec, node
from tests.servers import misbehaving as servers

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

SCRIPT = """
vrrp_script healthy {{
    script "{command}"
    interval 2
    fall 1
    rise 1
}}
"""


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Node]:
    """Give a node."""
    with node(tmp_path) as made:
        yield made


@contextlib.contextmanager
def balancer(own: Node) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program called balancer-9, which a restart of it would start."""
    program = own.folder / "balancer-9"
    if not program.exists():
        program.symlink_to("/bin/sleep")
    with own.running(program, "60") as process:
        yield process


def test_a_restart_that_helps_keeps_the_vip_and_one_that_does_not_gives_it_up(own: Node) -> None:
    """With the checks written as in keepalived.conf: quotes within quotes, and no shell."""
    restart = own.folder / "restart"
    restart.write_text(f"#!/bin/sh\necho >>{own.folder}/restarted\nexec {own.folder}/balancer-9 5\n")
    restart.chmod(0o755)
    check = "--check 'process --argument \\\"balancer-9 [56]\\\"'"
    options = f"-C balancer-9 {check} --restart {restart} --restarts 1 --grace 3 --good-for 1 --timeout 1.8"
    own.configure(
        scripts=SCRIPT.format(command=f"{libexec(own.folder)}/chk_service {options}"),
        inside="track_script {\n healthy\n }",
    )
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(balancer(own))
        stack.enter_context(own.keepalived())
        own.must_come(own.holds_the_vip)
        process.kill()
        own.must_come((own.folder / "restarted").exists)
        assert own.times("FAULT STATE") == 0
        assert own.holds_the_vip()
        own.must_come(lambda: own.times("FAULT STATE") == 1)  # it ended again, and one restart was allowed
        own.must_come(lambda: not own.holds_the_vip())
        stack.enter_context(balancer(own))
        own.must_come(own.holds_the_vip)
    assert (own.folder / "restarted").read_text() == "\n"
    assert own.times("Stopping") <= 1  # our own, at the end


def test_two_keepaliveds_restart_it_once(tmp_path: Path) -> None:
    """Two instances on one node that run the same script at the same time."""
    with contextlib.ExitStack() as stack, servers.closed() as server:
        nodes = []
        scripts = libexec(tmp_path)
        restart = tmp_path / "restart"
        restart.write_text(f"#!/bin/sh\necho >>{tmp_path}/restarted\n")
        restart.chmod(0o755)
        options = f"--check 'port -H 127.0.0.1 -p {server.port}' --restart {restart}"
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            made = stack.enter_context(node(tmp_path / name))
            made.environment["VIPWARDEN_RUNTIME_DIR"] = f"{tmp_path}/run"
            made.environment["VIPWARDEN_STATE_DIR"] = f"{tmp_path}/state"
            made.configure(
                scripts=SCRIPT.format(command=f"{scripts}/chk_service {options}"), inside="track_script {\n healthy\n }"
            )
            nodes.append(made)
        for made in nodes:
            stack.enter_context(made.keepalived())
        for made in nodes:
            made.must_come(lambda made=made: made.times("exited with status 1") == 1)  # type: ignore[misc]
            assert not made.holds_the_vip()
        nodes[0].must_come((tmp_path / "restarted").exists)
        assert (tmp_path / "restarted").read_text() == "\n", [made.log.read_text() for made in nodes]
