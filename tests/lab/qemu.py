"""How does a guest boot in QEMU, on any x86-64 machine?

It boots Debian's kernel: the one that kernel.sh fetched, or the machine's own. The root file system and the shared
folder are 9p, which QEMU serves itself; it refuses to write to the root, whatever the guest tries.
"""

from __future__ import annotations

import lzma
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.lab import kind
from tests.lab.initrd import ALIVE, PROGRAMS, initrd

if TYPE_CHECKING:
    from collections.abc import Iterator

_QEMU = "qemu-system-x86_64"
_BOOT_MODULES = ("virtio_pci", "9pnet_virtio", "9p", "overlay")
_ACCEL = {
    "kvm": ["-accel", "kvm", "-cpu", "host"],
    "tcg": ["-accel", "tcg,tb-size=128", "-cpu", "max"],  # MB of translated code; by itself it takes as much as it gets
}
_LIMIT = {"kvm": 120.0, "tcg": 300.0}
_ALIVE = 5.0  # seconds of CPU after which a kernel by KVM runs its first program; it takes less than one
# what takes time and serves nobody here, and a check of timers that a busy machine may fail
_APPEND = "console=ttyS0 quiet panic=-1 no_timer_check mitigations=off nokaslr no5lvl tsc=reliable"


class Kernel(NamedTuple):
    """One that a guest can boot, and the modules that it needs before it sees the machine's files, in their order."""

    image: Path
    libraries: Path
    modules: list[Path]


class Qemu:
    """By KVM nearly as fast as the machine, by TCG about ten times slower."""

    share = "9p"

    def __init__(self, accel: str) -> None:
        """Run it by ``kvm`` or ``tcg``."""
        self.name = f"qemu-{accel}"
        self.limit = _LIMIT[accel]
        self._accel = accel
        self._kernel = next(_kernels(), None)

    def missing(self) -> str:
        """Return which programs are, or that there is no kernel."""
        lacks = kind.lacking((_QEMU, "setpriv", "modprobe", *PROGRAMS))
        if self._kernel is None:
            lacks.append("a kernel with 9p that may be read (tests/lab/kernel.sh fetches one)")
        if self._accel == "kvm" and not os.access("/dev/kvm", os.R_OK | os.W_OK):
            lacks.append("/dev/kvm")
        return ", ".join(lacks)

    def libraries(self) -> Path:
        """Return where the kernel's modules are."""
        assert self._kernel is not None, self.missing()
        return self._kernel.libraries

    def boot(self, init: Path, shared: Path, console: int) -> subprocess.Popen[bytes]:
        """Start it. Kernel and archive are files in memory, which QEMU reads: none is left behind."""
        assert self._kernel is not None, self.missing()
        image = self._kernel.image.read_bytes()
        kernel = _in_memory("kernel", image if self._accel == "kvm" else _unpacked(image))
        archive = _in_memory("initrd", initrd(self._kernel.modules, init))
        command = [
            kind.find(_QEMU), "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-nic", "none",
            "-machine", "q35", *_ACCEL[self._accel], "-m", str(kind.MEMORY >> 20),
            "-kernel", f"/proc/self/fd/{kernel}", "-initrd", f"/proc/self/fd/{archive}", "-append", _APPEND,
            "-serial", "stdio",
            *_shared("root", Path("/"), "readonly=on"), *_shared("lab", shared),
        ]  # fmt: skip
        try:
            return kind.start(command, console, files=(kernel, archive))
        finally:
            os.close(kernel)
            os.close(archive)

    def stuck(self, pid: int, said: str) -> str:
        """See whether KVM is one by name only: some virtual machines have a /dev/kvm by which no kernel comes far."""
        if self._accel == "kvm" and ALIVE not in said and _cpu(pid) > _ALIVE:
            return f"nothing runs after {_ALIVE:g} s of CPU: this /dev/kvm runs no ordinary kernel"
        return ""


def _kernels() -> Iterator[Kernel]:
    """Find those that were fetched, and those of the machine; kernels for clouds have no 9p."""
    images = [*sorted(kind.CACHE.glob("[!.]*/boot/vmlinuz-*")), *sorted(Path("/boot").glob("vmlinuz-*"))]
    for image in reversed(images):
        base, release = image.parents[1], image.name.removeprefix("vmlinuz-")
        modules = _modules(base, release)
        if modules and os.access(image, os.R_OK):
            yield Kernel(image, base / "lib/modules", modules)


def _modules(base: Path, release: str) -> list[Path]:
    """Return what is to be loaded, in this order; nothing where a module is neither there nor in the kernel."""
    found: list[Path] = []
    for module in _BOOT_MODULES:
        command = [kind.find("modprobe") or "modprobe", "-d", str(base), "-S", release, "--show-depends", module]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return []
        paths = [Path(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("insmod ")]
        found += [path for path in paths if path not in found]
    return found


def _unpacked(image: bytes) -> bytes:
    """Return the kernel that a bzImage unpacks at its start (Documentation/arch/x86/boot.rst): here it is faster."""

    def number(place: int) -> int:
        return int.from_bytes(image[place : place + 4], "little")

    begin = (image[0x1F1] + 1) * 512 + number(0x248)
    try:
        return lzma.LZMADecompressor().decompress(image[begin : begin + number(0x24C)])
    except lzma.LZMAError:
        return image  # packed in another way


def _in_memory(name: str, data: bytes) -> int:
    file = os.memfd_create(name)
    with open(file, "wb", closefd=False) as target:
        target.write(data)
    return file


def _shared(tag: str, folder: Path, *options: str) -> list[str]:
    path = str(folder).replace(",", ",,")
    one = ",".join([f"local,id={tag},path={path},security_model=none,multidevs=remap", *options])
    return ["-fsdev", one, "-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"]


def _cpu(pid: int) -> float:
    """Return how many seconds of CPU a process has used."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
