"""What does a kernel need in memory, before it has a root file system? Modules, and a few programs that load them."""

from __future__ import annotations

import lzma
import re
import shlex
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.kind import find

if TYPE_CHECKING:
    from collections.abc import Iterable

PROGRAMS = ("bash", "mount", "insmod", "chroot")
ALIVE = "the kernel runs its first program"
_INIT = f"""\
#!/bin/bash
echo {ALIVE}
for module in /modules/*; do insmod "$module"; done
mount -t 9p root /root -o ro,trans=virtio,version=9p2000.L,cache=loose,msize=524288
cd /root && mount -n --move . / && exec chroot . """


def initrd(modules: Iterable[Path], init: Path) -> bytes:
    """Return an archive that loads the modules in their order and goes on with ``init`` of the machine's files."""
    files = {f"modules/{number:02}": _module(path) for number, path in enumerate(modules)}
    for program in PROGRAMS:
        path = find(program)
        said = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
        files |= {library[1:]: Path(library).read_bytes() for library in re.findall(r"(/\S+) \(0x", said)}
        files[f"bin/{program}"] = Path(path).read_bytes()
    files["init"] = f"{_INIT}{shlex.quote(str(init))}\n".encode()
    folders = {str(folder) for name in [*files, "root/x"] for folder in Path(name).parents} - {"."}
    entries = [(name, stat.S_IFDIR, b"") for name in sorted(folders)]
    entries += [(name, stat.S_IFREG, data) for name, data in files.items()]
    return b"".join(_entry(*entry) for entry in (*entries, ("TRAILER!!!", 0, b"")))


def _module(path: Path) -> bytes:
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def _entry(name: str, kind: int, data: bytes) -> bytes:
    """Return one file as in cpio(5), "New ASCII Format", and the kernel's initramfs-buffer-format.rst."""
    path = name.encode() + b"\0"
    fields = (0, kind | 0o755, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + path
    return _padded(head) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
