"""Are the texts of option values read as they are documented, and is everything else refused?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.core.values import Count, Escaped, Port, Seconds

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
