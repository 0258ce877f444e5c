"""Does Prometheus' own parser read back what was written?"""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from exporter.exposition import Family, number, render


def parsed(*families: Family) -> list[tuple[str, str, str, list[tuple[str, dict[str, str], float]]]]:
    """Return name, type, help and samples of each family as the parser sees them."""
    text = render(families).decode()
    return [
        (found.name, found.type, found.documentation, [(one.name, one.labels, one.value) for one in found.samples])
        for found in text_string_to_metric_families(text)
    ]


@given(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.floats(allow_nan=False) | st.integers(-(2**63), 2**64),
)
def test_any_label_and_any_number_come_back(first: str, second: str, value: float) -> None:
    """Quotes, backslashes, newlines and every script of the world."""
    family = Family("a_metric", "gauge", "Help.", ("one", "two"))
    family.add(value, first, second)
    assert parsed(family) == [("a_metric", "gauge", "Help.", [("a_metric", {"one": first, "two": second}, value)])]


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"], include_characters="\n\\ "), min_size=1)
)
def test_any_help_comes_back(text: str) -> None:
    """On one line."""
    family = Family("a", "gauge", f"x{text}x")
    family.add(1)
    assert parsed(family)[0][2] == f"x{text}x"


@given(st.text())
def test_text_that_is_no_unicode_breaks_no_scrape(text: str) -> None:
    """Lone surrogates, as of file names, become question marks."""
    family = Family("a", "gauge", "Help.", ("b",))
    family.add(1, text)
    assert len(parsed(family)[0][3]) == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "1"),
        (0, "0"),
        (2.0, "2"),
        (-2.5, "-2.5"),
        (1e-07, "1e-07"),
        (2**64, "18446744073709551616"),
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
    ],
)
def test_numbers_are_written_as_go_reads_them(value: float, text: str) -> None:
    """Whole ones without a fraction, counters with every digit."""
    assert number(value) == text


def test_a_family_without_samples_is_left_out() -> None:
    """Neither HELP nor TYPE."""
    assert render([Family("a", "gauge", "Help.")]) == b""


def test_a_counter_keeps_its_name_and_its_type() -> None:
    """In this format the _total is part of the name."""
    family = Family("a_total", "counter", "Help.")
    family.add(3)
    assert render([family]) == b"# HELP a_total Help.\n# TYPE a_total counter\na_total 3\n"


def test_a_sample_with_the_same_labels_takes_the_place_of_the_first() -> None:
    """Prometheus refuses a scrape that has a series twice."""
    family = Family("a", "gauge", "Help.", ("b",))
    family.add(1, "x")
    family.add(2, "x")
    assert parsed(family)[0][3] == [("a", {"b": "x"}, 2)]


def test_labels_that_do_not_fit_are_a_bug() -> None:
    """Found where they are given."""
    with pytest.raises(ValueError, match="has the labels"):
        Family("a", "gauge", "Help.", ("b",)).add(1)
