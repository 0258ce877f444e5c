"""Is HAProxy's table read by the names of its columns, whatever its version and its texts?"""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipwarden.node.haproxy.table import TableError, parse

FIXTURES = Path(__file__).parent / "fixtures"
HEADERS = dict(line.split(" ", 1) for line in (FIXTURES / "haproxy_headers.txt").read_text().splitlines())
TEXTS = st.text(st.characters(exclude_characters="\r\x1c\x1d\x1e", exclude_categories=["Cs"]), max_size=8)


def written(rows: list[list[str]]) -> bytes:
    """Write rows as HAProxy does: a comma behind every field, quotes where they are needed."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([*row, ""] for row in rows)
    return out.getvalue().encode()


def test_a_recorded_answer_is_read_by_its_columns() -> None:
    """With the separator column and the trailing comma of today's versions."""
    table = parse((FIXTURES / "haproxy_stat.csv").read_bytes())
    assert table.column("pxname")[:2] == [b"fe_web", b"be_web"]
    assert table.column("status")[:2] == [b"OPEN", b"UP"]
    assert table.row(1)["check_desc"] == "Layer7 check passed"
    assert table.column("of a version to come") == [b""] * len(table)


@pytest.mark.parametrize("version", HEADERS)
def test_every_version_is_read_by_the_names_of_its_columns(version: str) -> None:
    """From the 83 columns of 1.7 to those of 3.4; each cell comes back in its column."""
    names = HEADERS[version].removeprefix("# ").removesuffix(",").split(",")
    cells = [f"{row}.{name}" for row in ("a", "b") for name in names]
    body = ",".join(cells[: len(names)]) + ",\n" + ",".join(cells[len(names) :]) + ",\n"
    table = parse(f"{HEADERS[version]}\n{body}".encode())
    assert [table.column(name) for name in names] == [[f"a.{name}".encode(), f"b.{name}".encode()] for name in names]
    assert len(names) >= 83


def test_quoted_fields_may_hold_commas_newlines_and_quotes() -> None:
    """As the last words of an agent do."""
    table = parse(b'# pxname,svname,type,last_agt,status,\nbe,s1,2,"a, ""b""\nc",UP,\nbe,s2,2,,DOWN,\n\n')
    assert [table.row(0)["last_agt"], table.row(1)["last_agt"]] == ['a, "b"\nc', ""]
    assert table.column("status") == [b"UP", b"DOWN"]


@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=5))
def test_what_was_written_comes_back(rows: list[tuple[str, str, str]]) -> None:
    """Any text in any column; the csv module is the oracle of how it is written."""
    head = ["# pxname", "svname", "type", "text"]
    # a first field that is empty or begins with a newline cannot be told from an empty line behind the last row
    table = parse(written([head, *([f"p{row[0]}", "s", *row[1:]] for row in rows)]))
    assert [list(table.row(at).values()) for at in range(len(table))] == [[f"p{one[0]}", "s", *one[1:]] for one in rows]


@given(
    st.binary(max_size=200)
    | st.lists(st.sampled_from([b",", b'"', b"\n", b"svname", b"type", b"a", b"\r", b"\0"])).map(b"".join)
)
def test_any_bytes_are_a_table_or_an_error(data: bytes) -> None:
    """Nothing else comes out."""
    for begin in (b"", b"# pxname,", b"# pxname,svname,type,\n"):
        with suppress(TableError):
            table = parse(begin + data)
            assert all(len(table.column(name)) == len(table) for name in table.header)


def test_a_malformed_row_costs_itself_alone() -> None:
    """Unless it is the last one, where the table may have been cut off."""
    table = parse(b"# pxname,svname,type,\na,b,2,\nhalf,\nc,d,2,\ntoo,many,2,3,\n,,\ne,f,2,\n")
    assert table.column("pxname") == [b"a", b"c", b"e"]
    assert table.column("type") == [b"2"] * 3
    assert (len(table), table.lost) == (3, 3)
    assert parse(b"# pxname,svname,type,\na,b,2,\n").lost == 0


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"", "answered with ''"),
        (b"Permission denied\n", "Permission denied"),
        (b"# pxname,svname,\n", "without the columns"),
        (b"# pxname,svname,type,\na,b,\n", "cut off"),
        (b"# pxname,svname,type,\na,b,2,\nc,d", "cut off"),
        (b"# pxname,svname,type,\na,b,c,d,\ne,f,\n", "cut off"),
        (b"# pxname,svname,type," + b"x," * 2000 + b"\n", "too large"),
    ],
)
def test_what_is_no_such_table_says_so(data: bytes, wanted: str) -> None:
    """In one line."""
    with pytest.raises(TableError, match=wanted):
        parse(data)
