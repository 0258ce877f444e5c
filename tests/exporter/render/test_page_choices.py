"""Which rows does the reader choose, and in which order?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from exporter.render.choices import Choices
from tests.exporter import sample
from tests.exporter.render.reading import outcomes

if TYPE_CHECKING:
    from tests.exporter.render.reading import Page, Shown


def _rows(page: Page) -> list[str]:
    return re.findall(r'<th scope="row">([^ <]+)', page.html)


def test_states_are_counted_and_choose_the_rows(show: Shown) -> None:
    """Each state with the number of its rows, the worst first; nothing else is left on the page."""
    told = outcomes(haproxy=sample.haproxy(), checks=sample.checks())
    chips = show(told).text
    assert "HAProxy ✕ DOWN 4 ↓ DRAIN 1 ‖ MAINT 1 ○ no check 1 ✓ UP 5 ✓ OPEN 2" in chips.replace("haproxy", "HAProxy")
    found = show(told, state="down")
    assert _rows(found) == ["legacy-1", "legacy-2", "shop-3", "shop-6"]
    assert "4 rows in state down . Show all" in found.text
    assert "checks" not in re.findall(r'<section id="(\w+)"', found.html)
    assert ("a", {"class": "chip bad", "href": "./", "aria-current": "true"}) in found.tags
    assert _rows(show(told, "shop", state="UP")) == ["shop-1", "shop-2", "shop-7"]


def test_a_search_finds_states_and_results_of_checks(show: Shown) -> None:
    """Of a server, and of a check."""
    told = outcomes(haproxy=sample.haproxy(), checks=sample.checks())
    assert _rows(show(told, "l7sts")) == ["shop-2"]
    assert _rows(show(told, "drain")) == ["shop-5"]
    assert _rows(show(told, "replica lag")) == ["replica_db"]


def test_a_search_finds_what_an_instance_tracks_and_where_its_addresses_are(show: Shown) -> None:
    """A script also where no instance is found: nothing is said to be missing that is only not looked for."""
    vips, vrrp = sample.keepalived()
    told = outcomes(vip=vips, vrrp=vrrp)
    assert _rows(show(told, "chk_mail")) == ["192.0.2.25", "VI_MAIL", "chk_mail"]
    assert _rows(show(told, "eth1")) == ["198.51.100.1"]
    found = show(told, state="GOOD")
    assert _rows(found) == ["chk_haproxy"]
    assert "no VRRP instance" not in found.text


def test_services_without_room_are_not_said_to_be_missing(show: Shown) -> None:
    """After a thousand backends the page has none left for IPVS; a search finds them."""
    lines = [sample.server(f"b{one}", 1, "UP") for one in range(1001)]
    lines += [sample.row(f"b{one}", "BACKEND", 1, "UP") for one in range(1001)]
    told = outcomes(haproxy=sample.haproxy(lines), ipvs=sample.ipvs(0))
    text = show(told).text
    assert "4 virtual services without room on this page: find one by its address above." in text
    assert "no virtual service" not in text
    assert "192.0.2.20:3306" in show(told, "192.0.2.20").text


@pytest.mark.parametrize(
    ("sort", "first"),
    [
        ("sessions", ["legacy-2", "legacy-1", "api-3"]),
        ("-sessions", ["shop-3"]),
        ("errors", ["shop-3"]),
        ("-server", ["shop-7", "shop-6"]),
        ("state", ["shop-3", "shop-6"]),
        ("nonsense", ["legacy-1"]),
    ],
)
def test_rows_are_in_the_order_of_a_column(show: Shown, sort: str, first: list[str]) -> None:
    """And the backends in that of their first rows; the head says so, and turns the order."""
    lines = [
        line.replace("legacy-1,0,3,0", "legacy-1,0,3,900").replace("legacy-2,0,3,0", "legacy-2,0,3,901")
        for line in sample.proxies(0)
    ]
    found = show(outcomes(haproxy=sample.haproxy(lines)), sort=sort)
    servers = [row for row in _rows(found) if "-" in row]
    assert servers[: len(first)] == first
    heads = [attributes for tag, attributes in found.tags if tag == "th" and "aria-sort" in attributes]
    assert {head["aria-sort"] for head in heads} <= {
        "ascending" if sort.startswith("-s") and sort != "-server" else "descending"
    }
    assert bool(heads) == (sort != "nonsense")
    assert len(servers) == 12


@pytest.mark.parametrize(
    ("sort", "first"),
    [
        ("-tracked-scripts", ["VI_DB", "VI_MAIL", "VI_WEB"]),
        ("lost-master", ["VI_WEB", "VI_MAIL", "VI_DB"]),
        ("-vips-held", ["VI_MAIL", "VI_DB", "VI_WEB"]),
        ("-why", ["192.0.2.10", "192.0.2.20", "2001:db8::10", "192.0.2.25", "198.51.100.1"]),
        ("vrid", ["192.0.2.25", "198.51.100.1", "192.0.2.10"]),
    ],
)
def test_every_head_sorts_its_column(show: Shown, sort: str, first: list[str]) -> None:
    """By a number, or by what the cell says."""
    vips, known = sample.keepalived()
    found = show(outcomes(vip=vips, vrrp=known, checks=sample.checks(), haproxy=sample.haproxy()), sort=sort)
    names = [row for row in _rows(found) if row.startswith("VI_") == first[0].startswith("VI_")]
    assert names[: len(first)] == first
    heads = re.findall(r'<th scope="col"[^>]*>(.*?)</th>', found.html.replace('<table class="sticks">', ""))
    assert [head for head in heads if not head.startswith("<a ")] == ["Table", "Type", "Used"]


def test_hostile_choices_stay_words(show: Shown) -> None:
    """Of an address that somebody else wrote."""
    evil = '"><script>alert(1)</script>&'
    found = show(outcomes(haproxy=sample.haproxy()), evil, state=evil, sort=evil)
    assert len([tag for tag, _ in found.tags if tag == "script"]) == 1
    assert Choices.of({"find": "x" * 10_000, "sort": "\0\n"}) == ("x" * 97 + "...", "", "")
