"""Do states, results and lines hold what the front ends rely on?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Metric, Range, Result, State, bug, one_line

NAMES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


def test_states_are_the_exit_codes_of_a_plugin() -> None:
    """In Nagios' order, so that max() is the worst."""
    assert [int(state) for state in (OK, WARNING, CRITICAL, UNKNOWN)] == [0, 1, 2, 3]
    assert max(OK, CRITICAL, WARNING) is CRITICAL
    assert [str(State(number)) for number in range(4)] == list(NAMES)
    assert f"{OK} {CRITICAL!r}" == "OK CRITICAL"


@pytest.mark.parametrize("text", ["ok", "OK", "Ok", "0"])
def test_a_state_is_written_by_name_in_any_case_or_by_number(text: str) -> None:
    """As an operator does after refused= or -t 5:."""
    assert State(text) == OK


@given(st.text() | st.integers() | st.sampled_from(["4", "-1", "00", " ok", "critical ", "worse", "", "\u0662", "1.0"]))
def test_a_text_is_a_state_or_a_value_error(text: str | int) -> None:
    """Nothing else comes of it."""
    try:
        state = State(text)
    except ValueError as error:
        assert "ok, warning, critical or unknown" in str(error)  # noqa: PT017
    else:
        assert str(text).upper() in (str(state), str(int(state)))


def test_a_metric_has_the_state_of_its_ranges() -> None:
    """Critical goes first; without ranges it is OK."""
    assert Metric("time", 0.5, "s").state == OK
    assert Metric("time", 0.5, "s", warn=Range("0.1")).state == WARNING
    assert Metric("time", 0.5, "s", warn=Range("0.1"), crit=Range("0.2")).state == CRITICAL


def test_a_result_says_what_it_is() -> None:
    """In a failing test, and in a log of a bug."""
    assert repr(Result(CRITICAL, "it's down")) == 'Result(CRITICAL, "it\'s down")'
    fine = Result(OK, "fine")
    assert (fine.metrics, fine.notes, fine.expired) == ((), (), False)


@given(st.text(st.characters(codec=None)), st.integers(4, 2000))
def test_a_line_is_one_bounded_printable_line(text: str, limit: int) -> None:
    """Whatever a peer sends: also surrogates, which no file takes."""
    line = one_line(text, limit)
    assert len(line) <= limit
    assert line.isprintable()
    assert "  " not in line
    assert line == line.strip()
    line.encode()
    assert one_line(line, limit) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("220 ready\r\n", "220 ready"),
        ("two\nlines", "two lines"),
        ("\x1b[31mred\x1b[0m", "[31mred [0m"),
        ("\x9b31mred", "31mred"),
        ("back\b\b\b\bspace", "back space"),
        ("nul\0", "nul"),
        ("\u202egnp.exe", "gnp.exe"),
        ("a\u2066b\u200fc\u200bd", "a b c d"),
        ("one\u2028two\u2029three\x85four", "one two three four"),
        ("sur\udcffrogate\ud800", "sur rogate"),
        ("grüße 日本", "grüße 日本"),
        ("", ""),
        (" \t\r\n ", ""),
    ],
)
def test_what_a_terminal_would_obey_is_taken_out(text: str, line: str) -> None:
    """Escapes, line ends of every kind and signs that turn the direction of writing round."""
    assert one_line(text) == line


def test_a_huge_text_costs_no_more_than_its_limit() -> None:
    """And its end shows that there was more."""
    line = one_line("x" * 50_000_000, 20)
    assert line == "x" * 17 + "..."
    assert one_line("x" * 20, 20) == "x" * 20


def test_a_bug_names_the_place_where_it_happened() -> None:
    """The deepest one, for the call to the check is always the same."""

    def inner() -> None:
        raise KeyError("oops")

    try:
        inner()
    except KeyError as error:
        result = bug("port", error)
    assert result.state is UNKNOWN
    line = inner.__code__.co_firstlineno + 1
    assert result.text == f"internal error in port: KeyError: 'oops' at {__file__}:{line}"


def test_a_bug_that_was_never_raised_has_no_place() -> None:
    """And still a text."""
    assert bug("port", ValueError("x")).text == "internal error in port: ValueError: x at an unknown place"
