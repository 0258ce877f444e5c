"""Is every state recorded, logged and passed on to the hooks in the order in which keepalived said it?"""

from __future__ import annotations

import json
import random
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.commands import BIN, environment, program, run, shell
from tests.keepalived_scripts.service import must_come

if TYPE_CHECKING:
    from tests.keepalived_scripts.site import Site


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
    site.writing_hooks("backup", "fault")
    assert site("--state", "BACKUP", "--instance", "V1", "word").code == 0
    assert site("--state", "FAULT", "--group", "G1").code == 0
    site.must_write("word INSTANCE V1 BACKUP 0", "GROUP G1 FAULT 0")
    assert site.state("GROUP.G1").state == "FAULT"


def test_the_same_state_twice_is_no_news(site: Site) -> None:
    """With notify and notify_master both configured each transition is told twice."""
    site.writing_hooks("master", "backup")
    site("INSTANCE", "V1", "MASTER", "100")
    first = site.state()
    site("--state", "MASTER", "--instance", "V1")
    again = site.state()
    assert (again.since, again.changes, again.priority) == (first.since, 1, 100)
    site("INSTANCE", "V1", "BACKUP", "100")
    site.must_write("INSTANCE V1 MASTER 100", "INSTANCE V1 BACKUP 100")


def test_in_a_storm_the_last_word_is_the_last_and_hooks_never_overlap(site: Site) -> None:
    """Twenty transitions, each a process of its own, all at once."""
    site.writing_hooks(
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
    told = site.lines()
    assert "overlap" not in told
    priorities = [int(line.split()[-1]) for line in told]
    assert priorities == sorted(priorities)
    assert told[-1] == f"INSTANCE V1 {states[-1]} {priorities[-1]}"


def test_an_older_event_that_comes_late_changes_nothing(site: Site) -> None:
    """Its process was started first and was held up."""
    site.writing_hooks("master", "backup")
    line = (
        f'sh -c "kill -STOP \\$\\$; exec {BIN}/notify --config {site.config} INSTANCE V1 MASTER 1" & late=$!; '
        f"while ! grep -q 'T (stopped)' /proc/$late/status; do sleep 0.01; done; sleep 0.02; "
        f"{BIN}/notify --config {site.config} INSTANCE V1 BACKUP 1; kill -CONT $late; wait $late"
    )
    subprocess.run(["sh", "-c", line], env=environment(site.folder), check=True, timeout=60)
    assert site.state().state == "BACKUP"
    must_come(site.idle)
    site.must_write("INSTANCE V1 BACKUP 1")


def test_a_priority_that_overtakes_a_state_does_not_lose_it(site: Site) -> None:
    """The state is recorded and has its hooks; the priority is the later one."""
    site.writing_hooks("master", "backup")
    site("INSTANCE", "V1", "BACKUP", "100")
    line = (
        f'sh -c "kill -STOP \\$\\$; exec {BIN}/notify --config {site.config} INSTANCE V1 MASTER 100" & late=$!; '
        f"while ! grep -q 'T (stopped)' /proc/$late/status; do sleep 0.01; done; sleep 0.02; "
        f"{BIN}/notify --config {site.config} INSTANCE V1 MASTER_PRIORITY 90; kill -CONT $late; wait $late"
    )
    subprocess.run(["sh", "-c", line], env=environment(site.folder), check=True, timeout=30)
    assert (site.state().state, site.state().priority) == ("MASTER", 90)
    site.must_write("INSTANCE V1 BACKUP 100", "INSTANCE V1 MASTER 100")
    site("INSTANCE", "V1", "BACKUP", "80")
    assert (site.state().state, site.state().priority) == ("BACKUP", 80)


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
    site.writing_hooks("master", "master_priority", "master_rx_lower_pri")
    site("INSTANCE", "V1", "MASTER", "100")
    site("INSTANCE", "V1", "MASTER_PRIORITY", "90")
    site("INSTANCE", "V1", "MASTER_RX_LOWER_PRI", "90")
    assert (site.state().state, site.state().priority, site.state().changes) == ("MASTER", 90, 1)
    site.must_write("INSTANCE V1 MASTER 100", "INSTANCE V1 MASTER_RX_LOWER_PRI 90")


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
    site.writing_hooks("master", "backup", more=f"until [ -e {site.folder}/go ]; do sleep 0.02; done")
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
