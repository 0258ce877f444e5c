"""What does a step of the clock do to scripts, and is the clock right again? In a guest, by ``make rehearse-ipvs``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.lab.ran import ran

_CONF = """\
global_defs {{
    vrrp_version 3
}}
vrrp_script fresh {{
    script "/etc/keepalived/fresh.sh"
    interval 1
    timeout 10
}}
vrrp_instance AGED {{
    interface eth0
    virtual_router_id 51
    priority {priority}
    advert_int 0.3
    virtual_ipaddress {{
        192.0.2.10/24
    }}
    track_script {{
        fresh
    }}
}}
vrrp_instance PLAIN {{
    interface eth0
    virtual_router_id 52
    priority {priority}
    advert_int 0.3
    virtual_ipaddress {{
        192.0.2.20/24
    }}
}}
"""
_SCRIPT = """\
#!/bin/sh
# as scripts do that look whether something has been written lately
age=$(($(date +%s) - $(stat -c %Y "$0")))
[ "$age" -ge -900 ] && [ "$age" -lt 900 ]
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Step the clock of a guest, and return what came of it."""
    shared = tmp_path_factory.mktemp("lab")
    nodes = []
    for name, priority in (("lb1", 150), ("lb2", 100)):
        folder = shared / name / "etc/keepalived"
        folder.mkdir(parents=True)
        (folder / "keepalived.conf").write_text(_CONF.format(priority=priority), encoding="ascii")
        (folder / "fresh.sh").write_text(_SCRIPT, encoding="ascii")
        (folder / "fresh.sh").chmod(0o755)
        nodes.append(f"{name}={shared / name}")
    command = [sys.executable, "-m", "tests.lab.stepping", str(Path(sys.executable).with_name("vipwarden")), *nodes]
    guest = ran(shared, command)
    said = guest.tail("said", 100_000)
    assert guest.status() == 0, said
    found: dict[str, Any] = json.loads(said)
    return {**found, "guest": guest.kind.name}


@pytest.mark.parametrize("way", ["forward", "back"])
def test_a_script_that_asks_for_the_time_fails_on_both_nodes(seen: dict[str, Any], way: str) -> None:
    """Nobody holds its VIP; an instance without it does not move, and its clients lose nothing."""
    if seen["guest"] == "qemu-tcg":
        pytest.skip("adverts come late in a guest that is ten times slower")
    assert seen["code"] == 1, seen
    lines = [it for it in json.loads(seen["said"])["faults"] if it["fault"] == f"clock stepped {way} on all nodes"]
    aged, plain = (next(it for it in lines if name in it["instances"]) for name in ("AGED", "PLAIN"))
    assert (aged["before"], aged["during"], aged["after"], aged["verdict"]) == (["lb1"], [], ["lb1"], "bad"), aged
    assert aged["reason"] == "nobody holds it, lb1 or lb2 could; fresh failed"
    assert [plain[it] for it in ("before", "during", "after")] == [["lb1"]] * 3, plain
    assert (plain["verdict"], len(plain["broken"]), len(plain["mended"])) == ("good", 1, 1), plain
    assert plain["asked"]["during"]["sent"] > 20, plain
    assert plain["asked"]["during"]["lost"] == 0, plain


def test_the_clock_is_right_afterwards(seen: dict[str, Any]) -> None:
    """Also where the rehearsal was killed while the clock was stepped."""
    assert abs(seen["off"]) < 0.01, seen
    assert seen["right after"] < 30, seen
    assert abs(seen["off after kill"]) < 0.01, seen
