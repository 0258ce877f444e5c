"""What is told of a real keepalived: its states, a failover, a script that fails, and what it left behind?"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.render.exposition import render
from exporter.source import AbsentError
from exporter.sources.vip import source as vip
from exporter.sources.vrrp import source as vrrp
from tests.commands import needs_namespaces, program
from tests.servers.keepalived import Keepalived, Space, ip, keepalived, known, misbehaving, until, wire
from vipwarden.node.keepalived import vrrp_state
from vipwarden.node.keepalived.find import find
from vipwarden.node.keepalived.process import Keepalived as Process
from vipwarden.node.keepalived.process import NoProcessError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.settings import Settings

ROOT = Path(__file__).parents[3]
FIXTURES = ROOT / "tests" / "node" / "fixtures"
SECRET = "s3cr3tpw"
VIP, SECOND, EXCLUDED = "192.0.2.9", "192.0.2.10", "2001:db8::9"
CONF = """
global_defs {{
    vrrp_version 3
    enable_script_security
    script_user root
}}
vrrp_script chk {{
    script "/usr/bin/test ! -e {folder}/bad"
    interval 1
    weight -60
}}
vrrp_instance VI_1 {{
    interface va
    state BACKUP
    virtual_router_id 51
    priority {priority}
    advert_int 0.2
    virtual_ipaddress {{
        192.0.2.9/24 brd 192.0.2.255 label va:1
        192.0.2.10
    }}
    virtual_ipaddress_excluded {{
        2001:db8::9/64
    }}
    track_script {{
        chk
    }}
}}
vrrp_instance VI_2 {{
    interface va
    version 2
    virtual_router_id 52
    priority {priority}
    authentication {{
        auth_type PASS
        auth_pass s3cr3tpw
    }}
}}
"""
Series = dict[tuple[str, ...], float]


def series(text: bytes) -> Series:
    """Return samples by name and labels' values."""
    return {
        (one.name, *one.labels.values()): one.value
        for family in text_string_to_metric_families(text.decode())
        for one in family.samples
    }


def scraped(given: Settings, space: Space | None = None) -> Series:
    """Return what the two collectors export, as seen from a network namespace."""
    with ExitStack() as stack:
        if space is not None:
            stack.enter_context(space)
        text = render([*vrrp.SOURCE.series(vrrp.read(given)), *vip.series(vip.read(given))])
    assert SECRET.encode() not in text
    return series(text)


def state(given: Settings, name: str = "VI_1") -> int | None:
    """Return the state of an instance."""
    return next((one.state for one in vrrp.read(given).instances if one.name == name), None)


@contextmanager
def pair(folder: Path) -> Iterator[tuple[tuple[Space, Keepalived], tuple[Space, Keepalived]]]:
    """Run two keepalived wired to each other: the one of the higher priority by TMPDIR, the other with its own /tmp."""
    outside = Path(tempfile.mkdtemp(dir="/var/tmp"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, outside)
        one, two = stack.enter_context(wire())
        (folder / "dumps").mkdir()
        with one:
            first = CONF.format(folder=folder, priority=150)
            left = stack.enter_context(keepalived(folder / "left", first, tmpdir=str(folder / "dumps")))
        with two:
            second = CONF.format(folder=outside, priority=100)
            right = stack.enter_context(keepalived(outside, second, private_tmp=True))
        for running in (left, right):
            until("it has its pidfile", Path(running.pidfile).exists)
        until("the left is MASTER", lambda: state(known(left)) == 2)
        until("the right is BACKUP", lambda: state(known(right)) == 1)
        yield (one, left), (two, right)


Node = tuple[Space, Keepalived]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Node]]:
    """Run a pair for those who only look."""
    with pair(tmp_path_factory.mktemp("pair")) as both:
        yield both


def test_a_failover_between_two_nodes_is_seen_on_both(tmp_path: Path) -> None:
    """States, transitions, priorities and the VIPs of the kernel, before and after; MASTER is where the VIP is."""
    with pair(tmp_path) as ((one, left), (two, right)):
        before = scraped(known(left), one), scraped(known(right), two)
        (tmp_path / "bad").touch()  # the script's weight takes 60 off: 90 against 100
        until("the right is MASTER", lambda: state(known(right)) == 2)
        until("the left is BACKUP", lambda: state(known(left)) == 1)
        until(
            "the left gave its VIP up",
            lambda: scraped(known(left), one)["keepalived_vip_held", "VI_1", "51", "va", VIP] == 0,
        )
        after = scraped(known(left), one), scraped(known(right), two)
    by = ("VI_1", "va", "51")
    for address in (VIP, SECOND):
        assert [found["keepalived_vrrp_state", *by, address] for found in (*before, *after)] == [2, 1, 1, 2]
        assert [found["keepalived_vip_held", "VI_1", "51", "va", address] for found in (*before, *after)] == [
            1,
            0,
            0,
            1,
        ]
    assert [found["keepalived_vrrp_excluded_state", *by, EXCLUDED] for found in (*before, *after)] == [2, 1, 1, 2]
    assert [found["keepalived_vip_held", "VI_1", "51", "va", EXCLUDED] for found in (*before, *after)] == [1, 0, 0, 1]
    assert [found["keepalived_vrrp_base_priority", *by] for found in after] == [150, 100]
    assert [found["keepalived_vrrp_effective_priority", *by] for found in (*before, *after)] == [150, 100, 90, 100]
    assert [found["keepalived_script_status", "chk"] for found in (*before, *after)] == [1, 1, 0, 1]
    assert [found["keepalived_become_master_total", *by] for found in (*before, *after)][0::2] == [1, 1]
    assert [found["keepalived_release_master_total", *by] for found in (*before, *after)][0::2] == [0, 1]
    sent = "keepalived_advertisements_sent_total"
    received = "keepalived_advertisements_received_total"
    assert after[1][sent, *by] > 0
    assert after[0][received, *by] > 0
    moved = "keepalived_vrrp_last_transition_timestamp_seconds"
    assert before[0][moved, *by] < after[0][moved, *by] <= time.time()
    assert all(
        found["keepalived_up",] == 1 and found["keepalived_source_info", "json"] == 1 for found in before + after
    )
    # an instance without VIPs has its state all the same
    assert before[0]["keepalived_vrrp_state", "VI_2", "va", "52", ""] in (1, 2)
    assert before[0]["keepalived_gratuitous_arp_delay_total", *by] == 5


def test_all_names_of_the_exporter_that_dashboards_know_are_there(nodes: tuple[Node, Node]) -> None:
    """With their labels; and whether they are counters."""
    one, left = nodes[0]
    with one:
        text = render(vrrp.SOURCE.series(vrrp.read(known(left)))).decode()
    found = {family.name: family for family in text_string_to_metric_families(text)}
    for name in (
        *("advertisements_received", "advertisements_sent", "become_master", "release_master"),
        *("packet_length_errors", "advertisements_interval_errors", "ip_ttl_errors", "invalid_type_received"),
        *("address_list_errors", "authentication_invalid", "authentication_mismatch", "authentication_failure"),
        *("priority_zero_received", "priority_zero_sent"),
    ):
        family = found[f"keepalived_{name}"]
        assert family.type == "counter"
        assert {tuple(sample.labels) for sample in family.samples} == {("iname", "intf", "vrid")}
        assert {sample.name for sample in family.samples} == {f"keepalived_{name}_total"}
    for name, labels in (
        ("up", ()),
        ("vrrp_state", ("iname", "intf", "vrid", "ip_address")),
        ("vrrp_excluded_state", ("iname", "intf", "vrid", "ip_address")),
        ("script_status", ("name",)),
        ("script_state", ("name",)),
    ):
        assert found[f"keepalived_{name}"].type == "gauge"
        assert {tuple(sample.labels) for sample in found[f"keepalived_{name}"].samples} == {labels}
    assert found["keepalived_gratuitous_arp_delay_total"].type == "unknown"


def test_a_killed_keepalived_leaves_its_vip_and_that_is_seen(tmp_path: Path) -> None:
    """VIP without MASTER: the address is held, and nobody has a state any more."""
    with pair(tmp_path) as ((one, left), (_, right)):
        left.kill()
        until("the right is MASTER", lambda: state(known(right)) == 2)
        with one:
            facts = vrrp.read(known(left))
            found = scraped(known(left), one)
    assert "keepalived does not run" in facts.failure
    assert found["keepalived_up",] == 0
    assert found["keepalived_vip_held", "VI_1", "51", "va", VIP] == 1
    assert not [key for key in found if key[0] == "keepalived_vrrp_state"]


def test_a_keepalived_that_hangs_is_down_until_it_goes_on(nodes: tuple[Node, Node]) -> None:
    """It takes signals and does nothing about them: what it said before is not told again."""
    one, left = nodes[0]
    left.process.send_signal(signal.SIGSTOP)
    try:
        facts = vrrp.read(known(left, timeout=0.5))
        found = scraped(known(left, timeout=0.5), one)
    finally:
        left.process.send_signal(signal.SIGCONT)
    assert "was asked for a dump, but" in facts.failure
    assert found["keepalived_up",] == 0
    assert not [key for key in found if key[0].startswith("keepalived_vrrp_")]
    until("it answers again", lambda: state(known(left)) == 2)


def test_another_network_namespace_is_told_in_place_of_a_zero(nodes: tuple[Node, Node], tmp_path: Path) -> None:
    """Whether a VIP is held there cannot be seen from here."""
    (_, left), (two, _) = nodes
    with two, pytest.raises(vip.ElsewhereError, match="another network name"):
        vip.read(known(left))
    conf = tmp_path / "spaced.conf"
    conf.write_text("net_namespace nowhere\nvrrp_instance V {\ninterface e\nvirtual_ipaddress {\n192.0.2.1\n}\n}\n")
    with pytest.raises(vip.ElsewhereError, match="ip netns exec nowhere vipwarden exporter"):
        vip.read(known(keepalived_conf=str(conf)))


_SPACED = """
net_namespace blue
instance two
global_defs {
    vrrp_version 3
    data_use_instance
}
vrrp_instance V {
    interface va
    virtual_router_id 51
    advert_int 0.2
    virtual_ipaddress {
        192.0.2.9/24
    }
}
"""
_SPACE = """
mount -t tmpfs tmp /run; mount -t tmpfs tmp /tmp
ip netns add blue
ip -n blue link add va type veth peer name vb
ip -n blue link set va up; ip -n blue link set vb up
ip -n blue addr add 192.0.2.1/24 dev va
exec "$@"
"""


def test_an_instance_by_name_in_a_namespace_by_name_is_asked(tmp_path: Path) -> None:
    """Its pidfile, its dumps and its /tmp are all elsewhere; the list of processes leads to them."""
    needs_namespaces()
    program("ip")
    outside = Path(tempfile.mkdtemp(dir="/var/tmp"))
    (outside / "k.conf").write_text(_SPACED)
    given = known(keepalived_conf=f"{outside}/k.conf")
    run = [
        program("unshare"),
        "-mn",
        "sh",
        "-ec",
        _SPACE,
        "sh",
        program("keepalived"),
        "-n",
        "-l",
        "-f",
        f"{outside}/k.conf",
    ]
    process = subprocess.Popen(run, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until("it is MASTER", lambda: state(given, "V") == 2)
        assert vrrp.read(given).instances[0].vips == [(VIP, "va")]
        with pytest.raises(vip.ElsewhereError, match="ip netns exec blue vipwarden exporter"):
            vip.read(given)
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(outside)


def test_fast_scrapes_share_a_dump(nodes: tuple[Node, Node]) -> None:
    """Each dump is a signal and lines in the log."""
    one, left = nodes[0]
    with one:
        slow = known(left, keepalived_interval=60, keepalived_states=("/other",))
        asked = left.log().count("Printing VRRP data")
        facts = [vrrp.read(slow) for _ in range(5)]
        until("they are logged", lambda: left.log().count("Printing VRRP data") > asked)
        assert left.log().count("Printing VRRP data") == asked + 1
        assert all(one is facts[0] for one in facts)


def test_a_page_that_stays_open_costs_keepalived_few_lines(nodes: tuple[Node, Node]) -> None:
    """It is asked again when an address has moved, though the last answer still counts."""
    one, left = nodes[0]
    with one:
        slow = known(left, keepalived_interval=60, keepalived_states=("/page",))
        first = vrrp.read(slow)
        when, who, facts, held = vrrp._MEMORY._known.popitem()[1]
        key = (slow.keepalived_conf, slow.keepalived_pidfile, slow.keepalived_states)
        vrrp._MEMORY._known[key] = when - 10, who, facts, held
        assert vrrp.read(slow) is first
        ip("address add 192.0.2.200/32 dev lo")
        assert vrrp.read(slow) is not first


def test_an_address_that_went_and_came_again_has_moved(nodes: tuple[Node, Node]) -> None:
    """Within the seconds for which the last answer counts: in between keepalived was in another state."""
    one, left = nodes[0]
    with one:
        slow = known(left, keepalived_interval=60, keepalived_states=("/again",))
        first = vrrp.read(slow)
        for change in ("add", "del"):
            ip(f"address {change} 192.0.2.201/32 dev lo")
            assert vrrp.read(slow) is first
        key = (slow.keepalived_conf, slow.keepalived_pidfile, slow.keepalived_states)
        when, *rest = vrrp._MEMORY._known[key]
        vrrp._MEMORY._known[key] = (when - 10, *rest)  # type: ignore[assignment]
        assert vrrp.read(slow) is not first


def test_the_configuration_leads_to_its_keepalived_without_a_pidfile(nodes: tuple[Node, Node]) -> None:
    """Among several that run."""
    ((_, left), (_, right)) = nodes
    for running, wanted in ((left, 2), (right, 1)):
        given = known(keepalived_conf=running.conf)
        assert state(given) == wanted
    assert "no keepalived runs with" in vrrp.read(known(keepalived_conf=_other(left.conf))).failure


def _other(conf: str) -> str:
    copy = Path(conf).with_name("other.conf")
    shutil.copy(conf, copy)
    return str(copy)


_AS_NOBODY = """
import json, sys
from exporter.sources.vrrp import source as vrrp
from exporter.settings import settings
conf, pidfile, states = sys.argv[1:]
facts = vrrp.read(settings(keepalived_conf=conf, keepalived_pidfile=pidfile, keepalived_states=(states,)))
print(json.dumps([facts.up, facts.source, facts.failure, facts.why,
    [[one.name, one.state, one.effective_priority, one.interface, one.vrid, one.vips] for one in facts.instances]]))
"""


def as_nobody(running: Keepalived, states: str, *capabilities: str, hidden: bool = False) -> list[Any]:
    """Read as one who may do nothing but what the capabilities let him."""
    more = ",".join(f"+{one}" for one in capabilities)
    given = [f"--inh-caps={more}", f"--ambient-caps={more}"] if capabilities else []
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *given]
    if hidden:
        nobody = ["unshare", "-m", "sh", "-ec", 'mount -t proc -o hidepid=2 proc /proc; exec "$@"', "sh", *nobody]
    run = [*nobody, sys.executable, "-c", _AS_NOBODY, running.conf, running.pidfile, states]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


def test_without_rights_what_notify_recorded_is_told(nodes: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of this keepalived's life only; where nothing is recorded it says why, and that keepalived is up."""
    (_, (_, right)) = nodes
    outside = Path(right.conf).parent
    outside.chmod(0o755)
    up, source, failure, _, instances = as_nobody(right, f"{outside}/run/vrrp")
    assert (up, source, instances) == (True, "", [])
    assert "may not be sent signals by user 65534" in failure
    assert f"nor has notify recorded a state in {outside}/run/vrrp" in failure
    monkeypatch.setenv("VIPWARDEN_RUNTIME_DIR", f"{outside}/run")
    boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    for name, word, order in (("VI_1", "MASTER", boot), ("VI_2", "MASTER", 1.0)):  # the second before its start
        vrrp_state.publish(vrrp_state.VrrpState("INSTANCE", name, word, 1e9, priority=90, order=(order, 0)))
    up, source, failure, why, instances = as_nobody(right, f"{outside}/run/vrrp")
    assert (up, source, failure) == (True, "notify", "")
    assert "may not be sent signals" in why
    vips = [[address, "va"] for address in (VIP, SECOND, EXCLUDED)]
    assert instances == [["VI_1", 2, 90, "va", "51", vips]]
    up, source, _, why, instances = as_nobody(right, f"{outside}/run/vrrp", hidden=True)
    assert (up, source, len(instances)) == (None, "notify", 2)  # which of them is old cannot be seen
    assert "hidepid" in why


def test_capabilities_stand_in_for_root(nodes: tuple[Node, Node]) -> None:
    """All three; without the one that sees another's /tmp nobody may say that keepalived does not answer."""
    _, (_, right) = nodes
    Path(right.conf).parent.chmod(0o755)
    up, source, failure, _, instances = as_nobody(right, "/none", "kill", "dac_read_search", "sys_ptrace")
    assert failure == ""
    assert (up, source, len(instances)) == (True, "json", 2)
    up, _, failure, _, _ = as_nobody(right, "/none", "kill", "dac_read_search")
    assert up
    assert "whether it has a /tmp of its own may not be seen by user 65534" in failure


def dumps(folder: Path) -> None:
    """Lay out what a misbehaving keepalived would write if it behaved."""
    for kind in ("data", "json", "stats"):
        shutil.copy(FIXTURES / f"keepalived_2.2.7.{kind}", folder / f"whole.{kind}")
    (folder / "keepalived.conf").write_text("vrrp_instance VI_1 {\n}\n")


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        ("fresh(path, whole[:len(whole) // 2], whole[len(whole) // 2:])", ""),
        ("fresh(path, '', whole[:99], whole[99:])", ""),
        ("pass", "keepalived.data is not new"),
        ("name == 'data' and fresh(path, whole)", "keepalived.json is not new"),
        ("fresh(path, whole[:len(whole) // 2])", "not all is there"),
        ("fresh(path + '2', whole); pathlib.Path(path).symlink_to(path + '2')", "cannot be opened"),
        ("fresh(path + '2', whole); os.link(path + '2', path)", "is no file of keepalived's"),
        (
            "fresh(path + '2', whole); os.chown(path + '2', 65534, 0); os.rename(path + '2', path)",
            "belongs to user 65534",
        ),
        ("os.mkfifo(path)", "is no file of keepalived's"),
        ("fresh(path + '2', ''); os.truncate(path + '2', 1 << 30); os.rename(path + '2', path)", "more than 32 MiB"),
    ],
)
def test_a_dump_counts_when_it_is_new_whole_and_keepalived_s(tmp_path: Path, script: str, failure: str) -> None:
    """Torn ones are waited for, stale ones and those of others never taken."""
    dumps(tmp_path)
    for kind in ("data", "json"):
        shutil.copy(tmp_path / f"whole.{kind}", tmp_path / f"keepalived.{kind}")  # stale
    if "link" in script or "fifo" in script:
        (tmp_path / "keepalived.data").unlink()
    with misbehaving(tmp_path, script) as pidfile:
        seconds = 1.5 if failure else 10
        given = known(keepalived_conf=f"{tmp_path}/keepalived.conf", keepalived_pidfile=pidfile, timeout=seconds)
        facts = vrrp.read(given)
    assert failure in facts.failure
    assert facts.up is not bool(failure)
    assert [one.name for one in facts.instances] == ([] if failure else ["VI_1", "VI_2"])
    assert SECRET not in facts.failure


def test_a_keepalived_without_json_is_asked_for_its_stats(
    nodes: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on EL8, whose kernel has no pidfd either: here both are there, and are put out of the way."""
    real = Process.numbers

    def numbers(process: Process) -> dict[str, int]:
        return {name: number for name, number in real(process).items() if name != "JSON"}

    ((one, left), _) = nodes
    by_json = scraped(known(left), one)
    monkeypatch.setattr(Process, "numbers", numbers)
    monkeypatch.delattr("os.pidfd_open")
    by_stats = scraped(known(left, keepalived_states=("/stats",)), one)
    assert by_json.pop(("keepalived_source_info", "json")) == by_stats.pop(("keepalived_source_info", "stats")) == 1
    moving = (
        "keepalived_advertisements_sent_total",
        "keepalived_advertisements_received_total",
        "keepalived_script_state",
    )
    first, second = (
        {key: value for key, value in found.items() if key[0] not in moving} for found in (by_json, by_stats)
    )
    assert first == second
    assert len(by_stats) == len(by_json) > 40


def test_a_process_that_does_not_wait_for_signals_gets_none(tmp_path: Path) -> None:
    """One that has just started would be ended by it."""
    program("keepalived")
    dumps(tmp_path)
    pidfile = tmp_path / "pid"
    code = "open('/proc/self/comm', 'w').write('keepalived'); print('ready', flush=True); input()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        pidfile.write_text(f"{process.pid}\n")
        facts = vrrp.read(known(keepalived_conf=f"{tmp_path}/keepalived.conf", keepalived_pidfile=str(pidfile)))
        assert process.poll() is None
        process.communicate("\n")
    assert "does not wait for signals yet" in facts.failure
    assert facts.up


@pytest.mark.parametrize(
    ("content", "said"), [("", "names no process"), ("1\n", "PID 1 of"), ("x", "names no process")]
)
def test_a_pidfile_that_names_another_process_is_no_keepalived(tmp_path: Path, content: str, said: str) -> None:
    """It is told, and nobody gets a signal."""
    dumps(tmp_path)
    (tmp_path / "pid").write_text(content)
    facts = vrrp.read(known(keepalived_conf=f"{tmp_path}/keepalived.conf", keepalived_pidfile=f"{tmp_path}/pid"))
    assert not facts.up
    assert said in facts.failure


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to be another user")
def test_a_program_that_is_setuid_root_is_no_keepalived(tmp_path: Path) -> None:
    """Whoever started it called it so; the kernel shows root as its effective user."""
    with tempfile.TemporaryDirectory() as open_to_all:
        Path(open_to_all).chmod(0o755)
        _setuid(tmp_path, Path(open_to_all, "keepalived"))


def _setuid(tmp_path: Path, fake: Path) -> None:
    pidfile = tmp_path / "pid"
    shutil.copy(program("sleep"), fake)
    fake.chmod(0o4755)
    conf = tmp_path / "keepalived.conf"
    conf.write_text(CONF.format(folder=tmp_path, priority=100))
    with subprocess.Popen([fake, "60"], user=1234) as process:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
            assert "Uid:\t1234\t0\t" in status, "the file system takes no setuid"
            pidfile.write_text(f"{process.pid}\n")
            with pytest.raises(NoProcessError, match="is not keepalived"):
                find(str(conf), pidfile=str(pidfile))
        finally:
            process.kill()


def test_a_node_without_instances_has_nothing_to_tell(tmp_path: Path) -> None:
    """A director may run keepalived for its checks alone."""
    conf = tmp_path / "keepalived.conf"
    with pytest.raises(AbsentError, match=r"no keepalived\.conf"):
        vrrp.read(known(keepalived_conf=str(conf)))
    conf.write_text("virtual_server 192.0.2.1 80 {\n}\n")
    with pytest.raises(AbsentError, match="has no vrrp_instance"):
        vrrp.read(known(keepalived_conf=str(conf)))
    conf.write_text("vrrp_instance V {\n}\n")
    with pytest.raises(AbsentError, match="in place of /proc"):
        vrrp.read(known(keepalived_conf=str(conf), proc=str(tmp_path)))
