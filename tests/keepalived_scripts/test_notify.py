"""Is every state recorded, logged and passed on to the hooks in the order in which keepalived said it?"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.commands import BIN, Ran, environment, program, run, shell
from tests.keepalived_scripts.service import ignored_here, must_come
from vipwarden.node.keepalived import vrrp_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vipwarden.node.keepalived.vrrp_state import VrrpState


class Site:
    """notify with a runtime folder, a configuration and hooks of its own; each hook adds to ``journal``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hooks = folder / "notify.d"
        self.journal = folder / "journal"
        self.config = folder / "vipwarden.yaml"
        self.configure()

    def configure(self, *lines: str) -> None:
        """Write the section of the configuration."""
        text = "\n".join(("notify:", f"  hooks: {self.hooks}", *(f"  {line}" for line in lines)))
        self.config.write_text(f"{text}\n")

    def hook(self, state: str, name: str, line: str) -> Path:
        """Write a hook."""
        path = self.hooks / state / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)
        return path

    def hooks_that_tell(self, *states: str, more: str = "") -> None:
        """Write hooks that add their arguments."""
        for state in states:
            self.hook(state, "10-tell", f'{more}\necho "$*" >>{self.journal}')

    def __call__(self, *arguments: str) -> Ran:
        """Run notify."""
        return run(self.folder, "notify", "--config", str(self.config), *arguments)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Begin to run it."""
        command = [str(BIN / "notify"), "--config", str(self.config), *arguments]
        return subprocess.Popen(command, env=environment(self.folder), stdin=subprocess.DEVNULL)

    def told(self) -> list[str]:
        """Return what the hooks wrote."""
        return self.journal.read_text().splitlines() if self.journal.exists() else []

    def must_tell(self, *lines: str) -> None:
        """Wait until the hooks wrote just that."""
        end = time.monotonic() + 60  # a busy machine starts workers late
        while self.told() != list(lines):
            assert time.monotonic() < end, self.told()
            time.sleep(0.01)

    def state(self, name: str = "INSTANCE.V1") -> VrrpState:
        """Return what is on record."""
        found = vrrp_state.read(f"{self.folder}/run/vrrp/{name}")
        assert found is not None
        return found

    def idle(self) -> bool:
        """Return whether nothing is left to be done."""
        folders = [self.folder / "run/notify" / name for name in ("hooks", "outbox")]
        return all(folder.exists() and not list(folder.iterdir()) for folder in folders)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Give a site, and wait for its workers."""
    made = Site(tmp_path)
    yield made
    if (tmp_path / "run/notify/outbox").exists():
        must_come(made.idle)


def test_a_state_is_recorded_with_its_time(site: Site) -> None:
    """For everybody to read, whatever umask keepalived has."""
    begun = time.time()
    line = f"umask 0177; {BIN}/notify INSTANCE V1 MASTER 150"
    assert subprocess.run(["sh", "-c", line], env=environment(site.folder), check=True).returncode == 0
    state = site.state()
    assert (state.kind, state.name, state.state, state.priority) == ("INSTANCE", "V1", "MASTER", 150)
    assert (state.changes, state.source) == (1, "notify")
    assert begun - 0.5 < state.since < time.time() + 0.5
    path = site.folder / "run/vrrp/INSTANCE.V1"
    assert path.stat().st_mode & 0o777 == 0o644


def test_notify_master_has_no_words_but_its_own(site: Site) -> None:
    """So the state and the name are options."""
    site.hooks_that_tell("backup", "fault")
    assert site("--state", "BACKUP", "--instance", "V1", "word").code == 0
    assert site("--state", "FAULT", "--group", "G1").code == 0
    site.must_tell("word INSTANCE V1 BACKUP 0", "GROUP G1 FAULT 0")
    assert site.state("GROUP.G1").state == "FAULT"


def test_hooks_run_in_the_order_of_their_names_with_keepalived_s_words(site: Site) -> None:
    """And what more there is to know in their environment."""
    site.hook("master", "20-second", f'echo "second $*" >>{site.journal}')
    site.hook("master", "10-first", f"sleep 0.2; env | grep ^VIPWARDEN_[NPST] | grep -v SINCE | sort >>{site.journal}")
    site.hook("master", ".hidden", f"echo hidden >>{site.journal}")
    site.hook("master", "30-old~", f"echo old >>{site.journal}")
    site("--state", "FAULT", "--instance", "V1")
    site("own", "INSTANCE", "V1", "MASTER", "100")
    site.must_tell(
        "VIPWARDEN_NAME=V1", "VIPWARDEN_PREVIOUS=FAULT", "VIPWARDEN_PRIORITY=100", "VIPWARDEN_SOURCE=notify",
        "VIPWARDEN_STATE=MASTER", "VIPWARDEN_TYPE=INSTANCE", "second own INSTANCE V1 MASTER 100",
    )  # fmt: skip


def test_the_same_state_twice_is_no_news(site: Site) -> None:
    """With notify and notify_master both configured each transition is told twice."""
    site.hooks_that_tell("master", "backup")
    site("INSTANCE", "V1", "MASTER", "100")
    first = site.state()
    site("--state", "MASTER", "--instance", "V1")
    again = site.state()
    assert (again.since, again.changes, again.priority) == (first.since, 1, 100)
    site("INSTANCE", "V1", "BACKUP", "100")
    site.must_tell("INSTANCE V1 MASTER 100", "INSTANCE V1 BACKUP 100")


def test_in_a_storm_the_last_word_is_the_last_and_hooks_never_overlap(site: Site) -> None:
    """Twenty transitions, each a process of its own, all at once."""
    site.hooks_that_tell(
        "master", "backup", more=f"mkdir {site.folder}/alone || echo overlap >>{site.journal}; sleep 0.05"
    )
    for state in ("master", "backup"):
        site.hook(state, "20-end", f"rmdir {site.folder}/alone")
    states = [random.choice(("MASTER", "BACKUP")) for _ in range(19)]
    states.append("MASTER" if states[-1] == "BACKUP" else "BACKUP")
    for process in [site.start("INSTANCE", "V1", state, str(100 + number)) for number, state in enumerate(states)]:
        assert process.wait(timeout=60) == 0
    assert (site.state().state, site.state().priority) == (states[-1], 119)
    must_come(site.idle)
    told = site.told()
    assert "overlap" not in told
    priorities = [int(line.split()[-1]) for line in told]
    assert priorities == sorted(priorities)
    assert told[-1] == f"INSTANCE V1 {states[-1]} {priorities[-1]}"


def test_an_older_event_that_comes_late_changes_nothing(site: Site) -> None:
    """Its process was started first and was held up."""
    site.hooks_that_tell("master", "backup")
    line = (
        f'sh -c "kill -STOP \\$\\$; exec {BIN}/notify --config {site.config} INSTANCE V1 MASTER 1" & late=$!; '
        f"while ! grep -q 'T (stopped)' /proc/$late/status; do sleep 0.01; done; sleep 0.02; "
        f"{BIN}/notify --config {site.config} INSTANCE V1 BACKUP 1; kill -CONT $late; wait $late"
    )
    subprocess.run(["sh", "-c", line], env=environment(site.folder), check=True, timeout=60)
    assert site.state().state == "BACKUP"
    must_come(site.idle)
    site.must_tell("INSTANCE V1 BACKUP 1")


def test_a_priority_that_overtakes_a_state_does_not_lose_it(site: Site) -> None:
    """The state is recorded and has its hooks; the priority is the later one."""
    site.hooks_that_tell("master", "backup")
    site("INSTANCE", "V1", "BACKUP", "100")
    line = (
        f'sh -c "kill -STOP \\$\\$; exec {BIN}/notify --config {site.config} INSTANCE V1 MASTER 100" & late=$!; '
        f"while ! grep -q 'T (stopped)' /proc/$late/status; do sleep 0.01; done; sleep 0.02; "
        f"{BIN}/notify --config {site.config} INSTANCE V1 MASTER_PRIORITY 90; kill -CONT $late; wait $late"
    )
    subprocess.run(["sh", "-c", line], env=environment(site.folder), check=True, timeout=30)
    assert (site.state().state, site.state().priority) == ("MASTER", 90)
    site.must_tell("INSTANCE V1 BACKUP 100", "INSTANCE V1 MASTER 100")
    site("INSTANCE", "V1", "BACKUP", "80")
    assert (site.state().state, site.state().priority) == ("BACKUP", 80)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a file system")
@pytest.mark.parametrize("inodes", [True, False])
def test_a_full_run_keeps_no_hook_from_running(site: Site, *, inodes: bool) -> None:
    """A VIP of a cloud has to be moved though nothing can be written down."""
    site.hooks_that_tell("master", "backup")
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
    assert site.told() == [f"INSTANCE V1 {state} 1" for state in ("BACKUP", "MASTER", "BACKUP", "MASTER")]


def test_a_worker_that_dies_leaves_nothing_lying(site: Site) -> None:
    """Whoever finds the lock taken by it waits for the end of it, one process for all."""
    site.hooks_that_tell("master", "backup")
    site("INSTANCE", "V1", "MASTER", "1")
    site.must_tell("INSTANCE V1 MASTER 1")
    must_come(site.idle)
    with (site.folder / "run/notify/.hooks.lock").open("w") as dying:
        fcntl.flock(dying, fcntl.LOCK_EX)
        for state in ("BACKUP", "MASTER"):
            site("INSTANCE", "V1", state, "1")
        assert not site.idle()
    site.must_tell(*(f"INSTANCE V1 {state} 1" for state in ("MASTER", "BACKUP", "MASTER")))


def test_hooks_follow_each_other_while_a_slow_one_runs(site: Site) -> None:
    """No event is lost, and each instance keeps its order."""
    site.hooks_that_tell("master", "backup", more="sleep 0.1")
    words = ["V1 MASTER", "V1 BACKUP", "V2 MASTER", "V1 MASTER"]
    for word in words:
        site("INSTANCE", *word.split(), "1")
    site.must_tell(*(f"INSTANCE {word} 1" for word in words))
    assert site.state().changes == 3


def test_hooks_of_a_state_that_is_long_gone_are_skipped(site: Site) -> None:
    """While some hung others came: the newest of each instance counts, once they are older than a hook may take."""
    site.configure("hook_timeout: 0.4")
    for number in range(100):  # one after the other, until all others have come
        site.hook("fault", f"{number:02}-hang", f"until [ -e {site.folder}/go ]; do sleep 0.02; done")
    site.hooks_that_tell("master", "backup")
    for words in ("V1 FAULT", "V1 MASTER", "V1 BACKUP", "V2 MASTER", "V1 MASTER"):
        site("INSTANCE", *words.split(), "1")
    time.sleep(0.5)
    (site.folder / "go").touch()
    site.must_tell("INSTANCE V2 MASTER 1", "INSTANCE V1 MASTER 1")


def test_stop_does_not_wait_for_its_hooks_which_survive(site: Site) -> None:
    """A second later, keepalived kills the whole process group."""
    site.hooks_that_tell("stop", more=f"until [ -e {site.folder}/go ]; do sleep 0.02; done")
    command = [str(BIN / "notify"), "--config", str(site.config), "INSTANCE", "V1", "STOP", "100"]
    process = subprocess.Popen(command, env=environment(site.folder), process_group=0, stdout=subprocess.PIPE)
    process.communicate(timeout=60)  # returns when nobody holds its stdout any more
    assert site.state().state == "STOP"
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    (site.folder / "go").touch()
    site.must_tell("INSTANCE V1 STOP 100")


def test_a_hook_that_hangs_is_killed_with_all_that_it_started(site: Site) -> None:
    """And the next one runs."""
    site.configure("hook_timeout: 0.3")
    site.hook("fault", "10-hang", f"trap '' TERM; sleep 60 & echo $! >{site.folder}/child; wait; sleep 60")
    site.hook("fault", "20-next", f"echo next >>{site.journal}")
    begun = time.monotonic()
    site("INSTANCE", "V1", "FAULT", "1")
    site.must_tell("next")
    assert time.monotonic() - begun < 30
    child = Path("/proc", (site.folder / "child").read_text().strip(), "status")
    must_come(lambda: not child.exists() or "zombie" in child.read_text())


def test_a_daemon_that_a_hook_starts_lives_on(site: Site) -> None:
    """As HAProxy at MASTER: with ordinary signals, and an output that does not go away."""
    start = f"(grep -E 'Sig(Ign|Blk)' /proc/self/status; umask; sleep 0.3; echo alive && echo done) >>{site.journal} &"
    site.hook("master", "10-start", start)
    site("INSTANCE", "V1", "MASTER", "1")
    must_come(lambda: "done" in site.told())
    blocked, ignored = (int(line.split()[1], 16) & 0x7FFFFFFF for line in site.told() if line.startswith("Sig"))
    # SIGINT and SIGQUIT are what "&" of sh ignores, and what was ignored before the tests began stays so
    assert (ignored & ~0b110 & ~ignored_here(), blocked) == (0, 0)
    assert "0022" in site.told()


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
    assert site.told() == ([] if how == "folder" else ["good"])


def test_the_journal_gets_fields_of_their_own(site: Site) -> None:
    """By its native protocol, from a hook's output as well."""
    journald = Path("/usr/lib/systemd/systemd-journald")
    assert journald.exists() or program("systemd-journald")
    site.hook("master", "10-say", "echo said by the hook")
    line = f"""
        mount -t tmpfs none /run; mkdir -p /run/log/journal
        {journald} 2>{site.folder}/journald.log & journald=$!
        while ! [ -S /run/systemd/journal/stdout ]; do sleep 0.02; done
        for state in BACKUP MASTER; do notify --config {site.config} INSTANCE V1 $state 100; done
        read_it() {{ format=$1; shift; journalctl -D /run/log/journal --no-pager -o "$format" "$@"; }}
        while ! read_it cat SYSLOG_IDENTIFIER=10-say | grep -q hook; do sleep 0.05; done
        read_it export VIPWARDEN_STATE=MASTER; read_it cat SYSLOG_IDENTIFIER=10-say
        kill $journald
    """
    done = shell(site.folder, line, flags=("-m",))
    lines = done.out.splitlines()
    fields = {line for line in lines if line.startswith(("MESSAGE", "PRIORITY", "SYSLOG_", "VIPWARDEN"))}
    assert fields == {
        "MESSAGE=INSTANCE V1 MASTER, priority 100 (was BACKUP)",
        "PRIORITY=5",
        "SYSLOG_IDENTIFIER=vipwarden-notify",
        "SYSLOG_FACILITY=3",
        "VIPWARDEN_TYPE=INSTANCE",
        "VIPWARDEN_NAME=V1",
        "VIPWARDEN_STATE=MASTER",
        "VIPWARDEN_PREVIOUS=BACKUP",
        "VIPWARDEN_PRIORITY=100",
        "VIPWARDEN_SOURCE=notify",
    }, done
    assert lines[-1] == "said by the hook"


def test_priorities_change_without_a_change_of_state(site: Site) -> None:
    """With notify_priority_changes."""
    site.hooks_that_tell("master", "master_priority", "master_rx_lower_pri")
    site("INSTANCE", "V1", "MASTER", "100")
    site("INSTANCE", "V1", "MASTER_PRIORITY", "90")
    site("INSTANCE", "V1", "MASTER_RX_LOWER_PRI", "90")
    assert (site.state().state, site.state().priority, site.state().changes) == ("MASTER", 90, 1)
    site.must_tell("INSTANCE V1 MASTER 100", "INSTANCE V1 MASTER_RX_LOWER_PRI 90")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("", "GROUP|INSTANCE NAME STATE PRIORITY"),
        ("INSTANCE V1 MASTRE 100", "'MASTRE' is no state"),
        ("INSTANCE V1 MASTER many", "'many' is no priority"),
        ("--state MASTER", "needs --instance or --group"),
        ("--instance V1", "need --state"),
        ("--state MASTRE --instance V1", "one of MASTER"),
        ("--nosuch x INSTANCE V1 MASTER 100", "no option '--nosuch'"),
        ("--fifo /x INSTANCE V1 MASTER 100", "takes no arguments"),
    ],
)
def test_a_wrong_command_line_says_what_is_wanted(site: Site, arguments: str, said: str) -> None:
    """And nothing is recorded."""
    done = site(*arguments.split())
    assert done.code == 2
    assert said in done.err
    assert not (site.folder / "run/vrrp").exists()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("mail_too: x@y", "notify.mail_too is not known"),
        ("mail_to: nobody", "a mail address"),
        ("webhook: ftp://x", "an address such as"),
        ("webhook: https://user:password@example.org/", "webhook_file"),
        ("hooks: relative", "an absolute path"),
        ("states: [MASTRE]", "MASTER, BACKUP"),
        ("smtp_security: some", "starttls, tls or none"),
        ("smtp_user: me", "belong together"),
    ],
)
def test_a_wrong_configuration_is_told_by_its_line_and_stops_no_hook(site: Site, line: str, said: str) -> None:
    """A typing error in a mail address must not keep HAProxy from being started."""
    site.config.write_text(f"notify:\n  {line}\n")
    done = site("--check-config")
    assert done.code == 2
    assert said in done.err
    assert str(site.config) in done.err
    assert site("INSTANCE", "V1", "MASTER", "1").code == 0
    assert site.state().state == "MASTER"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("webhook_file: {0}/none", "webhook_file: "),
        ("ca_file: {0}/none", "ca_file: {0}/none: No such file"),
        ("mail_to: [a@example.org]\n  sendmail: {0}/none", "there is no {0}/none to take the mail"),
        ("smtp_host: 127.0.0.1", "of no use without mail_to"),
    ],
)
def test_what_would_fail_at_the_first_event_is_told_before(site: Site, line: str, said: str) -> None:
    """By --check-config, with the hooks that would be refused."""
    hook = site.hook("master", "10-x", "true")
    hook.chmod(0o644)
    site.configure(*line.format(site.folder).split("\n  "))
    done = site("--check-config")
    assert done.code == 2
    assert said.format(site.folder) in done.err
    assert f"the hook {hook} would not be run" in done.err


def test_what_cannot_be_recorded_is_told(site: Site) -> None:
    """Where the runtime folder is not ours to write."""
    env = environment(site.folder) | {"VIPWARDEN_RUNTIME_DIR": "/proc/vipwarden"}
    done = run(site.folder, "notify", "INSTANCE", "V1", "MASTER", "1", env=env)
    assert done.code == 1
    assert "/proc/vipwarden" in done.err


def test_an_event_is_spooled_whole(site: Site) -> None:
    """What waits for a hook can be read by root alone, and as JSON."""
    site.hooks_that_tell("master", "backup", more=f"until [ -e {site.folder}/go ]; do sleep 0.02; done")
    site("INSTANCE", "V1", "MASTER", "1")
    site("INSTANCE", "V1", "BACKUP", "1")
    folder = site.folder / "run/notify/hooks"
    assert folder.stat().st_mode & 0o777 == 0o700
    waiting = [json.loads(path.read_text()) for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    assert [data["state"] for data in waiting][-1] == "BACKUP"
    (site.folder / "go").touch()


def test_no_socket_of_the_journal_is_no_trouble(site: Site) -> None:
    """A container has neither a journal nor a syslog."""
    line = f"mount -t tmpfs none /dev; mknod /dev/null c 1 3; mount -t tmpfs none /run; notify --config {site.config}"
    done = shell(site.folder, f"{line} INSTANCE V1 MASTER 1", flags=("-m",))
    assert (done.code, done.err) == (0, "")


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
    site.hooks_that_tell("up", "down", "master")
    fifo = site.folder / "fifo"
    os.mkfifo(fifo)
    with reading(site, fifo), fifo.open("wb", buffering=0) as out:
        for piece in ("VS [192.0.2.1", "0]:tcp:80 UP\nRS [192.0.2.1]:tcp:80 [192.0.2.10]:tcp:80 DOWN\nnon", "sense\n"):
            out.write(piece.encode())
            time.sleep(0.02)
        out.write(b'INSTANCE "V1" MASTER 7\n')
        site.must_tell(
            "VS [192.0.2.10]:tcp:80 UP 0",
            "RS [192.0.2.1]:tcp:80 [192.0.2.10]:tcp:80 DOWN 0",
            "INSTANCE V1 MASTER 7",
        )
    assert [path.name for path in (site.folder / "run/vrrp").iterdir() if path.name != ".lock"] == ["INSTANCE.V1"]
    assert site.state().source == "fifo"


def test_a_fifo_that_is_made_anew_is_read_on(site: Site) -> None:
    """What was still in the old one is not lost."""
    site.hooks_that_tell("master", "backup")
    fifo = site.folder / "fifo"
    with reading(site, fifo):
        os.mkfifo(fifo)
        with fifo.open("wb", buffering=0) as old:
            old.write(b'INSTANCE "V1" MASTER 1\n')
            site.must_tell("INSTANCE V1 MASTER 1")
            fifo.unlink()
            old.write(b'INSTANCE "V1" BACKUP 2\n')
            os.mkfifo(fifo)
        with fifo.open("wb", buffering=0) as new:
            new.write(b'INSTANCE "V1" MASTER 3\n')
            site.must_tell("INSTANCE V1 MASTER 1", "INSTANCE V1 BACKUP 2", "INSTANCE V1 MASTER 3")


def test_a_flood_that_a_pipe_would_not_hold_is_heard_to_its_end(site: Site) -> None:
    """Written without waiting, as keepalived does: ten thousand real servers, and then one state."""
    site.hooks_that_tell("master")
    fifo = site.folder / "fifo"
    os.mkfifo(fifo)
    with reading(site, fifo):
        must_come(lambda: _room(fifo) > 1 << 19)
        out = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        for number in range(10000):
            os.write(out, b"RS [192.0.2.1]:tcp:%d [192.0.2.10]:tcp:80 DOWN\n" % number)
        os.write(out, b'INSTANCE "V1" MASTER 1\n')
        os.close(out)
        must_come(lambda: bool(site.told()), 100)
        assert site.told() == ["INSTANCE V1 MASTER 1"]


def _room(fifo: Path) -> int:
    """Return how many bytes a FIFO holds."""
    here = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    try:
        return fcntl.fcntl(here, fcntl.F_GETPIPE_SZ)
    finally:
        os.close(here)
