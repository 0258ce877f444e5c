"""Is a client given the form that it asks for, however it asks?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.http.accept import preferred, wants_gzip

TEXT, OPENMETRICS, OLD = range(3)
OFFERS = (
    ("text/plain", "0.0.4"),
    ("application/openmetrics-text", "1.0.0"),
    ("application/openmetrics-text", "0.0.1"),
)
PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)
PROTOBUF_FIRST = (
    f"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,{PROMETHEUS_3}"
)


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("", TEXT),
        ("*/*", TEXT),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", TEXT),
        ("text/plain", TEXT),
        ("application/openmetrics-text", OPENMETRICS),
        ("APPLICATION/OpenMetrics-Text; VERSION=1.0.0", OPENMETRICS),
        ('application/openmetrics-text; version="1.0.0"', OPENMETRICS),
        ("application/openmetrics-text;version=0.0.1", OLD),
        ("application/openmetrics-text;version=2.0.0", TEXT),
        ("text/plain;version=1.0.0", TEXT),
        (PROMETHEUS_2, OPENMETRICS),
        (PROMETHEUS_3, OPENMETRICS),
        (PROTOBUF_FIRST, OPENMETRICS),
        ("text/plain;version=0.0.4;q=1,application/openmetrics-text;q=0.9", TEXT),
        ("text/plain;q=0.2,application/openmetrics-text;q=0.3", OPENMETRICS),
        ("application/openmetrics-text;q=0.001,text/plain;q=0", OPENMETRICS),
        ("application/openmetrics-text, */*", OPENMETRICS),
        ("application/openmetrics-text,text/plain", OPENMETRICS),
        ("text/plain,application/openmetrics-text", TEXT),
        ("*/*;q=0.5,application/openmetrics-text;q=0", TEXT),
        # nothing that there is
        ("application/json", TEXT),
        ("*/*;q=0", TEXT),
    ],
)
def test_the_best_of_what_is_offered_is_taken(accept: str, wanted: int) -> None:
    """By weight, and the default where nothing is acceptable."""
    assert preferred(accept, OFFERS) == wanted


@pytest.mark.parametrize(
    "element",
    [
        "application/openmetrics-text;q=2",
        "application/openmetrics-text;q=-1",
        "application/openmetrics-text;q=nan",
        "application/openmetrics-text;q=",
        "application openmetrics-text",
        "/openmetrics-text",
        "application/",
        ";;;",
        "\0",
    ],
)
def test_what_is_malformed_counts_for_nothing(element: str) -> None:
    """Alone it gives the default, and beside something sound it changes nothing."""
    assert preferred(element, OFFERS) == TEXT
    assert preferred(f"{element}, text/plain;q=0.1", OFFERS) == TEXT
    assert preferred(f"application/openmetrics-text;q=0.5, {element}", OFFERS) == OPENMETRICS


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("", False),
        ("gzip", True),
        ("GZip", True),
        ("gzip, deflate, br, zstd", True),
        ("deflate, gzip;q=1.0, *;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip;q=0.000", False),
        ("gzip;q=0.5, identity;q=0.5", True),
        ("identity", False),
        ("*", True),
        ("*;q=0", False),
        ("*, gzip;q=0", False),
        ("br", False),
        ("gzip;q=x", False),
        (",", False),
    ],
)
def test_gzip_is_sent_to_who_takes_it(header: str, wanted: bool) -> None:
    """And to nobody who likes the plain text better."""
    assert wants_gzip(header) is wanted


_PIECES = st.sampled_from(
    [
        "application",
        "openmetrics-text",
        "text",
        "plain",
        "*",
        "/",
        ";",
        ",",
        "q=",
        "version=",
        "0.5",
        "1",
        "1.0.0",
        '"',
        " ",
    ]
)
_HEADERS = st.text() | st.lists(_PIECES, max_size=40).map("".join)


@given(_HEADERS)
def test_any_header_at_all_has_an_answer(header: str) -> None:
    """One of those on offer."""
    assert preferred(header, OFFERS) in (TEXT, OPENMETRICS, OLD)
    assert wants_gzip(header) in (True, False)


_WEIGHTS = st.integers(0, 1000)


@given(_WEIGHTS, _WEIGHTS)
def test_the_greatest_weight_wins(text: int, openmetrics: int) -> None:
    """Whatever the order, and nothing that weighs nothing."""
    ranges = [f"text/plain;q={text / 1000:.3f}", f"application/openmetrics-text;q={openmetrics / 1000:.3f}"]
    for order in (ranges, ranges[::-1]):
        found = preferred(",".join(order), OFFERS)
        if text > openmetrics or not openmetrics:
            assert found == TEXT
        elif openmetrics > text:
            assert found == OPENMETRICS
