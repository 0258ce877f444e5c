"""Do scripts run as they are on a stage, and what becomes of the VIPs when something breaks that they ask?"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.commands import BIN, environment, needs_namespaces, program

if TYPE_CHECKING:
    from pathlib import Path

_CONF = """global_defs {{
    vrrp_version 3
    vrrp_garp_master_delay 0
}}
{scripts}
vrrp_instance VI_1 {{
    interface eth0
    virtual_router_id 51
    priority {priority}
    advert_int 1
    virtual_ipaddress {{
        192.0.2.10/24
    }}
    track_script {{
        {names}
    }}
}}
"""


@pytest.fixture
def pair(tmp_path: Path) -> Any:
    """Return a function that writes two roots with the same scripts and files, and rehearses them."""
    needs_namespaces()
    for name in ("keepalived", "nft", "ip", "nsenter", "unshare", "setpriv", "prlimit"):
        program(name)

    def rehearse(scripts: dict[str, str], files: dict[str, str], *faults: str) -> dict[str, Any]:
        nodes = []
        for name, priority in (("lb1", 150), ("lb2", 100)):
            folder = tmp_path / name / "etc/keepalived"
            folder.mkdir(parents=True)
            blocks = "".join(
                f'vrrp_script {it} {{\n    script "{line}"\n    interval 2\n    timeout 4\n    weight -60\n}}\n'
                for it, line in scripts.items()
            )
            text = _CONF.format(scripts=blocks, priority=priority, names="\n        ".join(scripts))
            (folder / "keepalived.conf").write_text(text, encoding="ascii")
            for path, content in files.items():
                place = tmp_path / name / path[1:]
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(content, encoding="ascii")
                place.chmod(0o755)
            nodes.append(f"{name}={tmp_path / name}")
        chosen = [word for it in faults for word in ("--faults", it)]
        command = [str(BIN / "vipwarden"), "rehearse", *nodes, *chosen, "--json"]
        env = environment(tmp_path)
        ran = subprocess.run(command, capture_output=True, text=True, check=False, env=env, timeout=180)
        assert ran.returncode in (0, 1), ran.stderr
        found: dict[str, Any] = json.loads(ran.stdout)
        return found

    return rehearse


_PORT = "#!/bin/bash\nexec 3<>/dev/tcp/127.0.0.1/8080\n"
_PAGE = "#!/bin/sh\ncurl -sf -m 0.5 http://127.0.0.1:8081/ | grep -q healthy\n"
_RESTARTS = "#!/bin/sh\nkillall -0 nginx 2>/dev/null || systemctl restart nginx\nexit 0\n"
_STARTS = """#!/bin/sh
killall -0 app || setsid /etc/keepalived/app >/dev/null 2>&1 &
until killall -0 app; do sleep 0.1; done
"""
_EVIL = """#!/bin/sh
touch {proof}
reboot
poweroff
systemctl stop sshd
kill -9 -1
ping -qc1 198.51.100.7
echo gone
exit 1
"""
_CALM = "#!/bin/sh\nsleep 0.5\nchrt -p $$ | grep -q SCHED_OTHER || systemctl stop keepalived\n"
_HANGS = "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1; done\n"


def test_what_scripts_ask_breaks_in_each_way(pair: Any, tmp_path: Path) -> None:
    """The service counts as dead whether the script notices or not, until it runs again.

    Whatever a script does, it has files, processes and a network of its own, and an end.
    """
    for name in ("killall", "curl"):
        program(name)
    folder = "/etc/keepalived"
    found = pair(
        {
            "process": "killall -0 haproxy",
            "port": f"{folder}/port.sh",
            "page": f"{folder}/page.sh",
            "restarts": f"{folder}/restarts.sh",
            "starts": f"{folder}/starts.sh",
            "none": f"{folder}/none.sh",
            "evil": f"{folder}/evil.sh",
            "hangs": f"{folder}/hangs.sh",
            "calm": f"{folder}/calm.sh",
        },
        {
            f"{folder}/port.sh": _PORT,
            f"{folder}/page.sh": _PAGE,
            f"{folder}/restarts.sh": _RESTARTS,
            f"{folder}/starts.sh": _STARTS,
            f"{folder}/app": "#!/bin/sh\nwhile :; do sleep 1; done\n",
            f"{folder}/evil.sh": _EVIL.format(proof=tmp_path / "proof"),
            f"{folder}/hangs.sh": _HANGS,
            f"{folder}/calm.sh": _CALM,  # what keepalived starts never holds up the machine
        },
        *("process haproxy killed on lb1", "process haproxy hung on lb1", "process nginx killed on lb1"),
        "process app killed on lb1",
        *("port 8080 closed on lb1", "port 8080 mute on lb1", "port 8081 mute on lb1", "script port missing on lb1"),
    )
    said = [(it["script"], it["as_it_is"], it["says_ok"], it["asks"]) for it in found["scripts"] if it["node"] == "lb1"]
    assert said == [
        ("process", True, False, ["process haproxy"]),
        ("port", True, False, ["port 8080"]),
        ("page", True, False, ["port 8081"]),
        ("restarts", True, True, ["process nginx"]),
        ("starts", True, False, ["process app"]),
        ("none", False, False, []),
        ("evil", False, False, ["process sshd", "address 198.51.100.7"]),
        ("hangs", False, False, []),
        ("calm", True, False, []),
    ]
    assert not (tmp_path / "proof").exists()
    assert [found["scripts"][number]["why"] for number in (5, 6, 7)] == [
        f"there is no {folder}/none.sh in what is given",
        "it exits with 1: gone",
        "it does not end within 4 s",
    ]
    lines = {it["fault"].removesuffix(" on lb1"): it for it in found["faults"]}
    held = {name: (it["during"], it["after"], it["verdict"]) for name, it in lines.items()}
    assert held == {
        "process haproxy killed": (["lb2"], ["lb1"], "good"),
        "process haproxy hung": (["lb1"], ["lb1"], "bad"),  # for killall it is as good as any
        "process nginx killed": (["lb1"], ["lb1"], "good"),
        "process app killed": (["lb1"], ["lb1"], "good"),
        "port 8080 closed": (["lb2"], ["lb1"], "good"),
        "port 8080 mute": (["lb1"], ["lb1"], "bad"),  # a connect is not enough
        "port 8081 mute": (["lb2"], ["lb1"], "good"),
        "script port missing": (["lb1"], ["lb1"], "good"),
        "interpreter of script port missing": (["lb1"], ["lb1"], "good"),
    }
    assert lines["process haproxy hung"]["reason"].endswith("lb2 could serve; process says OK")
    assert 0 < lines["process nginx killed"]["lost"][1] < 5
    assert 0 < lines["process app killed"]["lost"][1] < 5
