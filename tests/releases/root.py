"""Where does another release of Debian lie? In a root that debootstrap makes, with what the tests speak to."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, NamedTuple

from tests.programs import listed
from tests.releases.kept import PLACE, kept

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

_PACKAGES = ("ca-certificates", "python3", *(name for name, wanted, _ in listed() if wanted & {"roots", "setup"}))
# In namespaces of its own, so that nothing stays mounted or running when it is killed. dpkg does not wait for the disk,
# as what is half made is thrown away, and no service is started.
_APART = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--")
_MAKE = """
suite=$1 root=$2; shift 2
debootstrap --variant=minbase --foreign "$suite" "$root"
mkdir -p "$root/etc/dpkg/dpkg.cfg.d"
echo force-unsafe-io > "$root/etc/dpkg/dpkg.cfg.d/unsafe-io"
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive
chroot "$root" /debootstrap/debootstrap --second-stage
printf '#!/bin/sh\\nexit 101\\n' > "$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
mount -t proc proc "$root/proc"
chroot "$root" apt-get -qq install --yes --no-install-recommends "$@"
rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/*
"""


class CannotError(Exception):
    """A release cannot be had; says why."""


class Release(NamedTuple):
    """A release: how it is asked for, what its archive calls it, and what is installed there.

    One with a ``guest_of`` lends its HAProxy alone, to the root of that suite.
    """

    name: str
    suite: str
    packages: tuple[str, ...] = _PACKAGES
    guest_of: str = ""

    def __str__(self) -> str:
        return f"Debian {self.name}"


RELEASES = (
    Release("11", "bullseye", ("haproxy",), guest_of="bookworm"),
    Release("12", "bookworm"),
    Release("13", "trixie"),
    Release("sid", "sid", ("haproxy",), guest_of="trixie"),
)


def root(release: Release) -> AbstractContextManager[Path]:
    """Give out its root, which nobody may write to; raises CannotError where there is none and none can be made."""
    return kept(release.suite, "\n".join((_MAKE, *release.packages)), lambda aside: _make(release, aside))


def _make(release: Release, aside: Path) -> None:
    log = PLACE / f"{release.suite}.log"
    with log.open("wb") as out:
        command = [*_APART, "sh", "-ec", _MAKE, "sh", release.suite, str(aside), *release.packages]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False)
    if done.returncode:
        last = log.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
        raise CannotError(f"{last or 'debootstrap failed'} ({log})")
