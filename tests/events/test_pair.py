"""Is a real failover explained, its cause first, although the clocks of the nodes differ?"""

from __future__ import annotations

import json
import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING

from tests.commands import BIN, environment, program, run
from tests.events.make import jsonl
from tests.keepalived_scripts.node import libexec
from tests.prometheus.namespace import namespace, until
from tests.prometheus.node import links
from vipwarden.events.event import Event
from vipwarden.events.read import read

if TYPE_CHECKING:
    from pathlib import Path

    from tests.prometheus.namespace import Namespace

VIP = "198.51.100.1"
CONF = """
global_defs {{
    vrrp_version 3
    script_user root
    enable_script_security
}}
vrrp_script service {{
    script "{libexec}/chk_process --pidfile {folder}/service.pid --name service"
    interval 1
}}
vrrp_instance VI_1 {{
    state BACKUP
    interface eth0
    virtual_router_id 51
    priority {priority}
    advert_int 0.6
    virtual_ipaddress {{
        {vip}/32
    }}
    track_script {{
        service
    }}
    notify "{libexec}/notify"
}}
"""
NAMED = 'echo "$0" >/proc/sys/kernel/hostname && exec "$@"'


class Node:
    """A node with a service, keepalived that tracks it, and a recorder."""

    def __init__(self, space: Namespace, name: str, priority: int, commands: Path) -> None:
        self.space = space
        self.name = name
        self.folder = folder = space.folder
        self.history = folder / "state" / "events"
        conf = folder / "keepalived.conf"
        conf.write_text(CONF.format(libexec=commands, folder=folder, priority=priority, vip=VIP))
        self.serve()
        self.start(str(BIN / "vipwarden"), "recorder", "--keepalived-conf", str(conf))
        until("a recorder", (folder / "run/events/.bell").exists, logs=space.logs)
        files = [word for letter in "prcb" for word in (f"-{letter}", f"{folder}/{letter}.pid")]
        self.start(program("keepalived"), "-n", "-l", "-D", "-G", "-P", "-f", str(conf), *files)

    def start(self, *command: str) -> None:
        """Start a program on a node of this name."""
        env = environment(self.folder) | {"VIPWARDEN_STATE_DIR": f"{self.folder}/state"}
        self.space.start("unshare", "-u", "sh", "-ec", NAMED, self.name, *command, env=env)

    def serve(self) -> None:
        """Start the service."""
        self.service = subprocess.Popen([program("sleep"), "1000"])
        (self.folder / "service.pid").write_text(f"{self.service.pid}\n")

    def kill(self) -> None:
        """Kill the service."""
        self.service.kill()
        self.service.wait()

    def events(self) -> list[Event]:
        """Return what is recorded."""
        return read(str(self.history)) if self.history.exists() else []

    def states(self, kind: str) -> list[str]:
        """Return the states of a kind, in their order."""
        return [event.state for event in self.events() if event.kind == kind]


def test_a_real_failover_is_explained(tmp_path: Path) -> None:
    """A service is killed on the MASTER and comes back: two chains of two nodes, each in the order of what happened."""
    program("keepalived")
    commands = libexec(tmp_path)
    with ExitStack() as stack:
        hub, *spaces = (stack.enter_context(namespace(tmp_path / name)) for name in ("hub", "lb1", "lb2"))
        links(hub, spaces)
        one = Node(spaces[0], "lb1", 150, commands)
        stack.callback(one.kill)

        def logs() -> str:
            return "\n".join(space.logs() for space in spaces)

        until("a MASTER", lambda: "held" in one.states("vip"), logs=logs)
        two = Node(spaces[1], "lb2", 100, commands)
        stack.callback(two.kill)
        until("a BACKUP", lambda: "BACKUP" in two.states("vrrp"), logs=logs)
        one.kill()
        until("the VIP at lb2", lambda: "held" in two.states("vip"), logs=logs)
        one.serve()
        until("the VIP at lb1", lambda: one.states("vip")[-1:] == ["held"] and "gone" in two.states("vip"), logs=logs)
        until("MASTER", lambda: one.states("vrrp")[-1:] == ["MASTER"], logs=logs)
        until("BACKUP", lambda: two.states("vrrp")[-1:] == ["BACKUP"], logs=logs)
        first, second = one.events(), two.events()
    for ahead in (3.0, -3.0):
        later = [Event(it.as_dict() | {"wall": it.wall + ahead}) for it in second]
        _must_be_explained(tmp_path, first, later, ahead)


def _must_be_explained(folder: Path, first: list[Event], second: list[Event], ahead: float) -> None:
    """See that the record of two nodes, the clock of the second ahead, tells what happened."""
    files = jsonl(folder / "lb1.jsonl", first), jsonl(folder / "lb2.jsonl", second)
    whole = [json.loads(line) for line in run(folder, "vipwarden", "events", "--json", *files).out.splitlines()]
    killed = next(place for place, it in enumerate(whole) if (it["kind"], it["state"]) == ("check", "CRITICAL"))
    found = [(it["node"], it["kind"], it["state"]) for it in whole[killed:] if it["kind"] in ("check", "vrrp", "vip")]
    shown = run(folder, "vipwarden", "events", *files).out
    assert found[0] == ("lb1", "check", "CRITICAL"), shown
    # keepalived moves the VIP before or after it starts the script
    assert set(found[1:3]) == {("lb1", "vrrp", "FAULT"), ("lb1", "vip", "gone")}, shown
    assert set(found[3:5]) == {("lb2", "vrrp", "MASTER"), ("lb2", "vip", "held")}, shown
    explained = run(folder, "vipwarden", "events", "--explain", "--since", f"@{whole[killed]['time'] - 0.1}", *files)
    assert "check service OK -> CRITICAL" in explained.out
    assert "clients were without for about" in explained.out
    word = "ahead of" if ahead > 0 else "behind"
    assert f"{word} that of lb1" in explained.err, explained.err
    assert abs(abs(float(explained.err.split("its clock is ")[1].split()[0])) - 3) < 0.5
