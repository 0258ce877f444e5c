"""How does a guest boot in User-Mode-Linux, a kernel that is an ordinary process?

Kernel and modules are those of Debian's package ``user-mode-linux``. Before Linux 6.13 it aborts where the CPU has AMX:
there a newer one boots, which kernel.sh fetches.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab import kind

if TYPE_CHECKING:
    import subprocess


class Uml:
    """The fastest: it computes at the machine's speed and starts a program in about 10 ms."""

    name = "uml-debian"
    share = "hostfs"
    limit = 120.0

    def missing(self) -> str:
        """Return which of its programs are."""
        return ", ".join(kind.lacking(("linux.uml", "setpriv")))

    def libraries(self) -> Path:
        """Return where the package has the modules."""
        return Path("/usr/lib/uml/modules")

    def boot(self, init: Path, shared: Path, console: int) -> subprocess.Popen[bytes]:
        """Start it: its root and the shared folder are hostfs."""
        del shared
        return self._start([kind.find("linux.uml")], init, console)

    def stuck(self, pid: int, said: str) -> str:
        """See nothing: what does not boot ends."""
        del pid, said
        return ""

    def _start(self, program: list[str], init: Path, console: int, cwd: Path | None = None) -> subprocess.Popen[bytes]:
        folder = init.parent
        command = [
            *program, f"mem={kind.MEMORY}", f"uml_dir={folder}/", "umid=u",
            "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", f"init={init}", "quiet",
            "con=null", "con0=null,fd:1", "ssl=null",
        ]  # fmt: skip
        return kind.start(command, console, cwd=cwd, TMPDIR=str(_memory(folder)))


class FetchedUml(Uml):
    """A newer one, with the loader and the C library that it wants: it is started in the folder of these three."""

    name = "uml-fetched"
    _folder = kind.CACHE / "uml"

    def missing(self) -> str:
        """Return that it was not fetched."""
        lacks = kind.lacking(("setpriv",))
        if not (self._folder / "linux.uml").exists():
            lacks.append(f"{self._folder}/linux.uml (tests/lab/kernel.sh fetches it)")
        return ", ".join(lacks)

    def libraries(self) -> Path:
        """Return where its modules are."""
        return self._folder / "lib/modules"

    def boot(self, init: Path, shared: Path, console: int) -> subprocess.Popen[bytes]:
        """Start it in its folder."""
        del shared
        return self._start(["env", "LD_LIBRARY_PATH=.", "./linux.uml"], init, console, self._folder)


def _memory(folder: Path) -> Path:
    """Return where the guest's memory goes, as a file: one that is larger than its file system is a bus error."""
    memory = Path("/dev/shm")
    try:
        found = os.statvfs(memory)
    except OSError:
        return folder
    large = found.f_bavail * found.f_frsize > 2 * kind.MEMORY
    return memory if large and not found.f_flag & os.ST_NOEXEC else folder
