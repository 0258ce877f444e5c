"""Do real keepalived on a stage do what the table says, and is nothing left of it?"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from rehearse.conf import cluster as cluster_of
from rehearse.conf import configuration
from rehearse.model.cluster import SCRIPT
from rehearse.model.faults import FAIL, STOP, Fault
from rehearse.model.two import predict_two
from rehearse.stage.apart import StageError
from rehearse.stage.apart import run as run_stage
from rehearse.stage.breaks import crashed
from rehearse.stage.held import Held
from rehearse.stage.node import Node
from rehearse.stage.order import order
from rehearse.stage.play import look
from rehearse.stage.two import perform_two
from rehearse.stage.view import disks
from rehearse.stage.watch import changes
from tests.commands import BIN, CODE, environment, needs_namespaces, program, run, shell
from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.version import Version

_CONF = """global_defs {{
    vrrp_version 3
    vrrp_garp_master_delay 0
}}
{include}
vrrp_instance VI_1 {{
    interface eth0
    virtual_router_id 51
@lb1    priority 150
@lb2    priority 100
    advert_int 0.3
    virtual_ipaddress {{
        192.0.2.10/24
        192.0.2.11/32 dev eth1
    }}
    track_script {{
        service
    }}
}}
"""
_SCRIPT = "vrrp_script service {\n    script \"/nowhere/check web 'a b'\"\n    interval 1\n}\n"


@pytest.fixture
def nodes(tmp_path: Path) -> list[str]:
    """Give a node of a root with an include, and one of a file."""
    needs_namespaces()
    for name in ("keepalived", "nft", "ip", "nsenter", "unshare", "setpriv"):
        program(name)
    (tmp_path / "root/etc/keepalived").mkdir(parents=True)
    (tmp_path / "root/etc/keepalived/script.conf").write_text(_SCRIPT, encoding="ascii")
    (tmp_path / "root/run").symlink_to("/run")  # of the machine that runs the rehearsal: nobody follows it
    first = _CONF.format(include="include /etc/keepalived/script.conf")
    (tmp_path / "root/etc/keepalived/keepalived.conf").write_text(first, encoding="ascii")
    (tmp_path / "lb2.conf").write_text(_CONF.format(include=_SCRIPT), encoding="ascii")
    return [f"lb1={tmp_path}/root", f"lb2={tmp_path}/lb2.conf", f"lb1={tmp_path}/root/etc"]


def left() -> list[str]:
    """Return the command lines of stages that are there."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes()
        except OSError:
            continue
        found += [words.decode()] if b"rehearse.stage.main" in words or b"/rehearsed/" in words else []
    return found


def test_a_stage_shows_what_the_model_says(nodes: list[str], tmp_path: Path) -> None:
    """In owners and verdicts, and about in the times."""
    *nodes, same = nodes
    chosen = ["--faults", "fails on lb1", "--faults", "stopped on lb1", "--faults", "between", "--faults", "start"]
    mounts = Path("/proc/self/mountinfo").read_text("utf-8")
    dry = run(tmp_path, "vipwarden", "rehearse", *nodes, *chosen, "--dry", "--json")
    expected = tmp_path / "expected.json"
    expected.write_text(dry.out, encoding="utf-8")
    ran = subprocess.run(
        [BIN / "vipwarden", "rehearse", *nodes, *chosen, "--json", "--expect", expected],
        capture_output=True,
        text=True,
        check=False,
        env=environment(tmp_path),
        timeout=180,
    )
    assert ran.returncode == 0, ran.stderr
    assert "3 faults, about" in ran.stderr
    seen = {it["fault"]: it for it in json.loads(ran.stdout)["faults"]}
    assert seen["keepalived stopped on lb1"]["without"][1] == pytest.approx(0.18, abs=0.5)
    asked = seen["keepalived stopped on lb1"]["asked"]
    assert 0 < asked["during"]["lost"] < asked["during"]["sent"], asked
    assert (asked["after"]["lost"], asked["before"]["wrong"]) == (0, 0), asked
    sick = seen["script service fails on lb1"]["asked"]["during"]
    assert sick["lost"] > asked["during"]["lost"]
    assert seen["VRRP filtered between lb1 and lb2 on eth0"]["asked"]["during"]["two"] > 0
    assert seen["all nodes start"]["vips"] == ["192.0.2.10", "192.0.2.11"]
    again = run(tmp_path, "vipwarden", "rehearse", same, nodes[1], "--faults", "stopped on lb2")
    assert again.code == 0, again.err
    assert left() == []
    assert Path("/proc/self/mountinfo").read_text("utf-8") == mounts


def test_vips_on_vmacs_are_seen_filtered_and_lost(nodes: list[str], tmp_path: Path) -> None:
    """As the model says: adverts from a VMAC are dropped on their way, and a node without power has none."""
    for name in ("root/etc/keepalived/keepalived.conf", "lb2.conf"):
        text = (tmp_path / name).read_text("ascii")
        vmac = text.replace("    advert_int", "    use_vmac\n    advert_int").replace(" dev eth1", "")
        (tmp_path / name).write_text(vmac, encoding="ascii")
    words = [*nodes[:2], "--json", "--faults", "between", "--faults", "power off on lb1"]
    expected = tmp_path / "expected.json"
    expected.write_text(run(tmp_path, "vipwarden", "rehearse", "--dry", *words).out, encoding="utf-8")
    ran = run(tmp_path, "vipwarden", "rehearse", *words, "--expect", str(expected))
    assert ran.code == 0, ran.err


def test_a_second_fault_comes_while_the_first_lasts(nodes: list[str]) -> None:
    """As the model says: nobody is left, and after both the first node holds the VIPs again."""
    given = []
    for node in nodes[:2]:
        name, _, place = node.partition("=")
        path, root = configuration(place)
        given.append((name, place, parse(path, root=root, config_id=name)))
    cluster = cluster_of([(name, conf) for name, _, conf in given], Version("2.2.7"))
    two = (Fault(FAIL, (0,), SCRIPT, "service"), Fault(STOP, (1,)))
    (seen,), (said,) = perform_two(cluster, given, Version("2.2.7"), [], [two]), predict_two(cluster, [two])
    assert seen.noticed is not None
    assert seen.noticed.during.is_silent
    for row in (seen, said):
        it = row.outcome
        assert (row.faults, row.instances, it.could) == (two, said.instances, ())
        assert (it.before, it.latest.owners, it.latest.serving) == ((1,), (), ())
        assert (it.mended_latest.owners, it.mended_latest.serving) == ((0,), (0,))


def test_a_script_that_writes_to_a_full_run_fails(nodes: list[str], tmp_path: Path) -> None:
    """The VIP moves where there is no room, and comes back."""
    note = tmp_path / "root/etc/keepalived/note.sh"
    note.write_text("#!/bin/sh\necho $$ >/run/note.new && mv /run/note.new /run/note\n", encoding="ascii")
    note.chmod(0o755)
    conf = tmp_path / "root/etc/keepalived/script.conf"
    conf.write_text(_SCRIPT.replace("/nowhere/check web 'a b'", "/etc/keepalived/note.sh"), encoding="ascii")
    ran = run(tmp_path, "vipwarden", "rehearse", *nodes[:2], "--faults", "disk full in /run", "--json")
    assert ran.code == 0, ran.err
    found = {it["fault"]: (it["during"], it["after"], it["verdict"]) for it in json.loads(ran.out)["faults"]}
    assert found == {
        "disk full in /run on lb1": (["lb2"], ["lb1"], "good"),
        "disk full in /run on lb2": (["lb1"], ["lb1"], "good"),
    }


def test_more_vips_than_can_be_rehearsed_are_refused(nodes: list[str], tmp_path: Path) -> None:
    """The times would say nothing."""
    conf = tmp_path / "lb2.conf"
    many = "".join(f"        10.0.{it // 250}.{it % 250 + 1}/32\n" for it in range(1001))
    conf.write_text(conf.read_text("ascii").replace("        192.0.2.10/24\n", many), encoding="ascii")
    ran = run(tmp_path, "vipwarden", "rehearse", *nodes[:2], "--faults", "stopped on lb1")
    assert (ran.code, ran.out) == (3, "")
    assert "lb2 has 1002 VIPs: up to 1000 can be rehearsed so; see --dry" in ran.err


def below(pid: int) -> list[int]:
    """Return the processes that a process has started, and theirs."""
    children: list[int] = []
    with suppress(OSError):  # it may end meanwhile
        for path in Path(f"/proc/{pid}/task").glob("*/children"):  # of each thread
            children += map(int, path.read_text("ascii").split())
    return [it for child in children for it in (child, *below(child))]


def test_nothing_is_left_however_it_ends(nodes: list[str], tmp_path: Path) -> None:
    """The command is killed, interrupted, its terminal closed; its stage is killed or stopped."""
    command = [str(BIN / "vipwarden"), "rehearse", *nodes[:2], "--faults", "stopped on lb1"]
    mounts = Path("/proc/self/mountinfo").read_text("utf-8")
    ends: list[tuple[int, list[int]]] = [  # of the command (0) or its stage (1)
        (0, [signal.SIGKILL]),
        (0, [signal.SIGINT]),
        (0, [signal.SIGHUP]),
        (0, [signal.SIGSTOP, signal.SIGKILL]),
        (1, [signal.SIGKILL]),
        (1, [signal.SIGSTOP]),
    ]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, env=environment(tmp_path), text=True) for _ in ends]
    end = time.monotonic() + 90
    waiting = [*zip(running, ends, strict=True)]
    while waiting:
        for entry in waiting[:]:
            it, (which, signals) = entry
            if any("/rehearsed/lb2.conf" in _words(pid) for pid in below(it.pid)):
                for number in signals:
                    os.kill((it.pid, below(it.pid)[0])[which], number)
                waiting.remove(entry)
        assert time.monotonic() < end
        time.sleep(0.05)
    running[-1].kill()  # a stage that is stopped ends with its command
    said = [it.communicate(timeout=60)[1] for it in running]
    codes = [it.returncode for it in running]
    assert codes == [-9, 130, -1, -9, 3, -9]
    assert "the stage ended with -9" in said[4]
    while left():
        assert time.monotonic() < end, left()
        time.sleep(0.1)
    assert Path("/proc/self/mountinfo").read_text("utf-8") == mounts


def _words(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text("utf-8", "replace")
    except OSError:
        return ""


def test_a_stage_that_does_not_end_is_ended(nodes: list[str]) -> None:
    """Where it is stopped, say: after the time that it may take."""
    assert nodes
    with pytest.raises(StageError, match="the stage"):
        list(run_stage({"most": -9.9, "faults": [], "nodes": []}))


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 15, b"\xff" * 64, b"\x20\0\0\0\x14\0" + b"\0" * 26, b"\x14\0\0\0\x14\0" + b"\1" * 14]
)
def test_a_broken_message_is_no_change(data: bytes) -> None:
    """It is passed over."""
    assert changes(data) == []


def test_what_keepalived_runs_cannot_write_to_the_machine(nodes: list[str], tmp_path: Path) -> None:
    """And a configuration that cannot be built is told."""
    conf = tmp_path / "lb2.conf"
    proof = tmp_path / "proof"
    script = tmp_path / "notify.sh"
    script.write_text(f"#!/bin/sh\ntouch {proof}\n", encoding="ascii")
    script.chmod(0o755)
    text = conf.read_text("ascii")
    conf.write_text(text.replace("    track_script", f"    notify {script}\n    track_script"), encoding="ascii")
    ran = run(tmp_path, "vipwarden", "rehearse", *nodes[:2], "--faults", "stopped on lb1")
    assert ran.code == 0, ran.err
    assert not proof.exists()
    conf.write_text(text.replace("dev eth1", "dev a/b"), encoding="ascii")
    ran = run(tmp_path, "vipwarden", "rehearse", *nodes[:2], "--faults", "stopped on lb1")
    assert (ran.code, ran.out) == (3, "")
    assert "'a/b' is no name of an interface" in ran.err


@pytest.mark.parametrize(
    ("more", "priorities", "later"),
    [("", (100, 150), [0, 0]), ("nopreempt", (100, 150), [0.3, 0]), ("", (100, 100), [0.3, 0])],
)
def test_who_holds_a_vip_first_is_no_chance(
    tmp_path: Path, more: str, priorities: tuple[int, int], later: list[float]
) -> None:
    """Where milliseconds would decide it, and nothing would change it later, the owner that the model says starts."""
    confs = []
    for name, priority in zip(("lb1", "lb2"), priorities, strict=True):
        path = tmp_path / f"{name}.conf"
        text = f"vrrp_instance V {{\n interface eth0\n virtual_router_id 5\n priority {priority}\n {more}\n}}\n"
        path.write_text(text, encoding="ascii")
        confs.append((name, str(path), parse(str(path))))
    cluster = cluster_of([(name, conf) for name, _, conf in confs], None)
    assert [it["later"] for it in order(cluster, confs, [], None)["nodes"]] == later


def test_scripts_have_no_right_by_which_they_reach_the_machine() -> None:
    """Not its clock, devices, modules, files by their handles, nor its kernel's log."""
    if os.geteuid() != 0:
        pytest.skip("only root has rights to lose")
    for name in ("setpriv", "prlimit"):
        program(name)
    command = Held("none", Path("/")).command("grep", "Cap", "/proc/self/status")
    command = command[command.index("setpriv") :]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout
    rights = {line.partition(":")[0]: int(line.split()[1], 16) for line in said.splitlines()}
    reached = (2, 16, 17, 18, 19, 21, 22, 25, 27, 34)  # dac_read_search ... syslog, of <linux/capability.h>
    for name in ("CapBnd", "CapPrm"):
        assert not any(rights[name] >> it & 1 for it in reached)
        assert rights[name] >> 12 & 1  # net_admin
    assert not rights["CapInh"]


def test_root_without_rights_is_refused_in_plain_words(nodes: list[str], tmp_path: Path) -> None:
    """As root of most containers is."""
    command = [program("setpriv"), str(BIN / "vipwarden"), "rehearse", *nodes[:2]]
    for name in ("net_admin", "sys_admin"):
        ran = run(tmp_path, command[0], f"--bounding-set=-{name}", f"--inh-caps=-{name}", *command[1:])
        assert (ran.code, ran.out) == (3, "")
        assert f"root has no CAP_{name.upper()} here, as in a container; --dry needs no rights" in ran.err


def test_a_keepalived_that_crashes_is_no_outcome(tmp_path: Path) -> None:
    """What it said of its end is told, and what it said before."""
    node = Node({"name": "lb1"}, "none", tmp_path)
    said = ["Initializing ipvs", "pid 9 exited due to segmentation fault (SIGSEGV).", "  Please report a bug"]
    said.append("VRRP child process(9) died: Respawning")
    for lines, why in ((said[:3], ""), (said, "; ".join(said[:2])), (said[::3], f"{said[0]}; {said[3]}")):
        (tmp_path / "log").write_text("".join(f"Sun Nov 22 11:47:17 2026: {it}\n" for it in lines), encoding="ascii")
        assert crashed(node) == why


def test_a_node_with_too_many_processes_is_no_outcome(tmp_path: Path) -> None:
    """Its scripts are told, as all of it was ended."""
    node = Node({"name": "lb1"}, "none", tmp_path)
    (tmp_path / "notes").write_text("1.5 up haproxy\n", encoding="ascii")
    look([node])
    (tmp_path / "notes").write_text("1.5 up haproxy\n2.5 over 400\n", encoding="ascii")
    with pytest.raises(OSError, match="lb1 had more than 400 processes, and all were ended"):
        look([node])


def test_only_disks_that_cannot_hang_are_laid_out() -> None:
    """Not those that a node has of its own, nor a name that an overlay cannot have."""
    points = (
        "/ ext4",
        "/runtime ext4",
        "/run/user tmpfs",
        "/tmp tmpfs",
        "/home nfs4",
        "/a:b xfs",
        "/a\\040b xfs",
        "/opt xfs",
    )
    assert disks("".join(f"/dev/sda {it} rw 0 0\n" for it in points)) == ["/runtime", "/opt"]


def test_a_node_has_the_files_of_all_disks_of_the_machine(nodes: list[str], tmp_path: Path) -> None:
    """Those of DIR lie above them, and what it writes comes to neither."""
    own = Path(nodes[0].partition("=")[2])
    (own / "mnt").mkdir()
    (own / "mnt/both").write_text("of the node\n", encoding="ascii")
    given = {"name": "lb1", "over": str(own), "at": "/", "scripts": {}, "as_it_is": [], "files": {}}
    code = (
        f"import sys; sys.path.insert(0, {str(CODE)!r})\n"
        "from pathlib import Path; from rehearse.stage.node import Node\n"
        f"node = Node({given!r}, 'none', Path('/run/lb1')); node.lay_out()\n"
        "(node.root / 'mnt/new').touch(); print(*[(node.root / 'mnt' / it).read_text() for it in ('one', 'both')])"
    )
    line = 'mount -t tmpfs x /run; mount -t tmpfs x /mnt; echo one >/mnt/one; echo no >/mnt/both; "$@"; ls /mnt'
    ran = shell(tmp_path, line, sys.executable, "-c", code, flags=("-m",))
    assert (ran.code, ran.out.split()) == (0, ["one", "of", "the", "node", "both", "one"]), ran.err


def test_an_answer_may_come_late(tmp_path: Path) -> None:
    """A pipe that is open has nothing to read until the other side writes."""
    pipes = tmp_path / "root/.rehearse"
    (pipes / "answers").mkdir(parents=True)
    os.mkfifo(pipes / "control")

    def answer(control: int) -> None:
        who = os.read(control, 200).split()[0].decode()
        out = os.open(pipes / "answers" / who, os.O_WRONLY)
        time.sleep(0.1)
        os.write(out, b"0 active\n")
        os.close(out)

    control = os.open(pipes / "control", os.O_RDWR)
    with ThreadPoolExecutor() as pool:
        done = pool.submit(answer, control)
        assert Held("none", tmp_path).ask("is-active web") == "0 active\n"
        done.result()
    os.close(control)
