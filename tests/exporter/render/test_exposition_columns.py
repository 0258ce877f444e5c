"""Are columns written as single samples would be?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from exporter.render.columns import OneHot, Rows, milliseconds, numbers
from exporter.render.exposition import Family

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


@given(st.dictionaries(st.tuples(TEXTS, TEXTS), st.integers(0, 2**64 - 1) | st.none()))
def test_a_column_is_written_as_a_family_would_be(samples: dict[tuple[str, str], int | None]) -> None:
    """Any labels; an empty value is no sample."""
    family = Family("a", "gauge", "Help.", ("one", "two"))
    for labels, value in samples.items():
        if value is not None:
            family.add(value, *labels)
    column = [b"" if value is None else b"%d" % value for value in samples.values()]
    assert Rows(("one", "two"), samples).lines("a", numbers(column)) == family.lines()


def test_of_rows_with_the_same_labels_the_first_is_written() -> None:
    """Prometheus refuses a scrape that has a series twice."""
    rows = Rows(("a",), [("x",), ("y",), ("x",)])
    assert len(rows) == 3
    assert rows.lines("n", [b"1", b"2", b"3"]) == b'n{a="x"} 1\nn{a="y"} 2\n'
    assert rows.lines("n", [b"", b"2", b"3"]) == b'n{a="y"} 2\n'


@given(
    st.lists(st.binary(max_size=25) | st.integers(-10, 2**70).map(lambda value: b"%d" % value) | st.just(b"9" * 310))
)
def test_only_numbers_pass(column: list[bytes]) -> None:
    """Those that a float can hold, whatever else stands in the column."""
    passed = list(numbers(column)) or [b""] * len(column)
    for value, number in zip(column, passed, strict=True):
        assert number == (value if value.isdigit() and len(value) <= 300 else b"")


@given(st.lists(st.integers(0, 10**19)))
def test_milliseconds_become_seconds(column: list[int]) -> None:
    """Exactly, as a float can be."""
    seconds = milliseconds([b"%d" % value for value in column])
    assert [float(value) for value in seconds] == [value / 1000 for value in column]


def test_what_is_no_time_is_none() -> None:
    """And does not stay in the way of the others."""
    assert milliseconds([b"", b"1500", b"x", b"1 2"]) == [b"", b"1.5", b"", b""]
    assert not milliseconds([b"", b""])


@given(st.lists(st.lists(st.sampled_from([b"", b"UP", b"DOWN", b'"\n']), min_size=3, max_size=3), max_size=4))
def test_states_follow_from_scrape_to_scrape(columns: list[list[bytes]]) -> None:
    """One sample for each state, and only changed rows are written anew."""
    rows = [("x",), ("y",), ('"\n',)]
    every = OneHot("n", ("a",), rows, ("UP", "DOWN"))
    active = OneHot("n", ("a",), rows, ("UP", "DOWN"), active=True)
    for column in columns:
        family, one = Family("n", "gauge", "Help.", ("a", "state")), Family("n", "gauge", "Help.", ("a", "state"))
        for (row,), state in zip(rows, column, strict=True):
            for known in ("UP", "DOWN"):
                if state:
                    family.add(known.encode() == state, row, known)
                if known.encode() == state:
                    one.add(1, row, known)
        assert b"".join(every.lines(column)) == family.lines()
        assert b"".join(active.lines(column)) == one.lines()
