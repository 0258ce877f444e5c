"""Does a rehearsal with real servers say what IPVS does? In a guest of the lab, by ``make rehearse-ipvs``."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from tests.lab.ran import ran

_STOPPED = "keepalived stopped on lb1"
_SEEN = [  # the fault, the virtual server, and how many real servers are left
    ("198.51.100.41:80: port closed", "192.0.2.10:80", 1),  # TCP_CHECK
    ("198.51.100.42:80: port filtered", "192.0.2.10:80", 1),  # HTTP_GET
    ("198.51.100.41:53: answers nothing", "192.0.2.10:53/udp", 1),  # DNS_CHECK
    ("192.0.2.43:80: port closed", "192.0.2.20:80", 1),  # MISC_CHECK
    ("192.0.2.45:25: port closed", "192.0.2.30:25", 1),  # SMTP_CHECK: the sorry server is left
    ("[2001:db8:1::41]:80: answers nothing", "[2001:db8::10]:80", 1),  # HTTP_GET
    ("[2001:db8:1::42]:443: port closed", "[2001:db8::10]:80", 1),  # SSL_GET
    ("[2001:db8::43]:80: port filtered", "[2001:db8::20]:80", 1),  # TCP_CHECK, in a group
    ("[2001:db8::43]:80: port filtered", "[2001:db8::30]:80", 1),
    ("[2001:db8::44]:80: host gone", "[2001:db8::30]:80", 1),  # PING_CHECK
    ("[2001:db8::43]:5000: answers nothing", "[2001:db8::20]:5000/udp", 1),  # UDP_CHECK that requires a reply
    ("[2001:db8::44]:5000: port closed", "[2001:db8::20]:5000/udp", 1),  # UDP_CHECK that hears of it by ICMP
]
_NOT_SEEN = [
    ("198.51.100.41:80: answers nothing", "192.0.2.10:80"),  # TCP_CHECK connects
    ("[2001:db8::44]:80: port closed", "[2001:db8::20]:80"),  # PING_CHECK asks the host
    ("[2001:db8::44]:5000: answers nothing", "[2001:db8::20]:5000/udp"),  # UDP_CHECK without require_reply
]
_BUSY = "this machine is too busy"


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], dict[str, Any]]:
    """Rehearse in a guest, and return the outcomes by fault and virtual server or VIP."""
    shared = tmp_path_factory.mktemp("lab")
    faults = dict.fromkeys([_STOPPED, *(fault for fault, _, _ in _SEEN), *(fault for fault, _ in _NOT_SEEN)])
    guest = ran(shared, [sys.executable, "-m", "tests.lab.directors", str(shared), *faults])
    said = guest.tail("said", 100_000)
    assert guest.status() in (0, 1), said[-4000:]
    sys.stdout.write(f"{guest}; {said.partition('{')[0]}")
    found = json.JSONDecoder().raw_decode(said, said.index("{"))[0]
    return {(it["fault"].removeprefix("real server "), vip): it for it in found["faults"] for vip in it["vips"]}


def _judged(seen: dict[tuple[str, str], dict[str, Any]], fault: str, vip: str) -> dict[str, Any]:
    """Return an outcome; where the guest came to nothing there is none."""
    it = seen[fault, vip]
    if it["reason"].startswith(_BUSY):
        pytest.skip(it["reason"])
    return it


def test_most_outcomes_are_judged(seen: dict[tuple[str, str], dict[str, Any]]) -> None:
    """A machine that is too busy for the others here proves nothing."""
    judged = [not it["reason"].startswith(_BUSY) for it in seen.values()]
    assert sum(judged) * 2 > len(judged), {it["reason"] for it in seen.values()}


@pytest.mark.parametrize(("fault", "service", "others"), _SEEN)
def test_a_dead_real_server_leaves_the_table_and_comes_back(
    seen: dict[tuple[str, str], dict[str, Any]], fault: str, service: str, others: int
) -> None:
    """Clients lose what goes to it until then, if anything does, and not all."""
    it = _judged(seen, fault, service)
    assert it["verdict"] in ("good", "open"), json.dumps(it)  # it is open where a slow checker takes long
    assert it["behind"]["others"] == others, json.dumps(it)
    assert it["behind"]["gone"] > 0, json.dumps(it)
    assert it["behind"]["back"] is not None, json.dumps(it)
    assert it["asked"]["during"]["lost"] < it["asked"]["during"]["sent"], json.dumps(it)


@pytest.mark.parametrize(("fault", "service"), _NOT_SEEN)
def test_what_a_checker_does_not_ask_it_does_not_see(
    seen: dict[tuple[str, str], dict[str, Any]], fault: str, service: str
) -> None:
    """The clients of such a real server are lost as long as it lasts."""
    it = _judged(seen, fault, service)
    assert it["verdict"] == "bad", json.dumps(it)
    assert "goes on getting connections" in it["reason"]
    assert it["behind"]["gone"] is None
    assert it["asked"]["during"]["lost"] > 0, json.dumps(it)


@pytest.mark.parametrize("vip", ["192.0.2.10", "2001:db8::20"])
def test_the_other_director_has_the_real_servers_as_well(seen: dict[tuple[str, str], dict[str, Any]], vip: str) -> None:
    """After a failover its clients are served, by all ways of forwarding, IPv4 and IPv6, TCP and UDP."""
    it = _judged(seen, _STOPPED, vip)
    assert (it["during"], it["verdict"]) == (["lb2"], "good"), json.dumps(it)
    assert it["asked"]["during"]["lost"] * 4 < it["asked"]["during"]["sent"], json.dumps(it)
