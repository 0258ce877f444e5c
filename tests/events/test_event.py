"""What is an event? One line of JSON."""

from __future__ import annotations

import json

from hypothesis import example, given
from hypothesis import strategies as st

from vipwarden.events.event import MOST_LINE, Event, boot_id, decode, line

ANY = st.text(st.characters(codec=None), max_size=2000)
GOOD = json.loads(line("test", 1, "check", "web", state="OK"))


@given(ANY, ANY, ANY, ANY, ANY)
@example("\udcff" * 300, "\0" * 300, "x", "\U0001f600" * 99, "\U0001f600" * 2000)
def test_what_is_written_is_read(name: str, of: str, state: str, before: str, text: str) -> None:
    """Whatever a check or a peer has said: cut, but one line that is an event."""
    data = line("test", 7, "check", name, of=of, state=state, before=before, text=text)
    assert len(data) <= MOST_LINE
    assert data.count(b"\n") == 1
    event = decode(data)
    assert event is not None
    assert (event.name, event.of, event.state) == (name[:200], of[:200], state[:40])
    assert text.startswith(event.text)
    assert event.bid == boot_id()
    assert event.as_dict() == json.loads(data)


def test_an_ordinary_text_is_whole() -> None:
    """Up to 600 characters."""
    event = decode(line("test", 1, "check", "web", text="x" * 700))
    assert event is not None
    assert event.text == "x" * 600


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda data: b"{" + data))
def test_what_is_no_event_is_none(data: bytes) -> None:
    """The record may hold anything after a crash."""
    assert decode(data) is None or isinstance(decode(data), Event)


@given(st.sampled_from(sorted(GOOD)), st.none() | st.text(max_size=3) | st.integers() | st.floats() | st.booleans())
def test_a_field_of_another_type_is_no_event(field: str, value: object) -> None:
    """Neither a number that is infinite, negative or a bool."""
    event = decode(json.dumps({**GOOD, field: value}).encode())
    if event is not None:
        assert type(value) in (type(GOOD[field]), int)
        assert type(value) is not int or value >= 0


def test_a_missing_field_is_no_event() -> None:
    """Of an older or a newer format."""
    for field in GOOD:
        assert decode(json.dumps({key: value for key, value in GOOD.items() if key != field}).encode()) is None


def test_deep_nesting_is_no_event() -> None:
    """Nor an exception."""
    assert decode(b'{"a":' + b"[" * 4000) is None
