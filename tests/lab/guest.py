"""How does a machine without IPVS run a cluster? In a guest: a kernel of its own, by User-Mode-Linux or by QEMU.

The guest's root is the machine's own file system, read-only under an overlay in memory, so that every program of
the machine is there and nothing that the guest does stays. Guest and machine share one folder. Which kind of guest
boots on a machine is found by trying; LAB_GUEST names one: uml-debian, uml-fetched, qemu-kvm, qemu-tcg; uml or qemu
for either of two.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.kind import lacking
from tests.lab.qemu import Qemu
from tests.lab.uml import FetchedUml, Uml

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.lab.kind import Kind

MODULES = "veth bridge ip_vs ip_vs_rr ip_vs_wrr ip_vs_wlc sch_ingress sch_netem cls_u32 act_gact ipv6 ipip ip6_tunnel"
PROGRAMS = ("keepalived", "ipvsadm", "haproxy", "nginx", "mariadbd", "nmap", "socat", "ip", "tc", "modprobe")
_FAILED: dict[str, str] = {}  # kinds that did not boot on this machine, and why


class NoGuestError(Exception):
    """The machine cannot boot a guest; the text says for each kind what was tried and why it failed."""


def kinds() -> list[Kind]:
    """Return the kinds of guests to be tried, the fastest first; raises NoGuestError where LAB_GUEST is none."""
    every: list[Kind] = [Uml(), FetchedUml(), Qemu("kvm"), Qemu("tcg")]
    wanted = os.environ.get("LAB_GUEST", "")
    found = [kind for kind in every if wanted in ("", kind.name, kind.name.partition("-")[0])]
    if not found:
        names = ", ".join(kind.name for kind in every)
        raise NoGuestError(f"LAB_GUEST={wanted}: no such kind; there are uml and qemu, which are {names}")
    return found


def needed() -> None:
    """Raise NoGuestError where a program that the lab needs is missing, or what any kind of guest needs."""
    missing = lacking(PROGRAMS)
    if missing:
        raise NoGuestError(f"missing programs: {' '.join(missing)}")
    lacks = {kind.name: kind.missing() for kind in kinds()}
    if all(lacks.values()):
        raise NoGuestError("\n".join(f"{name}: missing: {what}" for name, what in lacks.items()))


class Guest:
    """One guest that runs one command as root in ``cwd``; ``kind`` is what it is, or what is tried just now."""

    kind: Kind
    _process: subprocess.Popen[bytes]

    def __init__(self, shared: Path, name: str, command: Sequence[str], cwd: Path) -> None:
        """Boot it; ``shared`` is the folder that it sees at the same path and may write. Raises NoGuestError."""
        self.folder = shared / name
        self.folder.mkdir()
        job = f"cd {shlex.quote(str(cwd))} && exec {shlex.join(command)}\n"
        (self.folder / "job").write_text(job)
        init = self.folder / "init"  # the kernel's command line has no quotes: a path without blanks
        init.write_bytes((Path(__file__).parent / "init.sh").read_bytes())
        init.chmod(0o755)
        self.seconds = 0.0  # that it took to come up
        self._shared = shared
        self._read = 0
        self._left = kinds()
        self._tried: list[str] = []
        self._boot()

    def _boot(self) -> None:
        """Try the next kind; raises NoGuestError where none is left."""
        while self._left:
            self.kind = self._left.pop(0)
            missing = self.kind.missing()
            why = _FAILED.get(self.kind.name) or (missing and f"missing: {missing}")
            if not why:
                break
            self._tried.append(f"{self.kind.name}: {why}")
        else:
            raise NoGuestError("\n".join(self._tried))
        says = {
            "shared": str(self._shared), "share": self.kind.share, "modules": MODULES,
            "libraries": str(self.kind.libraries()),
        }  # fmt: skip
        (self.folder / "settings").write_text("".join(f"{key}={shlex.quote(what)}\n" for key, what in says.items()))
        self._begun = time.monotonic()
        with (self.folder / "console").open("wb") as console:
            self._process = self.kind.boot(self.folder / "init", self._shared, console.fileno())

    def running(self) -> bool:
        """Return whether the command still runs, or is to run; raises NoGuestError where no kind of guest came up."""
        alive = self._process.poll() is None and self.status() is None
        if self.kernel():
            self.seconds = self.seconds or time.monotonic() - self._begun
            return alive
        why = self._failure(alive=alive)
        if why:
            self.end()
            _FAILED[self.kind.name] = why
            self._tried.append(f"{self.kind.name}: {why}")
            self._boot()
        return True

    def _failure(self, *, alive: bool) -> str:
        """Return why it did not come up, nothing as long as it may."""
        why = "" if alive else f"ended with {self._process.poll()}"
        if alive and time.monotonic() - self._begun > self.kind.limit:
            why = f"not up within {self.kind.limit:g} s"
        why = why or self.kind.stuck(self._process.pid, self.tail("console"))
        lines = self.tail("console", 200).splitlines()
        panic = next((number for number, line in enumerate(lines) if "Kernel panic" in line), len(lines) - 1)
        words = [f"  {line}" for line in lines[max(0, panic - 4) : panic + 1]]
        return why and "\n".join([f"{why}; its last words:" if words else f"{why}; it said nothing", *words])

    def kernel(self) -> str:
        """Return the release of its kernel, nothing as long as it is not up."""
        file = self.folder / "up"
        return file.read_text().strip() if file.exists() else ""

    def pace(self) -> float:
        """Return how much wider its bounds are, 0 as long as it has not said so: see pace.py."""
        file = self.folder / "pace"
        return float(file.read_text() or 0) if file.exists() else 0.0

    def __str__(self) -> str:
        """Return what it is, and why it is of no faster kind."""
        instead = "".join(f"; not {why.splitlines()[0].partition('; ')[0]}" for why in self._tried)
        return f"{self.folder.name}: {self.kind.name}, Linux {self.kernel()}, up in {self.seconds:.1f} s{instead}"

    def status(self) -> int | None:
        """Return the exit status of the command, None where it gave none."""
        file = self.folder / "status"
        text = file.read_text().strip() if file.exists() else ""
        return int(text) if text else None

    def more_rows(self) -> list[dict[str, str]]:
        """Return the rows that the command wrote since the last time, one JSON object a line in the file ``rows``."""
        file = self.folder / "rows"
        data = file.read_bytes()[self._read :] if file.exists() else b""
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        return [json.loads(line) for line in whole.splitlines()]

    def tail(self, name: str, lines: int = 30) -> str:
        """Return the end of ``console`` or of what the command ``said``."""
        file = self.folder / name
        return "\n".join(file.read_text(errors="replace").splitlines()[-lines:]) if file.exists() else ""

    def end(self) -> None:
        """Pull the plug."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
