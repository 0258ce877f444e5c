"""Do the tests hold on other releases? ``make test-releases``, or ``make test-releases RELEASES="12 13"``.

What speaks to keepalived, HAProxy, OpenSSL, MariaDB and Python runs on Debian 12 and 13. Debian 11, whose Python is too
old, and sid, which moves, lend their HAProxy for the comparison with its own endpoint.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from time import monotonic
from typing import TYPE_CHECKING

from tests.commands import CODE
from tests.releases.inside import run
from tests.releases.kept import kept
from tests.releases.root import RELEASES, CannotError, Release, root

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

_ALL = "exporter node core net state config protocol agent checks nagios_plugins keepalived_scripts doctor convert cli"
_TESTS = " ".join(f"tests/{folder}" for folder in _ALL.split())
_COMPARISON = "tests/exporter/sources/test_haproxy_endpoint.py"
_GIVEN = [f"{name}={os.environ[name]}" for name in ("PAIRS", "SEED") if os.environ.get(name)]
_BY_SUITE = {release.suite: release for release in RELEASES}
# what `make setup` depends on
_SETUP = ("setup.cfg", "pyproject.toml", "constraints.txt", "packaging/launchers.py", "checks/*.py")


class Row:
    """What came of a release, and how many seconds it took to make its root, its environment and the tests."""

    def __init__(self, release: Release) -> None:
        self.name = str(release)
        self.seconds: list[float] = []
        self.end = "passed"
        self._since = monotonic()

    def lap(self) -> None:
        """End a part."""
        now = monotonic()
        self.seconds.append(now - self._since)
        self._since = now

    def __str__(self) -> str:
        parts = (*self.seconds, *[0.0] * 3)[:3]
        return f"{self.name:<12}" + "".join(f"{part:>9.0f} s" for part in parts) + f"  {self.end}"


def main(names: Sequence[str]) -> int:
    """Run them and print a table; the exit code is 1 where one failed."""
    known = {release.name: release for release in RELEASES}
    if unknown := [name for name in names if name not in known]:
        sys.exit(f"no release {' '.join(unknown)}: {' '.join(known)} are known")
    if os.geteuid() != 0:
        sys.exit("only root can make the root of another release")
    rows = [_tested(known[name]) for name in names]
    _say("\nrelease              root    setup     tests", *rows)
    return any(row.end.startswith("failed") for row in rows)


def _tested(release: Release) -> Row:
    row = Row(release)
    _say(f"\n{release}")
    try:
        with ExitStack() as stack:
            target = os.environ.get("TARGET", "test")
            tests = os.environ.get("PYTEST") or (_TESTS if target == "test" else "")
            own, haproxy = stack.enter_context(root(release)), None
            host = release
            if release.guest_of:
                haproxy, tests, host = own, _COMPARISON, _BY_SUITE[release.guest_of]
                own = stack.enter_context(root(host))
            row.lap()
            venv = stack.enter_context(_environment(host, own))
            row.lap()
            done = run(own, venv, "make", target, "INSTALL=no", f"PYTEST={tests}", *_GIVEN, haproxy=haproxy)
            row.end = "failed" if done.returncode else "passed"
    except CannotError as error:
        row.end = f"{'skipped' if release.guest_of else 'failed'}: {error}"
    row.lap()
    return row


def _say(*lines: object) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def _environment(release: Release, own: Path) -> AbstractContextManager[Path]:
    """Give out what ``make setup`` makes there; raises CannotError where it fails."""
    files = sorted(path for pattern in _SETUP for path in CODE.glob(pattern))
    recipe = "".join((own.name, str(own.stat().st_ino), *(path.read_text(encoding="utf-8") for path in files)))

    def make(aside: Path) -> None:
        aside.mkdir()
        done = run(own, aside, "make", "setup", network=True, quiet=True)
        if done.returncode:
            raise CannotError(f"make setup failed there: {done.stdout[-500:]}")

    return kept(f"{release.suite}-environment", recipe, make)


sys.exit(main(sys.argv[1:] or [release.name for release in RELEASES]))
