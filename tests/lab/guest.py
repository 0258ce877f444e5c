"""How does a machine without IPVS run a cluster? In a User-Mode-Linux guest: a kernel that is an ordinary process.

The guest's root is the machine's own file system, read-only under an overlay in memory, so that every program of
the machine is there and nothing that the guest does stays. Guest and machine share one folder.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MODULES = "veth bridge ip_vs ip_vs_rr ip_vs_wrr ip_vs_wlc sch_ingress sch_netem cls_u32 act_gact ipv6"
PROGRAMS = ("linux.uml", "keepalived", "ipvsadm", "haproxy", "nginx", "mariadbd", "nmap", "ip", "tc", "modprobe")
MEMORY = 512 << 20
BOOT = 120  # seconds for the guest to come up on a busy machine; 3 s on an idle one


class NoGuestError(Exception):
    """The machine cannot boot a guest; the text says why."""


def needed() -> None:
    """Raise NoGuestError where a program that the lab needs is missing."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = [program for program in PROGRAMS if shutil.which(program, path=path) is None]
    if missing:
        raise NoGuestError(f"missing programs: {' '.join(missing)}")


class Guest:
    """One guest that runs one command as root in ``cwd``."""

    def __init__(self, shared: Path, name: str, command: Sequence[str], cwd: Path) -> None:
        """Boot it; ``shared`` is the folder that it sees at the same path and may write."""
        self.folder = shared / name
        self.folder.mkdir()
        (shared / "modules").write_text(MODULES)
        job = f"cd {shlex.quote(str(cwd))} && exec {shlex.join(command)}\n"
        (self.folder / "job").write_text(job)
        init = self.folder / "init"  # the kernel's command line has no quotes: a path without blanks
        init.write_bytes((Path(__file__).parent / "init.sh").read_bytes())
        init.chmod(0o755)
        self._read = 0
        self._begun = time.monotonic()
        with (self.folder / "console").open("wb") as console:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", "linux.uml", f"mem={MEMORY}", f"uml_dir={self.folder}/", "umid=u",
                 "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", f"init={init}", "quiet",
                 "con=null", "con0=null,fd:1", "ssl=null", f"LAB={shared}", f"LAB_GUEST={name}"],
                env={**os.environ, "TMPDIR": str(self._memory())},
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )  # fmt: skip

    def running(self) -> bool:
        """Return whether the command still runs; raises NoGuestError where the guest did not come up."""
        alive = self._process.poll() is None and self.status() is None
        up = (self.folder / "up").exists()
        if not up and (not alive or time.monotonic() - self._begun > BOOT):
            self.end()
            raise NoGuestError(f"the guest did not boot; its last words:\n{self.tail('console')}")
        return alive

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

    def _memory(self) -> Path:
        """Return where the guest's memory goes, as a file: one that is larger than its file system is a bus error."""
        memory = Path("/dev/shm")
        try:
            found = os.statvfs(memory)
        except OSError:
            return self.folder
        large = found.f_bavail * found.f_frsize > 2 * MEMORY
        return memory if large and not found.f_flag & os.ST_NOEXEC else self.folder
