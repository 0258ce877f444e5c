"""Do the hooks run for every event, in order, one after the other, and can none hold up the others?"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.commands import BIN, environment, shell
from tests.keepalived_scripts.service import ignored_here, must_come

if TYPE_CHECKING:
    from tests.keepalived_scripts.site import Site


def test_hooks_run_in_the_order_of_their_names_with_keepalived_s_words(site: Site) -> None:
    """And what more there is to know in their environment."""
    site.hook("master", "20-second", f'echo "second $*" >>{site.journal}')
    site.hook("master", "10-first", f"sleep 0.2; env | grep ^VIPWARDEN_[NPST] | grep -v SINCE | sort >>{site.journal}")
    site.hook("master", ".hidden", f"echo hidden >>{site.journal}")
    site.hook("master", "30-old~", f"echo old >>{site.journal}")
    site("--state", "FAULT", "--instance", "V1")
    site("own", "INSTANCE", "V1", "MASTER", "100")
    site.must_write(
        "VIPWARDEN_NAME=V1", "VIPWARDEN_PREVIOUS=FAULT", "VIPWARDEN_PRIORITY=100", "VIPWARDEN_SOURCE=notify",
        "VIPWARDEN_STATE=MASTER", "VIPWARDEN_TYPE=INSTANCE", "second own INSTANCE V1 MASTER 100",
    )  # fmt: skip


def test_a_worker_that_dies_leaves_nothing_lying(site: Site) -> None:
    """Whoever finds the lock taken by it waits for the end of it, one process for all."""
    site.writing_hooks("master", "backup")
    site("INSTANCE", "V1", "MASTER", "1")
    site.must_write("INSTANCE V1 MASTER 1")
    must_come(site.idle)
    with (site.folder / "run/notify/.hooks.lock").open("w") as dying:
        fcntl.flock(dying, fcntl.LOCK_EX)
        for state in ("BACKUP", "MASTER"):
            site("INSTANCE", "V1", state, "1")
        assert not site.idle()
    site.must_write(*(f"INSTANCE V1 {state} 1" for state in ("MASTER", "BACKUP", "MASTER")))


def test_hooks_follow_each_other_while_a_slow_one_runs(site: Site) -> None:
    """No event is lost, and each instance keeps its order."""
    site.writing_hooks("master", "backup", more="sleep 0.1")
    words = ["V1 MASTER", "V1 BACKUP", "V2 MASTER", "V1 MASTER"]
    for word in words:
        site("INSTANCE", *word.split(), "1")
    site.must_write(*(f"INSTANCE {word} 1" for word in words))
    assert site.state().changes == 3


def test_hooks_of_a_state_that_is_long_gone_are_skipped(site: Site) -> None:
    """While some hung others came: the newest of each instance counts, once they are older than a hook may take."""
    site.configure("hook_timeout: 0.4")
    for number in range(100):  # one after the other, until all others have come
        site.hook("fault", f"{number:02}-hang", f"until [ -e {site.folder}/go ]; do sleep 0.02; done")
    site.writing_hooks("master", "backup")
    for words in ("V1 FAULT", "V1 MASTER", "V1 BACKUP", "V2 MASTER", "V1 MASTER"):
        site("INSTANCE", *words.split(), "1")
    time.sleep(0.5)
    (site.folder / "go").touch()
    site.must_write("INSTANCE V2 MASTER 1", "INSTANCE V1 MASTER 1")


def test_stop_does_not_wait_for_its_hooks_which_survive(site: Site) -> None:
    """A second later, keepalived kills the whole process group."""
    site.writing_hooks("stop", more=f"until [ -e {site.folder}/go ]; do sleep 0.02; done")
    command = [str(BIN / "notify"), "--config", str(site.config), "INSTANCE", "V1", "STOP", "100"]
    process = subprocess.Popen(command, env=environment(site.folder), process_group=0, stdout=subprocess.PIPE)
    process.communicate(timeout=60)  # returns when nobody holds its stdout any more
    assert site.state().state == "STOP"
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    (site.folder / "go").touch()
    site.must_write("INSTANCE V1 STOP 100")


def test_a_hook_that_hangs_is_killed_with_all_that_it_started(site: Site) -> None:
    """And the next one runs."""
    site.configure("hook_timeout: 0.3")
    site.hook("fault", "10-hang", f"trap '' TERM; sleep 60 & echo $! >{site.folder}/child; wait; sleep 60")
    site.hook("fault", "20-next", f"echo next >>{site.journal}")
    begun = time.monotonic()
    site("INSTANCE", "V1", "FAULT", "1")
    site.must_write("next")
    assert time.monotonic() - begun < 30
    child = Path("/proc", (site.folder / "child").read_text().strip(), "status")
    must_come(lambda: not child.exists() or "zombie" in child.read_text())


def test_a_daemon_that_a_hook_starts_lives_on(site: Site) -> None:
    """As HAProxy at MASTER: with ordinary signals, and an output that does not go away."""
    start = f"(grep -E 'Sig(Ign|Blk)' /proc/self/status; umask; sleep 0.3; echo alive && echo done) >>{site.journal} &"
    site.hook("master", "10-start", start)
    site("INSTANCE", "V1", "MASTER", "1")
    must_come(lambda: "done" in site.lines())
    blocked, ignored = (int(line.split()[1], 16) & 0x7FFFFFFF for line in site.lines() if line.startswith("Sig"))
    # SIGINT and SIGQUIT are what "&" of sh ignores, and what was ignored before the tests began stays so
    assert (ignored & ~0b110 & ~ignored_here(), blocked) == (0, 0)
    assert "0022" in site.lines()


@pytest.mark.parametrize("how", ["another's", "group", "world", "folder", "not executable", "a folder", "linked"])
def test_hooks_that_others_could_change_are_refused(site: Site, how: str) -> None:
    """As keepalived refuses its scripts, and the others run."""
    bad = site.hook("master", "10-bad", f"echo bad >>{site.journal}")
    site.hook("master", "20-good", f"echo good >>{site.journal}")
    if how == "another's":
        os.chown(bad, 65534, 0)
    elif how == "group":
        os.chown(bad, 0, 65534)
        bad.chmod(0o775)
    elif how == "world":
        bad.chmod(0o757)
    elif how == "not executable":
        bad.chmod(0o644)
    elif how == "a folder":
        bad.unlink()
        bad.mkdir()
    elif how == "linked":
        elsewhere = site.folder / "elsewhere"
        elsewhere.mkdir()
        elsewhere.chmod(0o777)
        bad.rename(elsewhere / "bad")
        bad.symlink_to(elsewhere / "bad")
    else:
        site.hooks.chmod(0o777)
    site("INSTANCE", "V1", "MASTER", "1")
    must_come(site.idle)
    assert site.lines() == ([] if how == "folder" else ["good"])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a file system")
@pytest.mark.parametrize("inodes", [True, False])
def test_a_full_run_keeps_no_hook_from_running(site: Site, *, inodes: bool) -> None:
    """A VIP of a cloud has to be moved though nothing can be written down."""
    site.writing_hooks("master", "backup")
    notify = f"{BIN}/notify --config {site.config} INSTANCE V1"
    fill = (
        "i=0; while true 2>/dev/null >$i; do i=$((i+1)); done"
        if inodes
        else "dd if=/dev/zero of=x bs=4k 2>/dev/null || true"
    )
    lines = [
        f"mkdir -p {site.folder}/run; mount -t tmpfs -o size=256k,nr_inodes=64 none {site.folder}/run",
        f"{notify} BACKUP 1; while ! grep -q BACKUP {site.journal}; do sleep 0.05; done",
        f"cd {site.folder}/run; {fill}; cd /",
        *(f"if {notify} {state} 1; then exit 9; fi; while [ $(wc -l <{site.journal}) != {count} ]; do sleep 0.05; done"
          for state, count in (("MASTER", 2), ("BACKUP", 3), ("MASTER", 4))),
    ]  # fmt: skip
    done = shell(site.folder, "\n".join(lines), flags=("-m",))
    assert done.code == 0, done.err
    assert site.lines() == [f"INSTANCE V1 {state} 1" for state in ("BACKUP", "MASTER", "BACKUP", "MASTER")]
