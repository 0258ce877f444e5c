"""Is what keepalived says understood, in each of the forms in which it says it?"""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepalived_scripts.notify.event import Event, EventError, from_line, from_words
from keepalived_scripts.notify.fifo import Lines
from vipwarden.node.keepalived.vrrp_state import STATES, TYPES

NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("line", "kind", "name", "state", "priority"),
    [
        ('INSTANCE "V1" MASTER 100', "INSTANCE", "V1", "MASTER", 100),
        ('GROUP "G 1" FAULT 0', "GROUP", "G 1", "FAULT", 0),
        ('INSTANCE "VI" MASTER_PRIORITY 90', "INSTANCE", "VI", "MASTER_PRIORITY", 90),
        ('INSTANCE "VI" MASTER_RX_LOWER_PRI 90', "INSTANCE", "VI", "MASTER_RX_LOWER_PRI", 90),
        ("VS [192.0.2.10]:tcp:80 UP", "VS", "[192.0.2.10]:tcp:80", "UP", 0),
        ("RS [192.0.2.1]:tcp:80 [192.0.2.10]:tcp:80 DOWN", "RS", "[192.0.2.1]:tcp:80 [192.0.2.10]:tcp:80", "DOWN", 0),
    ],
)
def test_the_lines_of_the_fifo(line: str, kind: str, name: str, state: str, priority: int) -> None:
    """As keepalived writes them."""
    event = from_line(line)
    assert (event.kind, event.name, event.state, event.priority) == (kind, name, state, priority)


@given(
    st.sampled_from(TYPES),
    NAMES,
    st.sampled_from(STATES),
    st.integers(0, 255),
    st.lists(st.text(max_size=9), max_size=3),
)
def test_both_forms_say_the_same(kind: str, name: str, state: str, priority: int, own: list[str]) -> None:
    """And what was understood survives the way through the spool."""
    by_words = from_words([*own, kind, name, state, str(priority)])
    by_line = from_line(f'{kind} "{name}" {state} {priority}')
    assert by_words.words == tuple(own)
    for event in (by_words, by_line):
        assert (event.kind, event.name, event.state, event.priority) == (kind, name, state, priority)
        again = Event.from_dict(json.loads(json.dumps(event.as_dict())))
        assert again.as_dict() == event.as_dict()


@given(st.text(max_size=80))
def test_any_other_line_is_an_error_and_no_crash(text: str) -> None:
    """Whoever may write to the FIFO."""
    with contextlib.suppress(EventError):
        from_line(text)
    with contextlib.suppress(EventError):
        from_words(text.split(" "))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9), lambda inner: st.lists(inner, max_size=3)
)


@given(st.dictionaries(st.sampled_from(Event.__slots__), JSON))
def test_a_broken_piece_of_work_is_an_error_and_no_crash(data: dict[str, object]) -> None:
    """A file that was cut, or put there by somebody else."""
    with contextlib.suppress(EventError):
        Event.from_dict(data)


@given(
    st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["C"]), max_size=20), max_size=9),
    st.data(),
)
def test_lines_are_put_together_however_they_were_cut(lines: list[str], data: st.DataObject) -> None:
    """A pipe gives what it has."""
    whole = "".join(f"{line}\n" for line in lines).encode()
    reader, found = Lines(), []
    while whole:
        size = data.draw(st.integers(1, len(whole)))
        found += reader.feed(whole[:size])
        whole = whole[size:]
    assert found == [line for line in lines if line.encode().strip()]


def test_a_line_without_an_end_is_dropped() -> None:
    """It must not fill the memory, and what comes after it is heard."""
    reader = Lines()
    for _ in range(100):
        assert reader.feed(b"x" * 1000) == []
    assert len(reader.rest) <= 4096
    assert reader.feed(b"\nVS a UP\n")[-1] == "VS a UP"
