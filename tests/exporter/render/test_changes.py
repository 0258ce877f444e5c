"""Is an earlier version and what has changed since then the whole page?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from exporter.render.changes import Versions
from tests.exporter.running import nowhere, request, serving

if TYPE_CHECKING:
    from pathlib import Path

LINES = st.lists(st.sampled_from(["", "a", "b", "<tr>", "é", "c"]), max_size=30)


def applied(before: list[str], changes: bytes) -> list[str]:
    """Return the page that a browser makes of it, as page.js does."""
    lines: list[str] = []
    for part in json.loads(changes):
        lines += [part] if isinstance(part, str) else before[part[0] : part[0] + part[1]]
    return lines


@given(LINES, LINES)
def test_the_changes_make_the_page(before: list[str], after: list[str]) -> None:
    """Whatever came, went or moved."""
    versions = Versions()
    name = versions.note("\n".join(before).encode()).decode()
    assert versions.knows(name)
    page = "\n".join(after)
    assert "\n".join(applied("\n".join(before).split("\n"), versions.changes(name, page.encode()))) == page


def test_one_percent_of_change_is_few_bytes() -> None:
    """At most a tenth of the page, also where rows move."""
    before = [f"<tr id=k{row}><td>row {row} {'x' * 200}</td></tr>" for row in range(5000)]
    after = [f"<tr id=k{row}>new</tr>" if row % 100 == 0 else line for row, line in enumerate(before)]
    after = after[2500:] + after[:2500]
    versions = Versions()
    name = versions.note("\n".join(before).encode()).decode()
    page = "\n".join(after).encode()
    changes = versions.changes(name, page)
    assert applied(before, changes) == after
    assert len(changes) < len(page) / 50


def test_old_versions_are_forgotten() -> None:
    """Of an unknown one the answer is the whole page."""
    versions = Versions()
    names = [versions.note(str(number).encode()).decode() for number in range(200)]
    assert [versions.knows(name) for name in (names[0], names[-1], "", "x" * 10_000)] == [False, True, False, False]
    assert applied([], versions.changes(names[0], b"a\nb")) == ["a", "b"]


def test_an_answer_has_what_has_changed_since_a_version(tmp_path: Path) -> None:
    """If it is known, else the whole page, both with the name of their version."""

    def work(port: int) -> None:
        whole = request(port, "/")
        version = whole.headers["Page-Version"]
        changes = request(port, f"/?version={version}")
        assert changes.headers["Content-Type"] == "application/json"
        assert changes.headers["Cache-Control"] == "no-store"
        page = "\n".join(applied(whole.body.split("\n"), changes.body.encode()))
        assert page.startswith("<!doctype html>")
        assert len(changes.body) < len(whole.body) / 5
        again = request(port, f"/?version={changes.headers['Page-Version']}")
        assert "</html>" in "\n".join(applied(page.split("\n"), again.body.encode()))
        for unknown in ("", "0" * 24, "%00", "x" * 2000):
            assert request(port, f"/?version={unknown}").body.startswith("<!doctype html>")

    serving(nowhere(tmp_path), work)
