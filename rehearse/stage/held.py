"""The first process of a node, which holds its services, as it is seen from outside."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

# what keepalived and servers need: by any other right a script could reach the machine, its clock, its kernel's log
_RIGHTS = (
    "-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+net_broadcast"
    ",+net_admin,+net_raw,+ipc_lock,+ipc_owner,+lease,+audit_write,+sys_nice,+sys_resource"
)
_CODE = str(Path(__file__).parents[2])
_HOLDER = f"import sys; sys.path.insert(0, {_CODE!r}); from rehearse.stage.holder import main; main()"
# processes of the node see each other; settings of the machine are read only, those of the network are its own
_INSIDE = """printf %s "$2" >/proc/sys/kernel/hostname
mount -t proc proc /proc && mount -t proc proc "$1/proc"
for it in sys sysrq-trigger; do
    [ ! -e "$1/proc/$it" ] || { mount --bind "$1/proc/$it" "$1/proc/$it" && mount -o remount,bind,ro "$1/proc/$it"; }
done
mount --bind /proc/sys/net "$1/proc/sys/net"
shift 2
exec "$@"
"""
PRIORITY = 10  # of the real-time class: the least that comes before all else
_END = 60
_ANSWER = 10.0  # seconds
_MOST_MEMORY = 4 << 30  # bytes of a process
_LARGEST = 64 << 20  # bytes of a file that a script may write
ROOM = "64m"  # of a file system in memory: what scripts write there must not fill the machine's memory


class Held:
    """The first process of the PID namespace of a node. ``space`` is its network namespace in /run/netns.

    ``urgent`` is the command before what has to run in time on a busy machine; ``certificate`` is the file that
    stand-ins show to who asks by TLS.
    """

    urgent: tuple[str, ...] = ()
    certificate = ""

    def __init__(self, space: str, folder: Path, name: str = "") -> None:
        self._space = space
        self._name = name
        self._folder = folder
        self._root = folder / "root"
        self._process: subprocess.Popen[bytes] | None = None
        self._asked = 0

    def start(self, services: list[dict[str, Any]]) -> None:
        """Start it, and by it the services; raises OSError."""
        self._write(services)
        command = ("nsenter", f"--net=/run/netns/{self._space}", "unshare", "--pid", "--ipc", "--uts", "--fork")
        own = ("--kill-child", "--mount", "sh", "-ec", _INSIDE, "sh", str(self._root), self._name)
        given = {name: str(self._folder / name) for name in ("root", "services", "notes")}
        given |= {"log": str(self._folder / "services.log"), "certificate": self.certificate}
        with (self._folder / "services.log").open("ab") as log:
            process = self._process = subprocess.Popen(
                [*self.urgent, *command, *own, sys.executable, "-I", "-S", "-c", _HOLDER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        if process.stdin is not None and process.stdout is not None:
            with suppress(BrokenPipeError), process.stdin:
                process.stdin.write(json.dumps(given).encode())
            with process.stdout:
                select.select([process.stdout], [], [], _END)
                if process.stdout.read(1) != b"r":
                    said = (self._folder / "services.log").read_text("utf-8", "replace")[-500:]
                    raise OSError(f"the first process of a node did not start: {said}")

    def end(self) -> None:
        """End it, and with it all of its namespace."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _write(self, services: list[dict[str, Any]]) -> None:
        usual = ("chrt", "--other", "0") if self.urgent else ()  # stand-ins answer at once, whatever else runs
        inner = [*usual, *self._apart(), "chroot", str(self._root), *self._limits()]
        held = [{**it, "program": [*inner, *it["program"]] if it.get("program") else None} for it in services]
        (self._folder / "services").write_text(json.dumps(held), encoding="utf-8")

    @staticmethod
    def _apart() -> tuple[str, ...]:
        return ("prlimit", f"--fsize={_LARGEST}", f"--as={_MOST_MEMORY}")

    @staticmethod
    def _limits() -> tuple[str, ...]:
        return ("setpriv", f"--bounding-set={_RIGHTS}", "--inh-caps=-all")

    def serve(self, services: list[dict[str, Any]]) -> None:
        """Have these services from now on."""
        self._write(services)
        self.ask("set")

    def ask(self, request: str) -> str:
        """Ask the first process as ``systemctl`` does; return its answer, or nothing where it has none."""
        self._asked += 1
        pipe = self._root / ".rehearse" / "answers" / f"stage-{self._asked}"
        os.mkfifo(pipe)
        answer = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        try:
            control = os.open(self._root / ".rehearse" / "control", os.O_WRONLY | os.O_NONBLOCK)
            os.write(control, f"stage-{self._asked} {request}\n".encode())
            os.close(control)
            end = time.monotonic() + _ANSWER
            while time.monotonic() < end:
                with suppress(BlockingIOError):  # the other side has opened it, and not yet written
                    if data := os.read(answer, 200):
                        return data.decode()
                time.sleep(0.01)
        finally:
            os.close(answer)
            pipe.unlink()
        return ""

    def notes(self) -> list[tuple[float, str, str]]:
        """Return time, up or down, and name of what its services did."""
        lines = (self._folder / "notes").read_text("utf-8", "replace").splitlines()
        return [(float(at), what, name) for at, what, name in (line.split(" ", 2) for line in lines)]

    def command(self, *words: str, user: Sequence[int] = ()) -> list[str]:
        """Return the command that runs another one in the node, with the rights of what keepalived starts.

        ``user`` are UID and GID, nothing for root.
        """
        spaces = ("--pid", "--mount", "--net", "--ipc", "--uts")
        owner = (f"--reuid={user[0]}", f"--regid={user[1]}", "--clear-groups") if user else ()
        inside = ("chroot", str(self._root), *self._limits(), *owner, *words)
        return ["nsenter", "-t", str(self.first), *spaces, *self._apart(), *inside]

    @property
    def first(self) -> int:
        """The PID of its first process."""
        return next(iter(below(self._process.pid)), 0) if self._process is not None else 0


def below(pid: int) -> list[int]:
    """Return the processes that a process has started, and theirs."""
    return [it for child in children(pid) for it in (child, *below(child))]


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    with suppress(OSError):
        return [int(it) for it in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
    return []
