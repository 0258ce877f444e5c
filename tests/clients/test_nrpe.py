"""Do our command lines work in a real NRPE? It runs in namespaces of its own, where port 80 and every name are free."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.clients.node import folder, plugins, until
from tests.commands import CODE, needs_namespaces, program

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECK_NRPE = "/usr/lib/nagios/plugins/check_nrpe"
NRPE_PORT = 5666
PLUGINS = "/usr/lib64/nagios/plugins"  # where the file looks for them; packages put their own folder there
OK, WARNING, CRITICAL, UNKNOWN = range(4)
_NRPE = """
log_file={folder}/nrpe.log
pid_file={folder}/nrpe.pid
server_address=127.0.0.1
server_port={port}
nrpe_user=nagios
nrpe_group=nagios
allowed_hosts=127.0.0.1
dont_blame_nrpe=0
allow_bash_command_substitution=0
include_dir={folder}/packaging/nrpe/
"""
_HAPROXY = """
defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
frontend web
  bind 127.0.0.1:80
  bind 127.0.0.1:443
  http-request return status 200 content-type text/plain string well
"""
# no /tmp of others: the verdicts of user nagios go there
_READY = """
mount -t tmpfs tmp /tmp
[ ! -d /etc/vipwarden ] || mount -t tmpfs tmp /etc/vipwarden
ip link set lo up
echo up
exec sleep infinity
"""


class Node:
    """A node of its own: its network, its processes and its /tmp. They end with it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        flags = ["-m", "-n", "-p", "-f", "--mount-proc", "--kill-child"]
        command = [program("unshare"), *flags, "sh", "-ec", _READY]
        holder = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE))
        stack.callback(holder.kill)
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"up\n"
        self.enter = [program("nsenter"), "-t", str(_child(holder)), "-m", "-n", "-p", "--"]
        (folder / "nrpe.cfg").write_text(_NRPE.format(folder=folder, port=NRPE_PORT))
        (folder / "haproxy.cfg").write_text(_HAPROXY)
        (folder / "keepalived.conf").write_text("global_defs {\n    router_id test\n}\n")
        (folder / "nrpe.log").touch()
        shutil.chown(folder / "nrpe.log", "nagios", "nagios")
        stack.callback(_stop, self.start("nrpe", "-c", f"{folder}/nrpe.cfg", "-f"))
        until(lambda: "Listening" in self.log(), tell=self.log)

    def start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a program there."""
        with (self.folder / "out").open("ab") as out:
            return subprocess.Popen([*self.enter, program(name), *arguments], stdout=out, stderr=out)

    @contextmanager
    def director(self) -> Iterator[None]:
        """Run a keepalived and a HAProxy there."""
        files = ("keepalived.conf", "keepalived.pid", "vrrp.pid", "checkers.pid")
        own = [f"-{letter}{self.folder}/{name}" for letter, name in zip("fprc", files, strict=True)]
        running = (
            self.start("keepalived", "-n", "-l", *own),
            self.start("haproxy", "-db", "-f", f"{self.folder}/haproxy.cfg"),
        )
        try:
            yield
        finally:
            for process in running:
                _stop(process)

    def ask(self, command: str, *more: str) -> tuple[int, str]:
        """Return code and output of check_nrpe, over TLS as it comes."""
        line = [*self.enter, CHECK_NRPE, "-H", "127.0.0.1", "-p", str(NRPE_PORT), "-c", command, *more]
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stdout + done.stderr

    def log(self) -> str:
        """Return what NRPE said."""
        return "".join(
            (self.folder / name).read_text(errors="replace")
            for name in ("nrpe.log", "out")
            if (self.folder / name).exists()
        )


def _child(process: subprocess.Popen[bytes]) -> int:
    """Return the one child of a program that forks into a namespace of processes."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    until(children.read_text, tell=lambda: f"a child of {process.args!r}")
    return int(children.read_text())


def _stop(process: subprocess.Popen[bytes]) -> None:
    os.kill(_child(process), signal.SIGTERM)
    process.wait(20)


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    """Run NRPE with our command lines."""
    needs_namespaces()
    for name in (CHECK_NRPE, "nrpe", "ip", "haproxy", "keepalived"):
        program(name)
    with folder() as where, ExitStack() as stack:
        lines = (CODE / "packaging/nrpe/vipwarden.cfg").read_text()
        (where / "packaging/nrpe").mkdir(parents=True)
        (where / "packaging/nrpe/vipwarden.cfg").write_text(lines.replace(PLUGINS, str(plugins(where))))
        yield Node(where, stack)


def test_a_director_that_stops_and_comes_back_is_seen_by_check_nrpe(node: Node) -> None:
    """OK, CRITICAL, OK of keepalived, HAProxy, its ports and its page; UNKNOWN without the defaults file."""
    text = (node.folder / "packaging" / "nrpe" / "vipwarden.cfg").read_text()
    commands = {f"check_vipwarden_{name}" for name in ("keepalived", "haproxy", "http", "https", "page", "mysql")}
    assert commands <= set(re.findall(r"^command\[(\w+)\]=", text, re.MULTILINE))
    commands.discard("check_vipwarden_mysql")

    def all_are(code: int) -> bool:
        return all(node.ask(command)[0] == code for command in commands)

    def told() -> str:
        return "\n".join([node.log(), *(str(node.ask(command)) for command in commands)])

    for _ in range(2):
        with node.director():
            until(lambda: all_are(OK), tell=told)
            said = {command: node.ask(command)[1] for command in commands}
        assert all_are(CRITICAL), told()
    time = r"time=[0-9.]+s;0\.5;2;0;8"
    assert re.search(rf"\| {time}\n", said["check_vipwarden_http"]), said
    assert re.search(rf"\| size=4B;;;0;16777216 {time}\n", said["check_vipwarden_page"]), said
    assert re.search(r"\| age=[0-9.]+s;;;0 processes=1;;1:;0 rss=[0-9]+B;;;0\n", said["check_vipwarden_haproxy"]), said
    code, words = node.ask("check_vipwarden_mysql")
    assert (code, words.partition(" - ")[0]) == (UNKNOWN, "MYSQL_PING UNKNOWN")
    assert "/etc/vipwarden/mysql.cnf" in words


def test_nobody_outside_can_add_an_argument(node: Node) -> None:
    """As NRPE comes: the command lines are whole, and a question with arguments has no answer."""
    assert node.ask("check_vipwarden_haproxy", "-a", "-h")[0] == UNKNOWN
    assert "Request contained command arguments" in node.log()
    text = (node.folder / "packaging" / "nrpe" / "vipwarden.cfg").read_text()
    assert "$" not in text


def test_the_plugin_gives_up_before_check_nrpe_does(node: Node) -> None:
    """Else Nagios would be told of NRPE's time-out in place of what was seen."""
    text = (node.folder / "packaging" / "nrpe" / "vipwarden.cfg").read_text()
    usage = subprocess.run([CHECK_NRPE, "-h"], capture_output=True, text=True, check=False).stdout
    patience = re.search(r"(?i)seconds before connection times out \(default=(\d+)\)", usage)
    assert patience is not None, usage
    lines = re.findall(r"^command\[.*", text, re.MULTILINE)
    deadlines = [re.search(r" -t (\d+)$", line) for line in lines]
    assert all(found is not None and int(found[1]) + 2 <= int(patience[1]) for found in deadlines), lines
