"""Does each kind of guest that boots here do what the lab stands on, and leave nothing behind?"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.commands import lacking
from tests.lab import guest as guests
from tests.lab import kind
from tests.lab.guest import Guest, NoGuestError, kinds
from tests.lab.initrd import initrd
from tests.lab.qemu import Qemu

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
_KINDS = ("uml", "qemu")
_WRITES = """\
#!/bin/bash
mount -t proc proc /proc
mount -o remount,rw / && echo "writable, it believes"
echo mine >{probe}
echo o >/proc/sysrq-trigger
"""
_SHARES = """
echo begun >begun
until [ -s answer ]; do sleep 0.1; done
cat answer >heard
"""


@pytest.fixture(autouse=True)
def _nothing_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guests, "_FAILED", {})


def boot(shared: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> Guest:
    """Boot a guest of a kind, or skip the test where none can."""
    monkeypatch.setenv("LAB_GUEST", name)
    try:
        return Guest(shared, "guest", ["bash", "-c", script], shared)
    except NoGuestError as error:
        _unable(error)
        raise


def _unable(error: NoGuestError) -> None:
    """Skip where a kind cannot boot: in CI as well, where one of the two need not."""
    pytest.skip(str(error))


def until(test: Callable[[], object], guest: Guest) -> None:
    """Wait for something that the command in the guest does."""
    try:
        while not test():
            assert guest.running(), f"{guest.tail('said')}\n{guest.tail('console')}"
            time.sleep(0.05)
    except NoGuestError as error:
        _unable(error)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", _KINDS)
def test_both_sides_see_what_the_other_writes_while_it_runs(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the shared folder; and a guest that is told to end is gone at once, with all its processes."""
    guest = boot(tmp_path, name, _SHARES, monkeypatch)
    try:
        until((tmp_path / "begun").exists, guest)
        (tmp_path / "answer").write_text("heard\n")
        until(lambda: not guest.running(), guest)
        assert (tmp_path / "heard").read_text() == "heard\n"
        assert guest.status() == 0
        assert guest.kernel()
        assert str(guest).startswith(f"guest: {name}")
    finally:
        guest.end()
    assert not _left(tmp_path)


@pytest.mark.timeout(600)
def test_qemu_refuses_to_write_what_the_machine_has(tmp_path: Path) -> None:
    """Even where the guest mounts its root for writing."""
    qemu, probe = Qemu("tcg"), tmp_path / "probe"
    if why := qemu.missing():
        pytest.skip(why)
    init, said = tmp_path / "init", tmp_path / "console"
    init.write_text(_WRITES.format(probe=probe))
    init.chmod(0o755)
    shared = tmp_path / "shared"
    shared.mkdir()
    with said.open("wb") as console:
        process = qemu.boot(init, shared, console.fileno())
    try:
        process.wait(400)
    finally:
        process.kill()
        process.wait()
    assert "writable, it believes" in said.read_text()
    assert f"{probe}: Read-only file system" in said.read_text()
    assert not probe.exists()


@pytest.mark.timeout(600)
def test_a_guest_in_qemu_ends_with_whoever_booted_it(tmp_path: Path) -> None:
    """However that one ends: killed with -9, it can end nothing itself."""
    script = (
        "import sys, time; from pathlib import Path; from tests.lab.guest import Guest\n"
        "g = Guest(Path(sys.argv[1]), 'guest', ['sleep', '1000'], Path('/'))\n"
        "print(g._process.pid, flush=True); time.sleep(1000)"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    owner = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "LAB_GUEST": "qemu-tcg"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert owner.stdout is not None
    said = owner.stdout.readline()
    owner.send_signal(signal.SIGKILL)
    failure = owner.communicate()[1]
    if not said:
        pytest.skip(failure.strip().rpartition("\n")[2])
    end = time.monotonic() + 60
    while _left(tmp_path) and time.monotonic() < end:
        time.sleep(0.1)
    assert not _left(tmp_path)


def test_a_kind_that_does_not_boot_is_told_with_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was tried, what came back, and what the others miss."""
    fake = tmp_path / "linux.uml"
    fake.write_text(
        "#!/bin/sh\necho loading\necho 'Kernel panic - not syncing: no'\necho ' [<60>] ? panic'\nexit 134\n"
    )
    fake.chmod(0o755)
    monkeypatch.setattr(kind, "_PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("LAB_GUEST", "uml-debian")
    shared = tmp_path / "shared"
    shared.mkdir()
    guest = Guest(shared, "guest", ["true"], tmp_path)
    with pytest.raises(NoGuestError) as raised:
        _run(guest)
    words = "uml-debian: ended with 134; its last words:\n  loading\n  Kernel panic - not syncing: no"
    assert str(raised.value) == words
    with pytest.raises(NoGuestError, match="ended with 134"):  # it is not tried again
        Guest(shared, "another", ["true"], tmp_path)


def _run(guest: Guest) -> None:
    while guest.running():
        time.sleep(0.05)


def test_a_kind_that_nobody_knows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With those that there are."""
    monkeypatch.setenv("LAB_GUEST", "vmware")
    with pytest.raises(
        NoGuestError, match="LAB_GUEST=vmware: no such kind; there are uml and qemu, which are uml-debian"
    ):
        kinds()


def test_what_every_kind_misses_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Program by program, with the script that fetches a kernel."""
    monkeypatch.setenv("LAB_GUEST", "qemu-tcg")
    monkeypatch.setattr(kind, "CACHE", tmp_path)
    monkeypatch.setattr(kind, "_PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
    missing = kinds()[0].missing()
    if not list(Path("/boot").glob("vmlinuz-*")):
        assert "tests/lab/kernel.sh" in missing


def test_the_archive_is_one_that_cpio_reads(tmp_path: Path) -> None:
    """With the modules in their order, packed ones unpacked."""
    import lzma

    if not Path("/usr/bin/cpio").exists():
        lacking("cpio is not installed")
    plain, packed = tmp_path / "b.ko", tmp_path / "a.ko.xz"
    plain.write_bytes(b"first")
    packed.write_bytes(lzma.compress(b"second"))
    done = subprocess.run(
        ["cpio", "-idm", "--quiet"], input=initrd([plain, packed], Path("/tmp/a b/init")), cwd=tmp_path, check=True
    )
    assert done.returncode == 0
    assert (tmp_path / "modules/00").read_bytes() == b"first"
    assert (tmp_path / "modules/01").read_bytes() == b"second"
    assert (tmp_path / "init").read_text().endswith("'/tmp/a b/init'\n")
    assert os.access(tmp_path / "init", os.X_OK)


def _left(shared: Path) -> list[str]:
    """Return the processes that have the folder in their command."""
    found = []
    for place in Path("/proc").glob("[1-9]*/cmdline"):
        try:
            words = place.read_bytes()
        except OSError:
            continue
        if str(shared).encode() in words and int(place.parent.name) != os.getpid() and b"tests" not in words:
            found.append(words.replace(b"\0", b" ").decode())
    return found
