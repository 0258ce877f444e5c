"""What the tests of chk_process share: runs of the check, and folders that pretend to be /proc."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from checks.process import process
from tests.drive import oneshot

if TYPE_CHECKING:
    from vipwarden.core.result import Result

_ROOT = str(Path(__file__).parents[2])
LONG = "keepalived_exporter_long"
STAT = "{} ({}) {} 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {} 0 0\n"
_STATUS = "Name:\t{}\nUid:\t{}\t{}\t0\t0\nVmRSS:\t{} kB\nNSpid:\t{}\n"


def ask(*arguments: object) -> Result:
    """Run the check."""
    return oneshot(process, *map(str, arguments))


def said(result: Result) -> tuple[object, str]:
    """Return what an operator sees of a result."""
    return result.state, result.text


def run_python(code: str, *words: str) -> str:
    """Return what a new interpreter prints, one that has read nothing but the code."""
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {_ROOT!r})\n{code}", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def entry(
    folder: Path, pid: int, name: str, *, state: str = "S", start: int = 0, uid: int = 0, rss: int = 1024, ns: str = "1"
) -> None:
    """Write one process of a folder that pretends to be /proc."""
    home = folder / str(pid)
    home.mkdir()
    (home / "comm").write_text(name[:15] + "\n")
    (home / "stat").write_text(STAT.format(pid, name[:15], state, start))
    (home / "status").write_text(_STATUS.format(name[:15], uid, uid, rss, ns))
    (home / "cmdline").write_text(f"/usr/sbin/{name}\0-f\0/etc/{name}.conf\0")
    (folder / "uptime").write_text("1000.00 0.00\n")
