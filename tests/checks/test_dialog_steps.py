"""Which texts are steps of a dialog, and which contradict each other?"""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from checks.dialog import dialog
from tests.drive import oneshot
from vipwarden.core.options import UsageError
from vipwarden.core.result import UNKNOWN
from vipwarden.protocol.dialog.step import Step
from vipwarden.protocol.dialog.words import words


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ((), "wants a preset, steps, or a file with steps"),
        (("--preset", "smtp", "-s", "send x"), "wants a preset, steps, or a file with steps"),
        (("-s", "send x"), "no port given"),
        (("-s", "send x", "-p", "1", "--insecure"), "are for TLS, which is not asked for"),
    ],
)
def test_options_that_contradict_each_other(more: tuple[str, ...], text: str) -> None:
    """Are UNKNOWN."""
    result = oneshot(dialog, "-H", "127.0.0.1", *more)
    assert result.state == UNKNOWN
    assert text in result.text


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ("connect", "host, port and TLS are options"),
        ("tcp-check connect port 25", "host, port and TLS are options"),
        ("wait", "a step is send, send-binary, expect or tls"),
        ("", "wants a value"),
        (" ", "a step is send"),
        ("send", "send wants what is sent"),
        ("send a b", "'b' is one word too many: quote what has blanks"),
        ("send 'a", "the quote ' is never closed"),
        (r"send 'a\r\n'", "use double quotes"),
        (r"send \x0", "two hexadecimal digits"),
        ("send-binary 0", "pairs of hexadecimal digits"),
        ("expect string", "expect string wants a pattern"),
        ("expect string ''", "expect string wants a pattern"),
        ("expect regex x", "expect matches by string, rstring, binary, rbinary, not by 'regex'"),
        ("expect rstring (", "no regular expression"),
        ("expect min-recv x string y", "min-recv wants a number"),
        ("expect comment", "comment wants a text"),
        ("comment x", "write the comment at the end"),
    ],
)
def test_what_is_no_step(step: str, text: str) -> None:
    """Is refused, with what is wanted."""
    with pytest.raises(UsageError) as refused:
        oneshot(dialog, "-H", "127.0.0.1", "-p", "1", "--step", step)
    assert text in str(refused.value)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (r"a\ b  c", [b"a b", b"c"]),
        (r"'a \n' " + r'"b \n"', [rb"a \n", b"b \n"]),
        (r"\r\n\t\x00\xff\\", [b"\r\n\t\0\xff\\"]),
        (r"\+\. \"\'\#", [rb"\+\.", b"\"'#"]),
        ("'' a''b", [b"", b"ab"]),
        ("ü", ["ü".encode()]),
        ("\\", [b"\\"]),
    ],
)
def test_the_words_of_a_line(text: str, wanted: list[bytes]) -> None:
    """As HAProxy cuts them."""
    assert words(text) == wanted


@given(st.text(alphabet="ab \\'\"!x0n\x00ü#") | st.text())
@example("expect ! ! string x")
def test_any_text_is_a_step_or_is_refused(text: str) -> None:
    """By ValueError alone."""
    for line in (text, f"send {text}", f"expect rstring {text}"):
        with suppress(ValueError):
            Step(line)
