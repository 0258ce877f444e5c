"""Does real keepalived on a stage learn of the processes that it tracks, as it would on a node?"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from rehearse.stage.cmdline import is_possible, joined, program, words
from rehearse.stage.connector import is_possible as can_answer
from rehearse.stage.processes import refuse, services, tracked
from tests.commands import BIN, CODE, environment, lacking, needs_namespaces, run
from tests.commands import program as installed
from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.lines import ConfError

_TRACKERS = """vrrp_track_process web {
    process web
}
vrrp_track_process command {
    process /opt/app/server -c "/etc/my app.conf"
    terminate_delay 0.5
    weight -60
}
vrrp_track_process several {
    process "my %n app"
    quorum 3
    quorum_max 3
    weight 60
}
vrrp_track_process never {
    process a-name-of-sixteen
    weight -1
}
vrrp_track_process forbidden {
    process old
    quorum_max 0
}
vrrp_script chk {
    script "killall -0 web"
    interval 1
}
"""
_INSTANCE = """vrrp_instance VI_{vrid} {{
    version 3
    interface eth0
    virtual_router_id {vrid}
    priority {priority}
    advert_int 0.3
    virtual_ipaddress {{
        192.0.2.{vrid}/32
    }}
    {more}
}}
"""


def _conf(folder: Path, name: str, priority: int, **tracks: str) -> str:
    text = _TRACKERS + "".join(
        _INSTANCE.format(vrid=vrid, priority=priority, more=more)
        for vrid, more in enumerate((*tracks.values(), "garp_master_delay 0"), 51)
    )
    path = folder / f"{name}.conf"
    path.write_text(text, encoding="ascii")
    return f"{name}={path}"


@pytest.fixture
def nodes(tmp_path: Path) -> list[str]:
    """Give a pair: one instance tracks processes alone, and one a script as well."""
    needs_namespaces()
    for name in ("keepalived", "nft", "ip", "nsenter", "unshare", "setpriv", "killall"):
        installed(name)
    if not can_answer():
        lacking("notifications of seccomp, Linux 5.9")
    own = "track_process {\n web\n command\n several\n never\n forbidden\n }"
    both = "track_process {{\n web weight {}\n }}\n track_script {{\n chk weight -60\n }}"
    return [
        _conf(tmp_path, "lb1", 100, own=own, both=both.format(60)),
        _conf(tmp_path, "lb2", 150, own="", both=both.format(2)),
    ]


def left() -> list[str]:
    """Return the command lines of stages and stand-ins that are there."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            line = path.read_bytes()
            if b"rehearse.stage" in line or b"/rehearsed/" in line or line.startswith(b"/opt/app/server"):
                found.append(line.decode())
    return found


def test_what_is_tracked_ends_and_hangs(nodes: list[str], tmp_path: Path) -> None:
    """By its name or its command line, one of it or several, at once or after a delay; a hang is not seen."""
    names = ("process command", "process several", "web hangs on lb1", "process web ends on lb1")
    words = [*nodes, *(word for it in names for word in ("--faults", it))]
    page = tmp_path / "page.html"
    ran = run(tmp_path, "vipwarden", "rehearse", *words, "--json", "--html", str(page))
    assert ran.code == 1, ran.err
    found = {(it["fault"], vip): it for it in json.loads(ran.out)["faults"] for vip in it["vips"]}
    held = {name: (it["during"], it["after"], it["verdict"]) for name, it in found.items()}
    moves, stays = (["lb2"], ["lb1"], "good"), (["lb1"], ["lb1"], "bad")
    assert held == {
        ("process web ends on lb1", "192.0.2.51"): moves,
        ("process web ends on lb1", "192.0.2.52"): moves,  # by its script
        ("process web hangs on lb1", "192.0.2.51"): stays,
        ("process web hangs on lb1", "192.0.2.52"): stays,
        ("process command ends on lb1", "192.0.2.51"): moves,
        ("process command hangs on lb1", "192.0.2.51"): stays,
        ("process several ends on lb1", "192.0.2.51"): moves,
        ("process several hangs on lb1", "192.0.2.51"): stays,
    }
    assert found["process command ends on lb1", "192.0.2.51"]["lost"][1] > 0.4
    assert left() == []
    assert "tand-ins run for the processes that keepalived tracks; the kernel reports none" in page.read_text("utf-8")
    never = "vrrp_track_process never: keepalived never finds a-name-of-sixteen: it compares the 15 characters"
    assert never in page.read_text("utf-8")
    assert never in run(tmp_path, "vipwarden", "rehearse", "--dry", *words).err


def test_nothing_is_left_after_kill_9(nodes: list[str], tmp_path: Path) -> None:
    """Neither a stand-in nor who answers keepalived."""
    command = [str(BIN / "vipwarden"), "rehearse", *nodes, "--faults", "process web hangs on lb1"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment(tmp_path)) as rehearsal:
        end = time.monotonic() + 60
        while not any(it.startswith("/opt/app/server") for it in left()) and time.monotonic() < end:
            time.sleep(0.05)
        assert any(it.startswith("/opt/app/server") for it in left())
        rehearsal.send_signal(signal.SIGKILL)
        rehearsal.wait()
    while left() and time.monotonic() < end:
        time.sleep(0.05)
    assert left() == []


def test_a_kernel_that_lets_nobody_answer_is_told(nodes: list[str], tmp_path: Path) -> None:
    """Without the reports keepalived takes every process for ended."""
    env = {**environment(tmp_path), "PYTHONPATH": str(CODE)}
    code = "from rehearse.stage import refused; refused.is_possible = lambda: False; from cli.rehearse import main; "
    command = [sys.executable, "-c", f"{code}main({[*nodes]!r})"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=env, timeout=60)
    assert (
        "lb1 has a vrrp_track_process: the kernel reports no processes in namespaces, and lets nobody do it"
        in ran.stderr
    )
    assert ran.stdout == ""


def _tracked(process: str, *more: str, name: str = "web") -> str:
    lines = "".join(f"    {it}\n" for it in (f"process {process}", *more))
    return f"vrrp_track_process {name} {{\n{lines}}}\n"


def _read(*trackers: str, names: str = "web") -> list[tuple[object, ...]]:
    text = "".join(trackers) + "vrrp_instance A {\n track_process {\n" + names + "\n }\n}\n"
    found = tracked(parse("k.conf", texts={"k.conf": text}))
    refuse(found)
    return [it[:5] for it in found]


@pytest.mark.parametrize(
    ("tracker", "wanted"),
    [
        (_tracked("web"), ("web", "web", (), 1, 65535)),
        (_tracked("/usr/sbin/nginx", "full_command"), ("web", "/usr/sbin/nginx", ("/usr/sbin/nginx",), 1, 65535)),
        (_tracked('nginx -c "/a b"'), ("web", "nginx", ("nginx", "-c", "/a b"), 1, 65535)),
        (_tracked("java -jar", "param_match initial"), ("web", "java", ("java", "-jar"), 1, 65535)),
        (_tracked("/opt/long/path", "param_match"), ("web", "/opt/long/path", ("/opt/long/path",), 1, 65535)),
        (_tracked("web", "quorum 2", "quorum_max 4"), ("web", "web", (), 2, 4)),
        (_tracked("web", "process other"), ("web", "web", (), 1, 65535)),
        (_tracked("web") + _tracked("second"), ("web", "web", (), 1, 65535)),
    ],
)
def test_what_is_compared_is_read(tracker: str, wanted: tuple[object, ...]) -> None:
    """As vrrp_tprocess_process_handler() and those beside it do; of two with a name the first counts."""
    assert _read(tracker) == [wanted]


def test_what_nobody_tracks_or_must_not_run_has_no_stand_in() -> None:
    """Nor has what has no process."""
    assert _read(_tracked("web", name="other"), _tracked("old", "quorum_max 0"), "vrrp_track_process a {\n}\n") == []


def test_a_process_has_the_name_of_its_unit() -> None:
    """By which systemctl, and the rehearsal, starts it again."""
    text = _tracked("web.service") + "vrrp_instance A {\n track_process {\n web\n }\n}\n"
    ((made,), names) = services(tracked(parse("k.conf", texts={"k.conf": text})), [])
    assert (made["name"], made["comm"], names) == ("web", "web.service", {"web": "web"})


@pytest.mark.parametrize(
    ("trackers", "names", "said"),
    [
        ([_tracked("web", "quorum 60000")], "web", "need more than 200 processes"),
        ([_tracked("/usr/bin/")], "web", "nothing can stand in for a process of this name"),
        ([_tracked("a\x1b[2Jb")], "web", "nothing can stand in for a process of this name"),
        ([_tracked("x" * 5000)], "web", "nothing can stand in for a process of this name"),
        ([_tracked("/usr/sbin/keepalived")], "web", "nothing can stand in for a process of this name"),
        ([_tracked("/a", "full_command")], "web", "nothing can stand in for so short a command line"),
        ([_tracked(f"p{it}", name=f"p{it}") for it in range(255)], "\n".join(f"p{it}" for it in range(255)), "255"),
    ],
)
def test_what_cannot_be_stood_in_for_is_refused(trackers: list[str], names: str, said: str) -> None:
    """Before anything is built."""
    with pytest.raises(ConfError, match=said):
        _read(*trackers, names=names)


def test_a_script_and_a_tracker_share_a_stand_in() -> None:
    """Where they ask for the same; two command lines of a program are two processes."""
    text = _tracked("haproxy") + _tracked("/usr/sbin/haproxy -f /a", name="a") + _tracked("haproxy -f /b", name="b")
    found = tracked(
        parse("k.conf", texts={"k.conf": f"{text}vrrp_instance A {{\n track_process {{\nweb\na\nb\n }}\n}}\n"})
    )
    asked = {"name": "haproxy", "line": "", "listens": [["tcp", 80]], "sockets": [], "pidfiles": [], "words": []}
    made, names = services(sorted(found), [asked])
    assert names == {"web": "haproxy", "a": "haproxy", "b": "haproxy-2"}
    assert [(it["name"], it["comm"], it["command"], it["listens"]) for it in made] == [
        ("haproxy", "haproxy", ["/usr/sbin/haproxy", "-f", "/a"], [["tcp", 80]]),
        ("haproxy-2", "haproxy", ["haproxy", "-f", "/b"], []),
    ]
    assert "command" not in asked


@pytest.mark.parametrize(
    "command", [["/usr/sbin/haproxy"], ["my app", "-f", "/a b", "%s\u00e9"], ["12345678"], ["x" * 3000]]
)
def test_a_stand_in_has_exactly_the_command_line_that_is_compared(command: list[str]) -> None:
    """Byte by byte, as /proc/PID/cmdline has it."""
    given = {"name": "web", "comm": "web", "command": command, "copies": 2, "certificate": "", "root": "/"}
    given |= {"listens": [], "sockets": [], "pidfiles": [], "words": []}
    assert is_possible(command)
    with subprocess.Popen(
        words(command), executable=sys.executable, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as popen:
        assert popen.stdin is not None
        assert popen.stdout is not None
        popen.stdin.write(program(str(CODE), given))
        popen.stdin.close()
        said = popen.stdout.readline() if os.geteuid() == 0 else b""  # only root may chroot()
        line, comm = (Path(f"/proc/{popen.pid}/{name}").read_bytes() for name in ("cmdline", "comm"))
        copies = Path(f"/proc/{popen.pid}/task/{popen.pid}/children").read_text("ascii").split()
        os.killpg(popen.pid, signal.SIGKILL)
    if os.geteuid() == 0:
        assert (said, line, comm, len(copies)) == (b"ready\n", joined(command), b"web\n", 1)
