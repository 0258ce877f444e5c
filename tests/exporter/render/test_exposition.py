"""Does Prometheus' own parser read back what was written?"""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families

from exporter.render.exposition import Family, Metric, number, render


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


def openmetrics(*families: Metric) -> list[tuple[str, str, str, str, list[tuple[str, float]]]]:
    """Return name, type, unit, help and samples of each family as the parser of OpenMetrics sees them."""
    text = render(families, openmetrics=True).decode()
    parser: Any = openmetrics_parser
    return [
        (found.name, found.type, found.unit, found.documentation, [(one.name, one.value) for one in found.samples])
        for found in parser.text_string_to_metric_families(text)
    ]


def test_openmetrics_names_a_counter_without_its_total() -> None:
    """Which stands at its samples; the unit is the end of the name."""
    family = Family("a_seconds_total", "counter", 'Help "me".')
    family.add(3)
    assert openmetrics(family) == [("a_seconds", "counter", "seconds", 'Help "me".', [("a_seconds_total", 3)])]
    assert render([family], openmetrics=True).endswith(b"a_seconds_total 3\n# EOF\n")


def test_openmetrics_has_names_that_are_known_without_total_as_unknown() -> None:
    """A counter would have to change its name, and one that falls is none."""
    counter, untyped = Family("a", "counter", "Help."), Family("b_total", "untyped", "Help.")
    for family in (counter, untyped):
        family.add(1)
    assert openmetrics(counter, untyped) == [
        ("a", "unknown", "", "Help.", [("a", 1)]),
        ("b_total", "unknown", "", "Help.", [("b_total", 1)]),
    ]


def test_nothing_is_an_end_alone_in_openmetrics() -> None:
    """The end has to be there."""
    assert render([Family("a", "gauge", "Help.")], openmetrics=True) == b"# EOF\n"


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_both_formats_have_the_same_samples(label: str, help_: str) -> None:
    """Whatever the label and the help are."""
    family = Family("a", "gauge", f"x{help_}", ("b",))
    family.add(1, label)
    (found,) = openmetrics(family)
    assert found[3] == f"x{help_}"
    assert family.lines() in render([family])
    assert family.lines() in render([family], openmetrics=True)


def test_labels_that_do_not_fit_are_a_bug() -> None:
    """Found where they are given."""
    with pytest.raises(ValueError, match="has the labels"):
        Family("a", "gauge", "Help.", ("b",)).add(1)
