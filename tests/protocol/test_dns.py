"""Are DNS messages read as dnspython reads them, and is whatever else refused?"""

from __future__ import annotations

import contextlib
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vipwarden.protocol.dns.message import Rcode, RecordType, answers_to, query, reply
from vipwarden.protocol.dns.names import read, skip, to_text, to_wire
from vipwarden.protocol.dns.records import TYPES, comparable, rdata
from vipwarden.protocol.wire import WireError

_READ = {"A", "NS", "CNAME", "SOA", "PTR", "MX", "TXT", "AAAA", "SRV", "CAA"}
labels = st.lists(st.binary(min_size=1, max_size=63), max_size=6)
names = labels.map(lambda parts: dns.name.Name([*parts, b""])).filter(lambda name: len(name.to_wire() or b"") <= 255)


def names_of(parts: list[bytes]) -> dns.name.Name:
    """Return a name that is not too long."""
    with contextlib.suppress(dns.exception.DNSException):
        return dns.name.Name([*parts, b""])
    assume(condition=False)
    raise AssertionError


@given(labels)
def test_names_are_written_and_read_as_by_dnspython(parts: list[bytes]) -> None:
    """With all escapes, and back."""
    name = names_of(parts)
    wire = name.to_wire()
    assert wire is not None
    assert to_text(wire) == name.to_text()
    assert to_wire(name.to_text()) == wire
    assert read(b"xx" + wire, 2) == wire
    assert skip(b"xx" + wire, 2) == 2 + len(wire)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "1 to 63"), ("a..b", "1 to 63"), (".a", "1 to 63"), ("x" * 64, "1 to 63"),
        ("a." * 128, "255 bytes"), ("a\\", "escapes nothing"), ("\\25", "three digits"), ("\\256", "three digits"),
        ("\N{SNOWMAN}" * 99, "label"),
    ],
)  # fmt: skip
def test_what_is_no_name_is_refused(text: str, reason: str) -> None:
    """With what is wanted."""
    with pytest.raises(ValueError, match=reason):
        to_wire(text)


def test_a_name_of_another_script_is_sent_as_idna() -> None:
    """As every client does."""
    assert to_wire("bücher.example") == to_wire("xn--bcher-kva.example")


@pytest.mark.parametrize(
    "wire",
    [b"", b"\xc0", b"\xc0\0", b"\xc0\1\0", b"\x05ab", b"\x41ab\0", b"\1a\xc0\0", b"\1a" * 128 + b"\0", b"\1a\xc0\2"],
)
def test_a_name_that_lies_is_refused(wire: bytes) -> None:
    """Circles, pointers ahead, lengths beyond the end, and types of labels that nobody uses."""
    with pytest.raises(WireError):
        read(wire, 0)


def test_a_long_chain_of_pointers_ends() -> None:
    """Each points one further back."""
    chain = b"\0" + b"".join((0xC000 | max(0, 2 * n - 1)).to_bytes(2, "big") for n in range(400))
    with pytest.raises(WireError, match="does not end"):
        read(chain, len(chain) - 2)


@given(st.sampled_from(sorted(TYPES)), st.binary(max_size=40))
def test_the_data_of_records_are_those_of_dnspython(kind: str, raw: bytes) -> None:
    """In the words of zone files, or refused by both; types that nobody reads here are in hexadecimal."""
    number = TYPES[kind]
    try:
        theirs: Any = dns.rdata.from_wire(dns.rdataclass.IN, dns.rdatatype.RdataType(number), raw, 0, len(raw))
    except (dns.exception.DNSException, ValueError):
        theirs = None
    try:
        ours = rdata(raw, 0, len(raw), number)
    except WireError:
        assert theirs is None
        return
    if kind not in _READ or (kind == "CAA" and ours.startswith("\\#")):
        assert ours == f"\\# {len(raw)} {raw.hex()}".rstrip()
    elif theirs is not None:
        text = theirs.to_text()
        assert comparable(ours, kind) == comparable(text, kind)
        if kind != "AAAA":
            assert ours == text


RECORDS = [
    ("www.example.org.", "A", "192.0.2.1"),
    ("www.example.org.", "CNAME", "web.example.org."),
    ("web.example.org.", "A", "192.0.2.2"),
    ("web.example.org.", "AAAA", "2001:db8::1"),
    ("example.org.", "MX", "10 mail.example.org."),
    ("example.org.", "TXT", '"a" "b c"'),
    ("example.org.", "SOA", "ns.example.org. host.example.org. 7 1 2 3 4"),
    ("_x._tcp.example.org.", "SRV", "1 2 3 www.example.org."),
]


def response(asked: bytes, records: list[tuple[str, str, str]], rcode: int = 0) -> dns.message.Message:
    """Return an answer of dnspython to a query of ours."""
    message = dns.message.make_response(dns.message.from_wire(asked))
    message.set_rcode(rcode)  # type: ignore[arg-type]
    message.flags |= dns.flags.AA
    for name, kind, text in records:
        message.answer.append(dns.rrset.from_text(name, 60, "IN", kind, text))
    return message


@given(st.lists(st.sampled_from(RECORDS), max_size=8), st.sampled_from(["A", "MX", "SOA", "TXT", "AAAA"]))
def test_a_reply_has_the_records_of_the_name_and_its_aliases(records: list[tuple[str, str, str]], kind: str) -> None:
    """In the order of the message, which dnspython compresses."""
    asked = query("www.EXAMPLE.org", TYPES[kind])
    data = response(asked, records).to_wire()
    assert answers_to(asked, data)
    owner, wanted = "www.example.org.", []
    for name, has, text in records:
        if name == owner and has == kind:
            wanted.append(text)
        elif name == owner and has == "CNAME":
            owner = text
    got = reply(asked, data)
    assert got.answers == wanted
    assert got.authoritative
    assert got.rcode == "NOERROR"


@pytest.mark.parametrize("code", range(17))
def test_the_code_is_named_as_by_dnspython(code: int) -> None:
    """Also where EDNS has its upper bits."""
    asked = query("a.", 1)
    name = reply(asked, response(asked, [], code).to_wire()).rcode
    if name in Rcode.choices:
        assert name in (dns.rcode.to_text(dns.rcode.Rcode(code)), "BADVERS")
    else:
        assert name == f"RCODE{code}"


@given(st.data())
def test_a_message_that_was_tampered_with_is_read_or_refused(data: st.DataObject) -> None:
    """Never anything else, however long the lengths and deep the pointers."""
    asked = query("www.example.org", TYPES[data.draw(st.sampled_from(["A", "MX", "SOA", "TXT", "CNAME"]))])
    raw = bytearray(response(asked, RECORDS).to_wire())
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(2, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(raw[: data.draw(st.integers(0, len(raw)))])
    if answers_to(asked, cut):
        with contextlib.suppress(WireError):
            reply(asked, cut)


@given(st.binary(max_size=600))
def test_noise_is_read_or_refused(noise: bytes) -> None:
    """Behind a header that fits."""
    asked = query("a.", 255)
    data = asked[:2] + b"\x80\0" + asked[4:6] + b"\0\3\0\3\0\3" + asked[12:19] + noise
    assert answers_to(asked, data)
    with contextlib.suppress(WireError):
        reply(asked, data)


def test_another_answer_is_none_to_this_query() -> None:
    """By id, flag, kind of query and question."""
    asked = query("a.example", 1)
    right = response(asked, []).to_wire()
    assert answers_to(asked, right)
    other = bytes([right[0] ^ 1]) + right[1:]
    update = right[:2] + b"\xa8" + right[3:]
    elsewhere = asked[:2] + response(query("b.test", 1), []).to_wire()[2:]
    for wrong in (other, asked, right[:11], update, elsewhere):
        assert not answers_to(asked, wrong)


def test_a_query_is_what_dnspython_would_send() -> None:
    """With and without recursion and EDNS."""
    for recursive in (True, False):
        for edns in (True, False):
            message = dns.message.from_wire(query("Example.org", 15, recursive=recursive, edns=edns))
            assert message.question[0].to_text() == "Example.org. IN MX"
            assert bool(message.flags & dns.flags.RD) is recursive
            assert (message.edns, message.payload) == ((0, 1232) if edns else (-1, 0))


@pytest.mark.parametrize("text", ["TYPE0", "TYPE65536", "TYPE", "65", "any", ""])
def test_a_type_that_there_is_not(text: str) -> None:
    """Is refused with those that there are."""
    with pytest.raises(ValueError, match="AAAA"):
        RecordType(text)


def test_a_type_has_its_number() -> None:
    """By name, in any case, or by number."""
    assert [RecordType(text).number for text in ("aaaa", "TYPE65", "HTTPS")] == [28, 65, 65]
