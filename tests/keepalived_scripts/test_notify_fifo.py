"""Does the reader of keepalived's FIFO lose no event?"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import TYPE_CHECKING

from tests.keepalived_scripts.service import must_come

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from tests.keepalived_scripts.site import Site


@contextlib.contextmanager
def reading(site: Site, fifo: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Read a FIFO until the end of the block."""
    with site.start("--fifo", str(fifo)) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(timeout=60)


def test_virtual_services_are_told_by_fifo(site: Site) -> None:
    """In lines that come in pieces, of which one is nonsense."""
    site.writing_hooks("up", "down", "master")
    fifo = site.folder / "fifo"
    os.mkfifo(fifo)
    with reading(site, fifo), fifo.open("wb", buffering=0) as out:
        for piece in ("VS [192.0.2.1", "0]:tcp:80 UP\nRS [192.0.2.1]:tcp:80 [192.0.2.10]:tcp:80 DOWN\nnon", "sense\n"):
            out.write(piece.encode())
            time.sleep(0.02)
        out.write(b'INSTANCE "V1" MASTER 7\n')
        site.must_write(
            "VS [192.0.2.10]:tcp:80 UP 0",
            "RS [192.0.2.1]:tcp:80 [192.0.2.10]:tcp:80 DOWN 0",
            "INSTANCE V1 MASTER 7",
        )
    assert [path.name for path in (site.folder / "run/vrrp").iterdir() if path.name != ".lock"] == ["INSTANCE.V1"]
    assert site.state().source == "fifo"


def test_a_fifo_that_is_made_anew_is_read_on(site: Site) -> None:
    """What was still in the old one is not lost."""
    site.writing_hooks("master", "backup")
    fifo = site.folder / "fifo"
    with reading(site, fifo):
        os.mkfifo(fifo)
        with fifo.open("wb", buffering=0) as old:
            old.write(b'INSTANCE "V1" MASTER 1\n')
            site.must_write("INSTANCE V1 MASTER 1")
            fifo.unlink()
            old.write(b'INSTANCE "V1" BACKUP 2\n')
            os.mkfifo(fifo)
        with fifo.open("wb", buffering=0) as new:
            new.write(b'INSTANCE "V1" MASTER 3\n')
            site.must_write("INSTANCE V1 MASTER 1", "INSTANCE V1 BACKUP 2", "INSTANCE V1 MASTER 3")


def test_a_flood_that_a_pipe_would_not_hold_is_heard_to_its_end(site: Site) -> None:
    """Written without waiting, as keepalived does: ten thousand real servers, and then one state."""
    site.writing_hooks("master")
    fifo = site.folder / "fifo"
    os.mkfifo(fifo)
    with reading(site, fifo):
        must_come(lambda: _room(fifo) > 1 << 19)
        out = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        for number in range(10000):
            os.write(out, b"RS [192.0.2.1]:tcp:%d [192.0.2.10]:tcp:80 DOWN\n" % number)
        os.write(out, b'INSTANCE "V1" MASTER 1\n')
        os.close(out)
        must_come(lambda: bool(site.lines()), 100)
        assert site.lines() == ["INSTANCE V1 MASTER 1"]


def _room(fifo: Path) -> int:
    """Return how many bytes a FIFO holds."""
    here = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    try:
        return fcntl.fcntl(here, fcntl.F_GETPIPE_SZ)
    finally:
        os.close(here)
