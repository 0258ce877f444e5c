"""Is what clients noticed told, and compared, as it was?"""

from __future__ import annotations

from tests.lab.noticed import clients, more_with_ours, starved

TEXT = "10.1 0.01 ok:web1\n10.0 0.01 ok:web1\n10.2 0.70 silence\n10.4 0.01 ok:web2\n10.3 0.01 status-503\n10.5 0.0"


def test_requests_count_by_when_they_began_however_late_they_end() -> None:
    """The line that is not yet whole is left out."""
    seen = clients(TEXT)
    assert (seen.asked, seen.failed, seen.over, seen.pages) == (5, 2, True, {"web1", "web2"})
    assert round(seen.outage, 3) == 0.2


def test_an_outage_that_goes_on_says_so() -> None:
    """And lasts until the last failed request was over."""
    seen = clients(TEXT, until=10.3)
    assert (seen.asked, seen.failed, seen.over, round(seen.outage, 3)) == (3, 1, False, 0.7)
    assert clients(TEXT, since=10.35).failed == 0
    assert clients("") == (0, 0, 0.0, True, set())


def test_rows_are_compared_by_scenario_where_both_sides_were_asked() -> None:
    """Up to the few requests that two runs of one side may differ by."""
    rows = [
        {"scenario": name, "side": side, "failed": f"{failed}/120", "wanted": 120}
        for name, failures in {"alike": (4, 7), "more": (4, 8), "less": (30, 8)}.items()
        for side, failed in zip(("tutorial", "ours"), failures, strict=True)
    ]
    rows += [
        {"scenario": "no clients", "side": "ours"},
        {"scenario": "one side", "side": "ours", "failed": "9/9", "wanted": 9},
    ]
    assert more_with_ours(rows) == ["more"]
    rows[2]["failed"] = "4/80"
    assert (starved(rows), more_with_ours(rows)) == (["more"], [])
