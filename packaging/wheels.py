"""Which libraries do the packages carry? The wheels that rpm/requirements.txt pins by their hashes, and no others."""

from __future__ import annotations

import sys
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

REQUIREMENTS = Path(__file__).with_name("rpm") / "requirements.txt"
# for compilers; and extensions, unless they fit every Python: all of those have a replacement in Python
_NOT_NEEDED = (".c", ".h", ".pyx", ".pxd", ".pxi", ".pyi", ".so")
_NOT_TRUE_HERE = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")


class Wheel(NamedTuple):
    """A file that is what was pinned."""

    path: Path
    name: str
    version: str
    digest: str

    def unpack(self, target: Path) -> None:
        """Unpack what runs on any Python into a folder."""
        with zipfile.ZipFile(self.path) as archive:
            for name in archive.namelist():
                if name.endswith("/") or ".data/" in name or Path(name).name in _NOT_TRUE_HERE:
                    continue
                if name.endswith(_NOT_NEEDED) and ".abi3." not in name:
                    continue
                path = target / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(archive.read(name))


def pinned(requirements: str) -> dict[str, tuple[str, str]]:
    """Return name and version of what is pinned, by each of its hashes."""
    pins = {}
    for line in requirements.replace("\\\n", " ").splitlines():
        requirement, *hashes = line.partition("#")[0].split() or [""]
        name, _, version = requirement.partition("==")
        pins.update({word.removeprefix("--hash=sha256:"): (name, version) for word in hashes})
    return pins


def wheels(folder: Path) -> list[Wheel]:
    """Return the wheels in a folder, by name; ends the program where one is missing or is not what was pinned."""
    known = pinned(REQUIREMENTS.read_text())
    carried = []
    for path in sorted(folder.glob("*.whl")):
        digest = sha256(path.read_bytes()).hexdigest()
        if digest not in known:
            sys.exit(f"{path} is none of the wheels of {REQUIREMENTS}: make wheels")
        carried.append(Wheel(path, *known[digest], digest))
    missing = {name for name, _ in known.values()} - {wheel.name for wheel in carried}
    if missing:
        sys.exit(f"{folder} has no wheel of {', '.join(sorted(missing))}: make wheels")
    return carried
