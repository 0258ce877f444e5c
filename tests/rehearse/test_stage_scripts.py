"""Do scripts run as they are on a stage, and what becomes of the VIPs when something breaks that they ask?"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.commands import needs_namespaces, program, run

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
    advert_int 0.3
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
    if os.geteuid() != 0:
        pytest.skip("only root may make namespaces")
    needs_namespaces()
    for name in ("keepalived", "nft", "ip", "nsenter", "unshare", "setpriv", "prlimit"):
        program(name)

    def rehearse(scripts: dict[str, str], files: dict[str, str], *faults: str) -> dict[str, Any]:
        nodes = []
        for name, priority in (("lb1", 150), ("lb2", 100)):
            folder = tmp_path / name / "etc/keepalived"
            folder.mkdir(parents=True)
            blocks = "".join(
                f'vrrp_script {it} {{\n    script "{line}"\n    interval 1\n    weight -60\n}}\n'
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
        ran = run(tmp_path, "vipwarden", "rehearse", *nodes, *chosen, "--json")
        assert ran.code in (0, 1), ran.err
        found: dict[str, Any] = json.loads(ran.out)
        return found

    return rehearse


def by_fault(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the lines by fault."""
    return {it["fault"]: it for it in found["faults"]}


def test_a_process_is_missed_and_a_hung_process_is_not(pair: Any) -> None:
    """For killall a hung process is as good as any; the table says that the service is dead."""
    program("killall")
    found = pair({"web": "killall -0 haproxy"}, {}, "process haproxy killed on lb1", "process haproxy hung on lb1")
    assert [(it["node"], it["as_it_is"], it["says_ok"]) for it in found["scripts"]] == [
        ("lb1", True, False),
        ("lb2", True, False),
    ]
    lines = by_fault(found)
    killed, hung = lines["process haproxy killed on lb1"], lines["process haproxy hung on lb1"]
    assert (killed["during"], killed["after"], killed["verdict"]) == (["lb2"], ["lb1"], "good")
    assert (hung["during"], hung["verdict"]) == (["lb1"], "bad")
    assert hung["reason"].endswith("lb2 could serve; web says OK")


def test_a_port_that_is_asked_breaks_in_each_way(pair: Any) -> None:
    """Closed and filtered are noticed by a connect, mute by a request alone; a missing script by nothing."""
    program("curl")
    port = "#!/bin/bash\nexec 3<>/dev/tcp/127.0.0.1/8080\n"
    page = "#!/bin/sh\ncurl -sf -m 0.5 http://127.0.0.1:8081/ | grep -q healthy\n"
    found = pair(
        {"port": "/etc/keepalived/port.sh", "page": "/etc/keepalived/page.sh"},
        {"/etc/keepalived/port.sh": port, "/etc/keepalived/page.sh": page},
        *("port 8080 closed on lb1", "port 8080 mute on lb1", "port 8081 mute on lb1", "missing on lb1"),
    )
    assert all(it["as_it_is"] for it in found["scripts"]), found["scripts"]
    lines = by_fault(found)
    assert lines["port 8080 closed on lb1"]["during"] == ["lb2"]
    assert lines["port 8080 closed on lb1"]["after"] == ["lb1"]
    assert "port says OK" in lines["port 8080 mute on lb1"]["reason"]
    assert lines["port 8081 mute on lb1"]["during"] == ["lb2"]
    assert {name: it["verdict"] for name, it in lines.items() if "missing" in name} == {
        "script port missing on lb1": "good",
        "script page missing on lb1": "good",
        "interpreter of script port missing on lb1": "good",
        "interpreter of script page missing on lb1": "good",
    }


def test_a_script_that_restarts_its_service(pair: Any) -> None:
    """It is well again before the VIP would move; a script that always says OK is told."""
    script = "#!/bin/sh\nkillall -0 nginx 2>/dev/null || systemctl restart nginx\nexit 0\n"
    program("killall")
    path = "/etc/keepalived/check.sh"
    found = pair({"web": path, "odd": "/etc/keepalived/none"}, {path: script}, "process nginx killed on lb1")
    line = by_fault(found)["process nginx killed on lb1"]
    assert (line["during"], line["verdict"]) == (["lb1"], "good")
    assert 0 < line["lost"][1] < 5
    web, odd = found["scripts"][:2]
    assert (web["as_it_is"], web["says_ok"], web["asks"]) == (True, True, ["process nginx"])
    assert (odd["as_it_is"], odd["why"]) == (False, "there is no /etc/keepalived/none in what is given")


def test_a_script_reaches_neither_machine_nor_network(pair: Any, tmp_path: Path) -> None:
    """Whatever it does: it has files, processes and a network of its own, and an end."""
    proof = tmp_path / "proof"
    script = (
        f"#!/bin/sh\ntouch {proof}\nreboot\npoweroff\nsystemctl stop sshd\nkill -9 -1\n"
        "ping -c1 -W1 198.51.100.7\nexit 1\n"
    )
    hanging = "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1; done\n"
    path, other = "/etc/keepalived/evil.sh", "/etc/keepalived/hang.sh"
    found = pair({"evil": path, "hang": other}, {path: script, other: hanging}, "stopped on lb1")
    assert not proof.exists()
    evil, hang = found["scripts"][:2]
    assert not evil["as_it_is"]
    assert (hang["as_it_is"], hang["why"]) == (False, "it does not end within 2 s")
