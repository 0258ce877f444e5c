"""Where do the real pairs run: files, interfaces, keepalived?"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FIRST = "first"  # the network of a guest
_CHECK = """test -e {folder}/hangs && exec sleep 100
test -e {folder}/works"""
_SMALL = "chrt -f 10"  # adverts in time on a busy machine


@dataclass
class Node:
    """A node of a pair, and since when it holds which VIP."""

    name: str
    folder: Path
    device: str = "eth0"
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    keepalived: subprocess.Popen[bytes] | None = None
    held: list[tuple[float, str, bool]] = field(default_factory=list)

    @property
    def other(self) -> str:
        """The interface that carries nothing."""
        return "dum0" if self.device == "eth0" else f"x{self.device}"

    def set_up(self, place: int) -> None:
        """Give it its interfaces and its address."""
        lines = [f"link set {name} up" for name in ("lo", self.device, self.other)]
        lines.append(f"addr add 192.0.2.1{place}/24 dev {self.device}\n")
        command = ["nsenter", f"--net=/run/netns/{self.name}", "ip", "-batch", "-"]
        subprocess.run(command, input="\n".join(lines), text=True, check=True)

    def run(self, *command: str) -> None:
        """Run a command in its network."""
        subprocess.run(["nsenter", f"--net=/run/netns/{self.name}", *command], check=True)

    def start(self) -> None:
        """Start keepalived."""
        files = [word for letter in "prcb" for word in (f"-{letter}", f"{self.folder}/{letter}.pid")]
        for letter in "prcb":
            Path(self.folder, f"{letter}.pid").unlink(missing_ok=True)
        with Path(self.folder, "log").open("ab") as log:
            self.keepalived = subprocess.Popen(
                [
                    *(
                        "nsenter",
                        f"--net=/run/netns/{self.name}",
                        *_SMALL.split(),
                        "keepalived",
                        "-n",
                        "-l",
                        "-D",
                        "-P",
                    ),
                    *("-f", f"{self.folder}/keepalived.conf", *files),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"PATH": os.environ["PATH"], "TMPDIR": str(self.folder)},
                start_new_session=True,
            )

    def run_process(self, name: str) -> None:
        """Run a process that keepalived tracks."""
        self.processes[name] = subprocess.Popen([self.folder / name, "9999"], stdin=subprocess.DEVNULL)

    def wait(self) -> None:
        """Wait until keepalived has started."""
        end = time.monotonic() + 60
        while b"Startup complete" not in Path(self.folder, "log").read_bytes():
            if time.monotonic() > end:
                raise TimeoutError(Path(self.folder, "log").read_text("utf-8", "replace"))
            time.sleep(0.01)

    def signal(self, number: int) -> None:
        """Send a signal to both processes of keepalived; SIGTERM to the first alone."""
        if self.keepalived is None:
            return
        parent = self.keepalived.pid
        pids = [parent] if number == signal.SIGTERM else [parent, *_children(parent)]
        if number == signal.SIGKILL:  # the children first, and no new ones: they end in order when their parent dies
            os.kill(parent, signal.SIGSTOP)
            pids.reverse()
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        if number in (signal.SIGTERM, signal.SIGKILL):
            self.keepalived.wait()


def _children(pid: int) -> list[int]:
    return [int(it) for it in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]


def lay_out(number: int, case: dict[str, Any], folder: Path, *, in_guest: bool) -> list[Node]:
    """Write the files of a pair; in a guest the first node has the guest's own network."""
    nodes = []
    for place, conf in enumerate(case["confs"]):
        own = folder / f"{number}-{place}"
        own.mkdir(parents=True)
        is_first = in_guest and place == 0
        node = Node(FIRST if is_first else f"n{number}-{place}", own, f"e{number}" if is_first else "eth0")
        for name in case.get("processes", ()) if is_first else ():
            shutil.copy("/usr/bin/sleep", own / f"{name}{number}")
            node.run_process(f"{name}{number}")
        for name in case["scripts"]:
            mine = own / name
            mine.mkdir()
            (mine / "works").touch()
            (mine / "check").write_text(_CHECK.format(folder=mine), encoding="ascii")
        for name in case["files"]:
            (own / f"file-{name}").write_text("0\n", encoding="ascii")
        text = conf.replace("@FOLDER@", str(own)).replace("@NUMBER@", str(number)).replace("eth0", node.device)
        (own / "keepalived.conf").write_text(text, encoding="ascii")
        nodes.append(node)
    return nodes


def network(pairs: list[list[Node]]) -> str:
    """Return the batch of ip(8) that makes a bridge for each pair, and the interfaces of its nodes."""
    lines = []
    for number, nodes in enumerate(pairs):
        lines += [f"link add br{number} type bridge mcast_snooping 0", f"link set br{number} up"]
        for place, node in enumerate(nodes):
            port = f"p{number}-{place}"
            lines += [f"netns add {node.name}"] if node.name != FIRST else []
            lines += [
                f"link add {port} type veth peer name {node.device} netns {node.name}",
                f"link set {port} master br{number} up",
                f"link add q{number}-{place} type veth peer name {node.other} netns {node.name}",
                f"link set q{number}-{place} up",
            ]
    return "\n".join(lines) + "\n"
