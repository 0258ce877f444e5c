"""Are the bytes of an HTTP answer read as keepalived reads them, whatever they are and however they arrive?"""

from __future__ import annotations

import ctypes
import gzip
import hashlib
import zlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vipwarden.protocol.http.codec import MOST_HEADER, Answer, Header, RawBody, request
from vipwarden.protocol.http.options import Algorithm, Digest, HttpVersion, Path, Regex, Statuses, VirtualHost

if TYPE_CHECKING:
    from vipwarden.protocol.http.body import DecodedBody

LIBC = ctypes.CDLL(None)
LIBC.strtoul.restype = ctypes.c_ulong
LIBC.strtoul.argtypes = [ctypes.c_char_p, ctypes.POINTER(ctypes.c_char_p), ctypes.c_int]
OK = b"HTTP/1.1 200 OK\r\n"
LINES = st.sampled_from([
    b"HTTP/1.1 200 OK", b"HTTP/1.0 404", b"Content-Length: ", b"content-length: 3", b"X-Content-Length: 4", b"-", b"+",
    b"0", b"7", b"99999999999999999999", b" ", b"\t", b"\r\n", b"\n", b"\0", b"Transfer-Encoding: chunked",
    b"Content-Encoding: gzip", b"Content-Encoding: deflate", b"5\r\nhello\r\n", b"0\r\n\r\n", b"\r\n\r\n",
    gzip.compress(b"hello", mtime=0), zlib.compress(b"hello"), b";x=y", b"ffffffffffffffffffff\r\n",
])  # fmt: skip
ANSWERS = st.lists(LINES | st.binary(max_size=20), max_size=20).map(b"".join)


def splits(data: bytes, cuts: list[int]) -> list[bytes]:
    """Cut data into pieces."""
    ends = sorted({cut % (len(data) + 1) for cut in cuts})
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]


def read(pieces: list[bytes], decoded: bool) -> tuple[str, str]:
    """Return the digest of an answer in pieces and what is wrong with it."""
    answer, digest = Answer(), hashlib.md5()
    body: RawBody | DecodedBody | None = None
    for piece in [*pieces, b""]:
        data = answer.feed(piece)
        if answer.header is None:
            continue
        if body is None:
            body = answer.header.content(1000) if decoded else RawBody(answer.header)
        digest.update(body.feed(data))
    return ("", "no header") if body is None else (digest.hexdigest(), body.flaw(ended=True))


def content(head: bytes, *pieces: bytes, most: int = 1000) -> tuple[bytes, str]:
    """Return the decoded content of a body, and what is wrong with it."""
    body = Header(OK + head + b"\r\n").content(most)
    return b"".join(body.feed(piece) for piece in pieces), body.flaw(ended=True)


@given(ANSWERS, st.lists(st.integers(min_value=0), max_size=8), st.booleans())
@example(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", list(range(60)), True)
@example(OK + b"Content-Encoding: deflate\r\n\r\n" + zlib.compress(b"hello")[2:-4], list(range(60)), True)
def test_no_answer_and_no_way_to_cut_it_is_too_much(data: bytes, cuts: list[int], decoded: bool) -> None:
    """Nothing raises; digest and verdict are the same as for the answer in one piece."""
    assert read(splits(data, cuts), decoded) == read([data], decoded)
    header = Header(data)
    assert 0 <= header.status <= 999
    assert all(isinstance(reason, str) for reason in header.fragile())


@given(st.lists(LINES, max_size=12).map(b"".join))
@example(b"Content-Length:\r\nA: b")
@example(b"Content-Length: -0\r\n")
@example(b"Content-Length: 5 \r\n")
@example(b"Content-Length: 18446744073709551615")
@example(b"Content-Length: -18446744073709551617")
@example(b"Content-Length: " + b"0" * 5000 + b"7")
@example(b"Content-Length: " + b"9" * 5000)
def test_a_content_length_is_found_as_the_c_library_finds_it(raw: bytes) -> None:
    """The oracle is extract_content_length() with the C library's own strtoul()."""
    _, found, value = raw.split(b"\0")[0].partition(b"Content-Length:")
    expected = None
    if found:
        end = ctypes.c_char_p()
        buffer = ctypes.create_string_buffer(value)
        number = LIBC.strtoul(ctypes.cast(buffer, ctypes.c_char_p), ctypes.byref(end), 10)
        if (end.value or b"")[:1] in (b"", b"\r", b"\n") and number != 2**64 - 1:
            expected = number
    assert Header(raw).cut == expected


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"HTTP/1.1 200 OK", 200),
        (b"HTTP/1.1 200 ", 200),
        (b"HTTP/1.1 200", 0),
        (b"anything 404 x", 404),
        (b"HTTP/1.1  200 OK", 0),
        (b"HTTP/1.1 20 OK", 0),
        (b"HTTP/1.1 2000 OK", 0),
        (b"HTTP/1.1 +20 OK", 0),
        (b"HTTP/1.1 \xb2\xb20 OK", 0),
        (b"", 0),
        (b"HTTP/1.1\n 200 OK", 200),
    ],
)
def test_a_status_is_three_digits_between_two_blanks(line: bytes, status: int) -> None:
    """As extract_status_code() has it, which does not look at what comes before."""
    assert Header(line + b"\r\n\r\n").status == status


def test_a_header_ends_in_its_first_64_kib_or_not_at_all() -> None:
    """However it is cut."""
    fits = OK.ljust(MOST_HEADER - 4, b"x") + b"\r\n\r\n"
    for data, ends in ((fits + b"body", True), (b"x" + fits, False)):
        for size in (1000, len(data)):
            answer = Answer()
            for at in range(0, len(data), size):
                answer.feed(data[at : at + size])
            assert (answer.header is not None) is ends
            assert answer.endless is not ends


def test_the_request_is_keepalived_s() -> None:
    """Connection comes before Host."""
    assert request("/a", "h:1", "1.0") == b"GET /a HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: h:1\r\n\r\n"
    closing = b"User-Agent: KeepAliveClient\r\nConnection: close\r\nHost: h\r\n\r\n"
    assert request("/a", "h", "1.0C") == b"GET /a HTTP/1.0\r\n" + closing
    assert request("/a", "h", "1.1") == b"GET /a HTTP/1.1\r\n" + closing
    assert len(request(Path("/".ljust(1700, "x")), VirtualHost("h" * 255), "1.1")) < 2048


@pytest.mark.parametrize("text", ["", "a", "/a b", "/a\r\nX: y", "/\x7f", "/\udcff", "/" + "x" * 1700, "/a\u2028"])
def test_a_path_that_could_not_be_sent_is_refused(text: str) -> None:
    """It could smuggle in a header, or be cut off."""
    with pytest.raises(ValueError):
        Path(text)


@pytest.mark.parametrize(
    ("host", "name"), [("www.x", "www.x"), ("www.x:81", "www.x"), ("[::1]:81", "::1"), ("[::1]", "::1")]
)
def test_a_virtualhost_has_a_name_without_its_port(host: str, name: str) -> None:
    """It is what TLS asks for."""
    assert VirtualHost(host).name == name


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (Digest, "abc"),
        (Digest, "x" * 32),
        (Statuses, ""),
        (Statuses, "200-"),
        (Statuses, "299-200"),
        (Statuses, "99"),
        (Statuses, "600"),
        (Statuses, "200,"),
        (HttpVersion, "2"),
        (Algorithm, "sha1"),
        (Regex, "("),
        (Regex, "a{99999999999}"),
        (VirtualHost, "a b"),
    ],
)
def test_what_an_operator_cannot_mean_is_refused(build: type[str], text: str) -> None:
    """With the reason."""
    with pytest.raises(ValueError, match=r"\w"):
        build(text)


def test_a_regex_that_python_warns_of_is_taken_in_silence() -> None:
    """A word on stderr would be lost, or break the output of a plugin."""
    assert Regex("[[a]").compile().search(b"[")


def test_status_codes_are_codes_and_ranges_of_them() -> None:
    """Ends included."""
    wanted = Statuses("200-299,301")
    assert [status for status in range(1000) if wanted.hold(status)] == [*range(200, 300), 301]


@pytest.mark.parametrize(
    ("head", "body", "expected"),
    [
        (b"", b"hello", b"hello"),
        (b"content-LENGTH: 3\r\n", b"hello", b"hel"),
        (b"X-Content-Length: 3\r\n", b"hello", b"hello"),
        (b"Transfer-Encoding: chunked\r\n", b"5;x=y\r\nhello\r\n1 \n!\n0\r\nT: x\r\n\r\nrest", b"hello!"),
        (b"Content-Encoding: gzip\r\n", gzip.compress(b"hello", mtime=0), b"hello"),
        (b"Content-Encoding: GZIP\r\n", b"", b""),
        (b"Content-Encoding: deflate\r\n", zlib.compress(b"hello"), b"hello"),
        (b"Content-Encoding: deflate\r\n", zlib.compress(b"hello")[2:-4], b"hello"),
    ],
)
def test_the_content_is_what_the_server_meant(head: bytes, body: bytes, expected: bytes) -> None:
    """In one piece and byte by byte."""
    assert content(head, body) == (expected, "")
    assert content(head, *(body[at : at + 1] for at in range(len(body)))) == (expected, "")


CHUNKED = b"Transfer-Encoding: chunked\r\n"
GZIP = b"Content-Encoding: gzip\r\n"


@pytest.mark.parametrize(
    ("head", "body", "flaw"),
    [
        (b"Content-Length: 9\r\n", b"hello", "5 of 9 bytes"),
        (CHUNKED, b"5\r\nhello\r\n", "last chunk is missing"),
        (CHUNKED, b"5\r\nhellooo\r\n", "longer than its size"),
        (CHUNKED, b"0x5\r\nhello\r\n", "no size"),
        (CHUNKED, b"-5\r\nhello\r\n", "no size"),
        (CHUNKED, b"\r\n", "no size"),
        (CHUNKED, b"f" * 17 + b"\r\n", "no size"),
        (CHUNKED, b"5;" + b"x" * 5000, "no size"),
        (CHUNKED, b"0\r\n" + b"x: y\r\n" * 20000, "trailer"),
        (b"Transfer-Encoding: gzip, chunked\r\n", b"", "transfer coding gzip, chunked"),
        (b"Content-Encoding: br\r\n", b"x", "content coding br"),
        (GZIP, b"hello, hello", "broken"),
        (GZIP, gzip.compress(b"hello", mtime=0)[:-1], "no end"),
        (GZIP, b"\x1f", "no end"),
        (GZIP, gzip.compress(b"hello", mtime=0) + b"x", "more bytes"),
        (GZIP, gzip.compress(b"x" * 1001, mtime=0), "more content"),
        (GZIP, gzip.compress(b"x" * 100_000_000, 1, mtime=0), "more content"),
    ],
)
def test_a_body_that_is_not_whole_is_told(head: bytes, body: bytes, flaw: str) -> None:
    """Of a compression bomb no more than the limit is unpacked."""
    unpacked, said = content(head, body)
    assert flaw in said
    assert len(unpacked) <= 1001
    assert flaw in content(head, *(body[at : at + 999] for at in range(0, len(body), 999)))[1]


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"Transfer-Encoding: chunked\r\n", "chunked"),
        (b"Content-Encoding: gzip\r\n", "compressed"),
        (b"content-length: 5\r\n", "overlooks"),
        (b"X-Content-Length: 5\r\n", "cuts the body at 5"),
        (b"A: " + b"x" * 4096 + b"\r\n", "4095"),
    ],
)
def test_a_fragile_digest_is_told(head: bytes, reason: str) -> None:
    """One reason for each of these headers, none without them."""
    [said] = Header(OK + head + b"\r\n").fragile()
    assert reason in said
    assert not Header(OK + b"Content-Length: 5\r\n\r\n").fragile()
    assert not Header(OK + b"\r\n").fragile()
