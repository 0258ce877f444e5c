"""Does a real HAProxy follow the agent: its weights, its maintenance, its end, and leave alone what an operator did?"""

from __future__ import annotations

import re
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.agent.running import Running, agent
from tests.commands import CODE, environment, program, run
from tests.servers.haproxy import command, haproxy
from tests.servers.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SERVER = "agent-check agent-inter 100ms agent-addr 127.0.0.1 agent-port {agent} weight 100"


class Node:
    """HAProxy with the servers of a backend, and the agent that it asks."""

    def __init__(self, running: Running, path: str, folder: Path) -> None:
        self.agent = running
        self.path = path
        self.folder = folder
        self.load = folder / "load"

    def server(self, name: str) -> dict[str, str]:
        """Return what HAProxy says of a server."""
        head, *lines = command(self.path, "show stat").split("\n")
        names = head.removeprefix("# ").split(",")
        rows = [dict(zip(names, line.split(","), strict=False)) for line in lines]
        return next(row for row in rows if row.get("svname") == name)

    def becomes(self, name: str, status: str, weight: str = "") -> None:
        """Wait until a server has a status, or begins with it, and a weight."""

        def has_come() -> bool:
            row = self.server(name)
            return row["status"].startswith(status) and weight in ("", row["weight"])

        self.agent.must_come(has_come)

    def stays(self, name: str, status: str, seconds: float = 1) -> None:
        """Look at a server for a while, in which HAProxy asks the agent ten times."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.server(name)["status"].startswith(status)
            time.sleep(0.02)

    def tell(self, text: str) -> None:
        """Give a command as an operator does."""
        assert command(self.path, text).strip() == ""

    def maint(self, *arguments: str) -> None:
        """Run ``vipwarden maint``."""
        ran = run(self.folder, "vipwarden", "maint", *arguments, env=state(self.folder))
        assert ran.code == 0, ran.err


def state(folder: Path) -> dict[str, str]:
    """Return an environment in which also what outlives a reboot is in the folder."""
    return {**environment(folder), "VIPWARDEN_STATE_DIR": f"{folder}/state"}


def checks(folder: Path, one: int, named: int, more: str = "", agent_keys: str = "") -> str:
    """Return the configuration: the load of ``web`` is in a file, ``db`` is healthy, ``bad`` is not."""
    port = "check: port, host: 127.0.0.1, port: 1, interval: 0.1"
    weight = 'weight: "load 0:1 = 100:10, critical=0"'
    return f"""\
agent:
  restart_grace: 0.1
  listen:
  - agent-check 127.0.0.1:{one} web
  - agent-check 127.0.0.1:{named}
{agent_keys}
checks:
  web: {{check: command, run: /bin/cat {folder}/load, interval: 0.1, timeout: 0.1, {weight}}}
  db: {{{port}, refused: ok{more}}}
  bad: {{{port}}}
"""


@contextmanager
def cluster(folder: Path, more: str = "", servers: str = "", agent_keys: str = "") -> Iterator[Node]:
    """Run agent and HAProxy, whose servers ``web``, ``db`` and ``bad`` are up to the agent."""
    one, named = free_ports(2)
    (folder / "load").write_text("fine | load=0\n")
    backend = "backend b\n" + "".join(
        f"  server {name} 127.0.0.1:1 {SERVER.format(agent=port)} agent-send {line}\n"
        for name, port, line in (("web", one, r"x\n"), ("db", named, r"db\n"), ("bad", named, r"bad\n"))
    )
    text = checks(folder, one, named, more, agent_keys)
    with agent(folder, text, env=state(folder)) as running, haproxy(backend + servers) as path:
        node = Node(running, path, folder)
        for name in ("web", "db"):
            running.must_come(lambda name=name: node.server(name)["agent_status"].removeprefix("* ") == "L7OK")  # type: ignore[misc]
        yield node


def test_the_weight_follows_the_load(tmp_path: Path) -> None:
    """By the scale of the entry, and a server that fails is DOWN with the reason in HAProxy's log."""
    with cluster(tmp_path) as node:
        node.becomes("web", "no check", "100")
        for load, weight in (("0.5", "55"), ("1", "10"), ("7", "10"), ("0.1", "91"), ("0", "100")):
            node.load.write_text(f"fine | load={load}\n")
            node.becomes("web", "no check", weight)
        node.becomes("bad", "DOWN (agent)")
        assert node.server("bad")["agent_status"].removeprefix("* ") == "L7STS"
        assert re.fullmatch(
            r"via agent : down \(CRITICAL: 127\.0\.0\.1:1 is closed .*\)", node.server("bad")["last_agt"]
        )
        node.becomes("db", "no check", "100")
        node.tell("set weight b/db 30%")  # an entry without a weight leaves the operator's alone
        node.stays("db", "no check")
        assert node.server("db")["weight"] == "30"


def test_maintenance_drains_and_its_end_undoes_that_alone(tmp_path: Path) -> None:
    """Also where the agent was away when it ended, and not what an operator disabled before."""
    with cluster(tmp_path, more=", in_maintenance: down") as node:
        for name in ("web", "db"):
            node.becomes(name, "no check")
        node.tell("disable server b/db")
        node.becomes("db", "MAINT")
        node.stays("db", "MAINT")
        node.tell("enable server b/db")
        node.becomes("db", "no check")
        node.maint("start", "web", "--for", "1h", "--reason", "disks")
        node.maint("start", "db", "--for", "1h", "--reason", "disks")
        node.becomes("web", "DRAIN")
        node.becomes("db", "MAINT")
        node.maint("end", "web")
        node.maint("end", "db")
        node.becomes("web", "no check", "100")
        node.becomes("db", "no check", "100")
        node.maint("start", "web", "--for", "1h", "--reason", "disks")
        node.becomes("web", "DRAIN")
        node.agent.end(signal.SIGKILL)
        node.maint("end", "web")
        with agent(tmp_path, (tmp_path / "vipwarden.yaml").read_text(), env=state(tmp_path)):
            node.becomes("web", "no check", "100")


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
def test_an_agent_that_is_lost_is_no_state_that_stays(tmp_path: Path, end: signal.Signals) -> None:
    """Its watchdog says down; the next agent says up."""
    with cluster(tmp_path) as node:
        node.becomes("web", "no check")
        node.agent.process.send_signal(end)
        for name in ("web", "db"):
            node.becomes(name, "DOWN (agent)")
        assert "the agent of vipwarden has ended or hangs" in node.server("web")["last_agt"]
        if end == signal.SIGSTOP:
            node.agent.process.send_signal(signal.SIGCONT)
            node.becomes("web", "no check")
            return
        node.agent.process.wait()
        with agent(tmp_path, (tmp_path / "vipwarden.yaml").read_text(), env=state(tmp_path)):
            for name in ("web", "db"):
                node.becomes(name, "no check")


def test_replicas_are_up_without_traffic_and_http_is_asked_as_well(tmp_path: Path) -> None:
    """A replica answers 503 for /primary: by httpchk it is DOWN, by the agent it is there and waits."""
    one, named, web = free_ports(3)
    (tmp_path / "load").write_text("fine | load=0\n")
    with haproxy(f"frontend p\n  bind 127.0.0.1:{named}\n  http-request return status 200 if {{ dst_port {named} }}\n"
                 f"frontend r\n  bind 127.0.0.1:{one}\n  http-request return status 503\n"):  # fmt: skip
        leader = "preset: patroni-primary, interval: 0.1, drain: 503, healthy: warning"
        text = f"""\
agent:
  listen:
  - agent-check 127.0.0.1:{web}
  - http 127.0.0.1:{web + 1}
checks:
  leader: {{{leader}, port: {named}, weight: "ok=100, warning=0, critical=0"}}
  replica: {{{leader}, port: {one}, weight: "ok=100, warning=0, critical=0"}}
  gone: {{check: port, host: 127.0.0.1, port: 1, interval: 0.1}}
"""
        lines = "".join(
            f"  server {name} 127.0.0.1:1 {SERVER.format(agent=web)} agent-send {name}\\n\n"
            for name in ("leader", "replica")
        )
        plain = "".join(f"backend http_{name}\n  option httpchk GET /check/{name}\n"
                        f"  server {name}_http 127.0.0.1:{web + 1} check inter 100ms fall 1 rise 1\n"
                        for name in ("leader", "gone"))  # fmt: skip
        plain += f"backend old\n  option httpchk GET /primary\n  server old 127.0.0.1:{one} check inter 100ms fall 1\n"
        with agent(tmp_path, text, env=state(tmp_path)) as running, haproxy(f"backend b\n{lines}{plain}") as path:
            node = Node(running, path, tmp_path)
            node.becomes("leader", "no check", "100")
            node.becomes("replica", "no check", "0")
            node.becomes("old", "DOWN")
            node.becomes("leader_http", "UP")
            node.becomes("gone_http", "DOWN")
            running.must_come(lambda: node.server("gone_http")["check_code"] == "503")


def test_haproxy_takes_the_examples_of_the_page(tmp_path: Path) -> None:
    """With nothing to remark."""
    page = (CODE / "docs" / "verdicts.md").read_text("utf-8")
    examples = [text for text in re.findall(r"```text\n(.*?)```", page, re.DOTALL) if "\nbackend " in f"\n{text}"]
    assert len(examples) == 2
    defaults = "defaults\n  mode tcp\n  timeout connect 1s\n  timeout client 1s\n  timeout server 1s\n"
    defaults += "listen l\n  bind 127.0.0.1:1\n"
    path = tmp_path / "haproxy.cfg"
    path.write_text(defaults + "".join(examples))
    ran = run(tmp_path, program("haproxy"), "-c", "-f", str(path))
    assert (ran.code, ran.err) == (0, ""), ran
