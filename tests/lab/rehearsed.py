"""Does a rehearsal with real servers say what IPVS does? In a guest of the lab, by ``make rehearse-ipvs``."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.lab.guest import Guest, NoGuestError

_ROOT = Path(__file__).parents[2]
_VRRP = """\
vrrp_instance {name} {{
    interface {interface}
    virtual_router_id {vrid}
    priority {priority}
    virtual_ipaddress {{
        {vips}
    }}
}}
"""
_SERVER = """\
virtual_server {vip} {port} {{
    delay_loop 1
    lvs_sched rr
    lvs_method {kind}
    protocol TCP
    retry 1
    delay_before_retry 1
    {more}
}}
"""
_REAL = """real_server {address} {{
        {checker} {{
            {more}
            connect_timeout 3
        }}
    }}
    """
_MISC = """real_server {address} {{
        MISC_CHECK {{
            misc_path "/etc/keepalived/connects.sh {address}"
            misc_timeout 2
        }}
    }}
    """
_SCRIPT = "#!/bin/bash\nexec 3<>/dev/tcp/$1/$2\n"
_DIGEST = "url {\n path /alive\n digest 0123456789abcdef0123456789abcdef\n }\n"
_FAULTS = (
    *("41 80: port closed", "41 80: answers nothing", "42 80: port filtered", "43 80: port closed"),
    *("45 25: port closed", "keepalived stopped on lb1"),
)


def _conf(priority: int) -> str:
    """Return a director: NAT with its gateway behind, direct routing and tunnels with a sorry server in front."""
    front = {"name": "FRONT", "interface": "eth0", "vrid": 51, "vips": "192.0.2.10/24\n192.0.2.20/24\n192.0.2.30/24"}
    back = {"name": "BACK", "interface": "eth1", "vrid": 52, "vips": "198.51.100.1/24"}
    nat = _REAL.format(address="198.51.100.41 80", checker="TCP_CHECK", more="")
    nat += _REAL.format(address="198.51.100.42 80", checker="HTTP_GET", more=_DIGEST)
    direct = _MISC.format(address="192.0.2.43 80") + _MISC.format(address="192.0.2.44 80")
    mail = "sorry_server 192.0.2.49 25\n" + _REAL.format(address="192.0.2.45 25", checker="SMTP_CHECK", more="")
    return (
        "".join(_VRRP.format(priority=priority, **it) for it in (front, back))
        + _SERVER.format(vip="192.0.2.10", port=80, kind="NAT", more=nat)
        + _SERVER.format(vip="192.0.2.20", port=80, kind="DR", more=direct)
        + _SERVER.format(vip="192.0.2.30", port=25, kind="TUN", more=mail)
    )


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Rehearse in a guest, and return the outcomes by fault."""
    shared = tmp_path_factory.mktemp("lab")
    nodes = []
    for name, priority in (("lb1", 150), ("lb2", 100)):
        folder = shared / name / "etc/keepalived"
        folder.mkdir(parents=True)
        (folder / "keepalived.conf").write_text(_conf(priority), encoding="ascii")
        (folder / "connects.sh").write_text(_SCRIPT, encoding="ascii")
        (folder / "connects.sh").chmod(0o755)
        nodes.append(f"{name}={shared / name}")
    chosen = [word for it in _FAULTS for word in ("--faults", it.replace(" 80", ":80").replace(" 25", ":25"))]
    command = [str(Path(sys.executable).with_name("vipwarden")), "rehearse", *nodes, *chosen, "--json"]
    try:
        guest = Guest(shared, "guest", command, _ROOT)
        try:
            while guest.running():
                time.sleep(0.2)
            said = guest.tail("said", 100_000)
        finally:
            guest.end()
    except NoGuestError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    assert guest.status() == 1, said
    found = json.JSONDecoder().raw_decode(said, said.index("{"))[0]
    return {
        it["fault"].removeprefix("real server "): it for it in found["faults"] if it["behind"] or "stop" in it["fault"]
    }


@pytest.mark.parametrize(
    ("fault", "others"),
    [
        ("198.51.100.41:80: port closed", 1),
        ("198.51.100.42:80: port filtered", 1),
        ("192.0.2.43:80: port closed", 1),
        ("192.0.2.45:25: port closed", 1),  # the sorry server
    ],
)
def test_a_dead_real_server_leaves_the_table_and_comes_back(
    seen: dict[str, dict[str, Any]], fault: str, others: int
) -> None:
    """Clients lose what went to it until then, and nothing more."""
    it = seen[fault]
    assert it["verdict"] in ("good", "open"), json.dumps(it)  # a check with a timeout takes longer
    assert it["behind"]["others"] == others, it
    assert 0 < it["behind"]["gone"] < 15, it
    assert it["behind"]["back"] is not None, it
    assert 0 < it["asked"]["during"]["lost"] < it["asked"]["during"]["sent"], it


def test_a_connect_alone_does_not_see_a_server_that_answers_nothing(seen: dict[str, dict[str, Any]]) -> None:
    """Its clients are lost as long as it lasts."""
    it = seen["198.51.100.41:80: answers nothing"]
    assert it["verdict"] == "bad", it
    assert "goes on getting connections" in it["reason"]
    assert it["behind"]["gone"] is None


def test_the_other_director_has_the_real_servers_as_well(seen: dict[str, dict[str, Any]]) -> None:
    """After a failover its clients are served, by all three ways of forwarding."""
    it = seen["keepalived stopped on lb1"]
    assert (it["during"], it["verdict"]) == (["lb2"], "good"), it
    assert it["asked"]["during"]["lost"] * 4 < it["asked"]["during"]["sent"], it
