"""Are the texts of option values read as they are documented, and is everything else refused?"""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipwarden.core.values import Choice, Count, Escaped, Host, Port, Seconds, Source

ANY_TEXT = st.text(st.characters(codec=None)) | st.text("0123456789.-+eE_ \u0663\n")


@pytest.mark.parametrize(("text", "value"), [("0.5", 0.5), ("10", 10), ("86400", 86400), ("1e-3", 0.001), (".1", 0.1)])
def test_seconds_may_have_fractions(text: str, value: float) -> None:
    """Up to a day."""
    assert Seconds(text) == value


@pytest.mark.parametrize(
    "text", ["", "0", "-0", "-1", "86400.1", "nan", "inf", "-inf", "1e400", "1s", "1:2", "x", "0x1"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    """Zero, for one, would let no check ever answer."""
    with pytest.raises(ValueError, match="number of seconds above 0"):
        Seconds(text)


@pytest.mark.parametrize("text", ["1", "80", "65535", "00080"])
def test_ports_are_numbers_from_1_to_65535(text: str) -> None:
    """Also with leading zeros, which are no octal."""
    assert Port(text) == int(text)


@pytest.mark.parametrize(
    "text",
    ["", "0", "65536", "70000", "-1", "+80", " 80", "80 ", "8_0", "80.0", "0x50", "http", "\u0668\u0660", "\u00b2"],
)
def test_what_is_no_port_is_refused(text: str) -> None:
    """Also digits of other scripts, which int() would take."""
    with pytest.raises(ValueError, match="from 1 to 65535"):
        Port(text)


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.5", "1_0", "1" * 19, "\u0663", " 1"])
def test_what_is_no_count_is_refused(text: str) -> None:
    """A count is whole, not negative and fits 64 bits."""
    with pytest.raises(ValueError, match="whole number from 0 up"):
        Count(text)


def test_counts_start_at_zero() -> None:
    """Zero is one."""
    assert [Count("0"), Count("007"), Count("9" * 18)] == [0, 7, 10**18 - 1]


@given(ANY_TEXT)
def test_every_other_text_is_a_value_error(text: str) -> None:
    """No type brings another exception about."""
    for build in (Seconds, Port, Count, Escaped):
        try:
            build(text)
        except ValueError as error:
            assert str(error)  # noqa: PT017


@pytest.mark.parametrize(
    ("text", "raw"),
    [
        ("", b""),
        ("PING", b"PING"),
        (r"PING\r\n", b"PING\r\n"),
        (r"a\tb\0c", b"a\tb\0c"),
        (r"\\", b"\\"),
        (r"\\r", b"\\r"),
        (r"\\\r", b"\\\r"),
        (r"\\\\", b"\\\\"),
        (r"\\x41", b"\\x41"),
        (r"\x41\xfF\x00", b"A\xff\0"),
        (r"\x412", b"A2"),
        (r"\012", b"\x0012"),
        ("grüße", "grüße".encode()),
        (r"ü\n", "ü\n".encode()),
        ("raw\udcff", b"raw\xff"),
        ("a\nb", b"a\nb"),
    ],
)
def test_escapes_are_those_of_c(text: str, raw: bytes) -> None:
    """A backslash that is escaped makes an end of it; other text is UTF-8, other bytes of an argument stay."""
    assert Escaped(text) == raw


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (text, "two hexadecimal")
        for text in (r"\x", r"\x4", r"\xg0", r"\x0g", r"\x  ", r"\x 1", r"\x+1", r"\x4\x41", r"\xü")
    ]
    + [(text, "known escapes") for text in (r"\a", r"\q", r"\ ", r"\u0041", r"\N", r"\ü", r"a\1")]
    + [("\\", "at the end"), ("abc\\", "at the end"), ("\\\\\\", "at the end"), ("\\r\\", "at the end")],
)
def test_a_broken_escape_is_refused_and_named(text: str, reason: str) -> None:
    """A text that is not what its writer thought would be waited for in vain."""
    with pytest.raises(ValueError, match=reason):
        Escaped(text)


@given(st.binary())
def test_every_byte_can_be_written(raw: bytes) -> None:
    r"""By \xHH alone."""
    assert Escaped("".join(f"\\x{byte:02x}" for byte in raw)) == raw


@given(st.binary())
def test_escaping_and_reading_gives_the_same_bytes(raw: bytes) -> None:
    """By the short escapes where there is one, and text as it stands."""
    text = raw.decode("utf-8", "surrogateescape").replace("\\", "\\\\")
    for char, escape in (("\r", r"\r"), ("\n", r"\n"), ("\t", r"\t"), ("\0", r"\0")):
        text = text.replace(char, escape)
    assert Escaped(text) == raw


@pytest.mark.parametrize(
    "text",
    [
        "h", "web01.example", "web01.example.", "_sip.example", "a-b", "127.0.0.1", "255.255.255.255", "::1",
        "2001:db8::12", "::ffff:192.0.2.1",
        "fe80::1%eth0", "/run/x.sock", "b\u00fccher.example", "0xg", "1a", "x" * 63,
    ],
)  # fmt: skip
def test_a_host_is_a_name_an_address_or_a_socket(text: str) -> None:
    """As it was written."""
    assert Host(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "..", "a..b", ".a", " a", "a b", "a,b", "a:b", "a/b", "http://a", "x" * 64, "a." * 127 + "a",
        "10.[0-9].1.1", "web[1-9]", "[::1]", "[::1]:80", "::1]", "127.0.0.010", "127.0.0.08", "127.1", "127.0.1",
        "2130706433", "0", "0x7f000001", "0x7f.1", "0X7F.0.0.0x1", "0x", "017700000001", "1.2.3.4.5", "1.2.3.256",
        "1.2.3.4.", "1.2.3.4:80", "::ffff:127.0.0.010", "::12345", "web.08", "\uff11\uff12\uff17.0.0.010",
        "127\u30020\u30020\u3002010", "a\0b", "/run/\0", "a\n", "127.0.0.1\n", "127.0.0.1 x",
    ],
)  # fmt: skip
def test_what_inet_aton_alone_takes_for_an_address_is_no_host(text: str) -> None:
    """Octal, hexadecimal or short, another server would answer for the one that is meant."""
    with pytest.raises(ValueError, match=r"host|address"):
        Host(text)
    with pytest.raises(ValueError, match=r"address|host"):
        Source(text)


@given(st.text(max_size=40) | st.from_regex(r"[0-9a-fx.:%\[\]-]{0,20}", fullmatch=True))
def test_an_address_is_the_one_that_is_written(text: str) -> None:
    """Whatever is taken for an IPv4 address is read by everybody as it is written."""
    try:
        host = Host(text)
    except ValueError:
        return
    try:
        packed = socket.inet_aton(host)
    except (OSError, UnicodeError, ValueError):
        return
    assert socket.inet_ntoa(packed) == host


def test_a_choice_is_one_of_its_words_in_any_case() -> None:
    """Written as the class has it."""

    class Security(Choice):
        choices = ("starttls", "tls", "None")

    assert [Security(text) for text in ("TLS", "starttls", "none")] == ["tls", "starttls", "None"]
    for text in ("", "ssl", "tls "):
        with pytest.raises(ValueError, match="starttls, tls or None is wanted"):
            Security(text)
