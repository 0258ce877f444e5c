"""Are keepalived's dumps understood, of every version, and does no secret ever leave the readers?"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipwarden.node.keepalived.dump import DumpError, Instance
from vipwarden.node.keepalived.dump_parse import parse_data, parse_json, parse_stats

FIXTURES = Path(__file__).parent / "fixtures"
SECRET = b"s3cr3tpw"


def fixture(kind: str, version: str = "2.2.7") -> bytes:
    """Return a dump."""
    return (FIXTURES / f"keepalived_{version}.{kind}").read_bytes()


def words(one: Instance) -> tuple[object, ...]:
    """Return an instance without its counters."""
    return (
        *(one.name, one.state, one.vrid, one.interface, one.group, one.base_priority, one.effective_priority),
        *(one.delay, one.vips, one.excluded),
    )


def test_data_has_instances_and_scripts() -> None:
    """As Debian's 2.2.7 wrote it."""
    instances, scripts = parse_data(fixture("data"))
    assert [words(one) for one in instances] == [
        (
            *("VI_1", 2, "51", "va", "", 150, 130, 5),
            *([("192.0.2.9", "va"), ("192.0.2.10", "va")], [("2001:db8::9", "va")]),
        ),
        ("VI_2", 1, "52", "va", "G", 100, 100, 5, [("192.0.2.11", "va")], []),
    ]
    assert all(1.7e9 < (one.changed or 0) < 2e9 for one in instances)
    assert [(one.name, one.status, one.run) for one in scripts] == [("good", 1, 0), ("bad", 0, 0)]


def test_keepalived_1_3_tells_less() -> None:
    """It has other words for the interface, and no effective priority."""
    dump = b"""------< VRRP Topology >------
 VRRP Instance = VI_1
   Using VRRPv2
   State = MASTER
   Last transition = 1763714000 (Fri Nov 21 08:33:20 2025)
   Listening device = eth0
   Using src_ip = 192.0.2.1
   Gratuitous ARP delay = 5
   Virtual Router ID = 51
   Priority = 150
   Advert interval = 1 sec
   Authentication type = SIMPLE_PASSWORD
   Password = s3cr3tpw
   Virtual IP = 2
     192.0.2.9/24 dev eth0 scope global
     192.0.2.10/32 dev eth0 scope global
------< VRRP Scripts >------
 VRRP Script = chk
   Command = /usr/bin/true
   Interval = 1 sec
   Status = GOOD
"""
    (instance,), (script,) = parse_data(dump)
    vips = [("192.0.2.9", "eth0"), ("192.0.2.10", "eth0")]
    assert words(instance) == ("VI_1", 2, "51", "eth0", "", 150, None, 5, vips, [])
    assert instance.changed == 1763714000
    assert (script.name, script.status) == ("chk", 1)
    with pytest.raises(DumpError, match="not all of one"):
        parse_data(dump.partition(b"   Priority")[0])


def test_json_says_the_same_as_data_and_stats() -> None:
    """Two ways to the same."""
    by_json = parse_json(fixture("json"))
    by_data, _ = parse_data(fixture("data"))
    assert [one.counters for one in by_json] == list(parse_stats(fixture("stats")).values())
    for one, two in zip(by_json, by_data, strict=True):
        two.group = ""  # which JSON does not tell
        assert words(one) == words(two)
        assert one.changed == two.changed


def test_the_json_of_newer_versions_is_wrapped() -> None:
    """With json_version 2, and with processes beside the instances."""
    told = json.loads(fixture("json"))
    wrapped = json.dumps({"vrrp": told, "track_process": [{"process": "x"}]}).encode()
    assert [one.name for one in parse_json(wrapped)] == ["VI_1", "VI_2"]


def test_the_dumps_of_el8_are_read_without_json() -> None:
    """2.1.5 writes some lines differently, and has been built without authentication here."""
    data = fixture("data").replace(b"   Virtual IP (2):", b"   Virtual IP :")
    for line in (b"   Flags: none\n", b"   Number of config faults = 0\n", b"   Init state = unknown\n"):
        data = data.replace(line, b"")
    stats = fixture("stats").replace(b"    Type Mismatch: 0\n    Failure: 0\n", b"")
    instances, scripts = parse_data(data)
    assert [len(one.vips) for one in instances] == [2, 1]
    assert [one.status for one in scripts] == [1, 0]
    counters = parse_stats(stats)["VI_1"]
    assert counters["advert_sent"] > 0
    assert "auth_failure" not in counters


@pytest.mark.parametrize(("word", "status"), [(b"INIT", None), (b"INIT/FAILED", 0), (b"GOOD", 1), (b"new", None)])
def test_the_status_of_a_script_until_2_1_5_tells_of_its_start(word: bytes, status: int | None) -> None:
    """There is no line Init state yet."""
    data = (
        fixture("data").replace(b"   Init state = unknown\n", b"").replace(b"   Status = BAD", b"   Status = " + word)
    )
    assert parse_data(data)[1][1].status is status


def test_an_instance_without_interface_has_none() -> None:
    """Its configuration named one that is not there."""
    data = fixture("data").replace(b"   Interface = va\n", b"   Interface = not configured\n", 1)
    assert [one.interface for one in parse_data(data)[0]] == ["", "va"]


def test_a_vmac_is_named_by_its_own_interface() -> None:
    """What stands behind it is where it sits."""
    data = fixture("data").replace(b"   Interface = va\n", b"   Interface = vrrp.51, vmac on va, xmit base i/f\n", 1)
    data = data.replace(b"192.0.2.10 dev va scope", b"192.0.2.10 dev vrrp.51@va use_vmac scope")
    instance = parse_data(data)[0][0]
    assert instance.interface == "vrrp.51"
    assert instance.vips == [("192.0.2.9", "va"), ("192.0.2.10", "vrrp.51")]


@pytest.mark.parametrize(("word", "status"), [("INIT", None), ("INIT/FAILED", 0), ("INIT/RELOAD", 0), ("unknown", 0)])
def test_a_script_that_has_not_run_yet_has_no_status(word: str, status: int | None) -> None:
    """BAD is what keepalived says of it, which nobody has found out; where it shall count as failed, it is."""
    data = fixture("data")
    at = data.index(b" VRRP Script = bad")
    data = data[:at] + data[at:].replace(b"Init state = unknown", f"Init state = {word}".encode())
    assert parse_data(data)[1][1].status is status


@pytest.mark.parametrize(("kind", "parse"), [("json", parse_json), ("stats", parse_stats)])
def test_a_dump_is_whole_or_an_error_wherever_it_is_cut(kind: str, parse: Any) -> None:
    """The rest may not be written yet, not even of a number."""
    dump = fixture(kind)
    assert len(parse(dump)) == 2
    cuts = [at for at in range(len(dump.rstrip())) if _is_whole(parse, dump[:at])]
    # stats may be cut between two instances: who asks knows how many there are
    assert cuts == ([dump.index(b"VRRP Instance: VI_2")] if kind == "stats" else [])


def _is_whole(parse: Any, dump: bytes) -> bool:
    try:
        parse(dump)
    except DumpError:
        return False
    return True


def test_data_that_is_cut_within_its_instances_is_an_error() -> None:
    """Without the lines that every instance has."""
    dump = fixture("data")
    for text in (b"", dump[:2000], dump[: dump.index(b"   Virtual Router ID")]):
        with pytest.raises(DumpError, match="not all of one"):
            parse_data(text)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b"3",
        b"null",
        b'{"vrrp": 1}',
        b"[[]]",
        b'[{"data": {}, "stats": {}}]',
        b"[" * 100000,
        b"9" * 9999,
    ],
)
def test_json_that_is_none_of_keepalived_s_is_an_error(text: bytes) -> None:
    """And never another exception."""
    with pytest.raises(DumpError):
        parse_json(text)


def everything(dump: bytes) -> str:
    """Return all that comes out of the readers for a dump, errors among it."""
    out: list[object] = []
    for parse in (parse_data, parse_json, parse_stats):
        try:
            found = parse(dump)
        except DumpError as error:
            out += [error, error.__cause__]
        else:
            out.append(found)
            things = [one for part in found for one in (part if isinstance(part, list) else [part])]
            out += [getattr(one, slot) for one in things if not isinstance(one, str) for slot in one.__slots__]
    return repr(out)


def test_no_secret_leaves_the_readers() -> None:
    """Not from whole dumps, not from those cut anywhere, nor in what their errors say."""
    for kind in ("data", "json"):
        dump = fixture(kind)
        assert SECRET in dump
        for at in (*range(dump.index(SECRET) - 20, dump.index(SECRET) + 40), len(dump)):
            assert SECRET.decode() not in everything(dump[:at])


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return a dump with bytes changed and lines moved."""
    lines = fixture(draw(st.sampled_from(["data", "json", "stats"]))).split(b"\n")
    for _ in range(draw(st.integers(0, 4))):
        lines.insert(draw(st.integers(0, len(lines))), lines.pop(draw(st.integers(0, len(lines) - 1))))
    dump = bytearray(b"\n".join(lines))
    for _ in range(draw(st.integers(0, 8))):
        dump[draw(st.integers(0, len(dump) - 1))] = draw(st.sampled_from(b'\n\0 =:"{}[]x9-\xff'))
    return bytes(dump)


@given(st.binary() | damaged())
def test_any_bytes_are_read_or_are_a_dump_error(dump: bytes) -> None:
    """Nothing else comes out, and names are one line."""
    for parse in (parse_data, parse_json, parse_stats):
        with suppress(DumpError):
            found = parse(dump)
            if isinstance(found, tuple):
                assert all(one.name.isprintable() and len(one.name) <= 200 for part in found for one in part)
