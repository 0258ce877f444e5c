"""What does the page say?"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tests.exporter.render.reading import Page
from tests.exporter.running import ask, nowhere
from tests.servers.haproxy import haproxy, wait_for
from tests.servers.ports import free_ports
from vipwarden.core.result import Result, State
from vipwarden.node.haproxy.source import Source
from vipwarden.state.files import ready
from vipwarden.state.publish import publish

if TYPE_CHECKING:
    from exporter.settings import Settings

FIXTURES = Path(__file__).parents[2] / "node" / "fixtures"


def page(known: Settings) -> Page:
    """Open the page."""
    answer = ask(known, "/")[0]
    assert answer.status == 200
    return Page(answer.body)


def say(folder: Path, name: str, state: State, text: str) -> None:
    """Publish a verdict."""
    ready(f"{folder}/verdict")
    publish(f"{folder}/verdict", name, "port", Result(state, text), 0.1)


def test_an_empty_node_says_of_each_section_why_it_is_empty(tmp_path: Path) -> None:
    """And does not claim that all is well."""
    text = page(nowhere(tmp_path)).text
    assert "Nothing to watch here yet" in text
    assert f"no keepalived.conf at {tmp_path}/keepalived.conf" in text
    assert f"no check has published a verdict in {tmp_path}/verdict yet" in text
    assert f"no haproxy.cfg at {tmp_path}/haproxy.cfg" in text
    assert "the kernel of this node does no IPVS" in text


def test_the_worst_comes_first(tmp_path: Path) -> None:
    """CRITICAL before UNKNOWN before WARNING, and OK not at all."""
    for name, state in (
        ("a-warns", State.WARNING),
        ("b-fine", State.OK),
        ("c-odd", State.UNKNOWN),
        ("d-broken", State.CRITICAL),
    ):
        say(tmp_path, name, state, f"what {name} said")
    found = page(nowhere(tmp_path))
    assert "3 things are wrong" in found.text
    problems = re.search(r'<ul class="problems">.*?</ul>', found.html, re.DOTALL)
    assert problems
    assert re.findall(r"<a [^>]*>(.*?)</a>", problems[0]) == ["d-broken", "c-odd", "a-warns"]
    assert "<title>✕ d-broken CRITICAL +2 " in found.html


def test_nothing_is_wrong_where_every_check_is_fine(tmp_path: Path) -> None:
    """In so many words."""
    say(tmp_path, "web", State.OK, "open")
    assert "Nothing is wrong on this node" in page(nowhere(tmp_path)).text


def test_a_source_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    """With its reason."""
    (tmp_path / "keepalived.conf").write_text("include keepalived.conf\n", encoding="utf-8")
    text = page(nowhere(tmp_path)).text
    assert "1 thing is wrong" in text
    assert text.count("include itself") == 2  # among the problems, and in its section


def test_what_a_check_says_cannot_become_markup(tmp_path: Path) -> None:
    """Neither its text nor its name."""
    say(tmp_path, "<b>name</b>\"'", State.CRITICAL, "</td><script>alert(1)</script><img src=x onerror=alert(1)>")
    found = page(nowhere(tmp_path))
    assert "<script>alert(1)</script>" in found.text
    assert len([tag for tag, _ in found.tags if tag == "script"]) == 1
    assert not [tag for tag, _ in found.tags if tag == "b"]
    assert len([tag for tag, _ in found.tags if tag == "img"]) == 1
    assert not [name for _, attributes in found.tags for name in attributes if name.startswith("on")]


def test_a_name_that_is_no_unicode_breaks_neither_page_nor_scrape(tmp_path: Path) -> None:
    """As a file in the folder of verdicts may have."""
    say(tmp_path, "web", State.OK, "open")
    (tmp_path / "verdict" / "web").rename(tmp_path / "verdict" / os.fsdecode(b"\xffweb"))
    for answer in ask(nowhere(tmp_path), "/", "/metrics"):
        assert answer.status == 200
        assert "?web" in answer.body


def test_the_page_holds_to_its_content_security_policy(tmp_path: Path) -> None:
    """No style and no script but those of its own files."""
    say(tmp_path, "web", State.OK, "open")
    found = page(nowhere(tmp_path))
    for tag, attributes in found.tags:
        assert tag != "style"
        assert not [name for name in attributes if name == "style" or name.startswith("on")]


def test_haproxy_and_ipvs_are_shown_with_what_is_down(tmp_path: Path) -> None:
    """A real HAProxy, and the table of a kernel."""
    (tmp_path / "proc" / "net").mkdir(parents=True)
    shutil.copy(FIXTURES / "ip_vs_kinds", tmp_path / "proc" / "net" / "ip_vs")
    shutil.copy(FIXTURES / "ip_vs_stats", tmp_path / "proc" / "net" / "ip_vs_stats")
    front, closed = free_ports(2)
    body = f"""
listen shop
  bind 127.0.0.1:{front}
  server one 127.0.0.1:{front} check inter 50
  server two 127.0.0.1:{closed} check inter 50 fall 1
  server three 127.0.0.1:{front} disabled
backend dead
  server four 127.0.0.1:{closed} check inter 50 fall 1
"""
    with haproxy(body) as path:
        for server in ("shop/two", "dead/four"):
            wait_for(path, server, "DOWN")
        found = page(nowhere(tmp_path, haproxy=(Source(path),)))
    text = found.text
    assert "4 things are wrong" in text  # a server, a whole backend, UDP without servers, and a weight of 0
    assert "server shop/two L4CON" in text
    assert "shop ! UP 1 of 3 up" in text
    assert "backend dead none of 1 server is up" in text
    assert "IPVS UDP 192.0.2.1:53 no real servers" in text
    assert "TCP [2001:db8::10]:443" in text
    assert "firewall mark 10" in text
    assert "MAINT" in text


def test_every_table_has_a_caption_and_every_head_a_scope(tmp_path: Path) -> None:
    """For who hears the page."""
    shutil.copy(FIXTURES / "lvs.keepalived.conf", tmp_path / "keepalived.conf")
    say(tmp_path, "web", State.OK, "open")
    found = page(nowhere(tmp_path))
    tags = [tag for tag, _ in found.tags]
    assert tags.count("table") == tags.count("caption") == 2
    assert all("scope" in attributes for tag, attributes in found.tags if tag == "th")
    assert "10.10.0.10 ○ not here VI_FRONT, whose state is not known eth0 51" in found.text


def test_what_belongs_to_the_page_has_addresses_that_change_with_it(tmp_path: Path) -> None:
    """And each of them is answered."""
    known = nowhere(tmp_path)
    addresses = set(re.findall(r'"(static/[^"]+)"', page(known).html))
    assert {address.partition("?")[0] for address in addresses} == {f"static/{name}" for name in _STATIC_FILES}
    assert all(re.fullmatch(r"[0-9a-f]{12}", address.partition("?")[2]) for address in addresses)
    answers = ask(known, *(f"/{address}" for address in addresses))
    assert [answer.status for answer in answers] == [200] * len(_STATIC_FILES)
    assert all(answer.headers["ETag"] and answer.headers["Cache-Control"] == "no-cache" for answer in answers)


_STATIC_FILES = ("icon.svg", "page.css", "page.js")


def test_without_a_script_the_page_reloads_itself_and_has_a_link_for_it(tmp_path: Path) -> None:
    """Both for those alone who run no script."""
    html = page(nowhere(tmp_path)).html
    assert '<noscript><meta http-equiv="refresh" content="30"></noscript>' in html
    assert '<noscript><a href="">Reload</a></noscript>' in html


def test_what_is_looked_for_is_shown_alone_and_as_text(tmp_path: Path) -> None:
    """What is wrong elsewhere is told nevertheless."""
    say(tmp_path, "web", State.OK, "open")
    say(tmp_path, "mail", State.CRITICAL, "closed")
    known = nowhere(tmp_path)
    found, hostile = (Page(answer.body) for answer in ask(known, "/?find=WEB", "/?find=%3Cb%3E%00%ff"))
    assert "1 row with WEB in name, state or result. Show all" in found.text
    assert "1 thing is wrong Show them ✕ CRITICAL mail closed" in found.text
    assert re.findall(r'<th scope="row">(\w+)', found.html) == ["web"]
    assert '<section id="haproxy"' not in found.html
    assert "0 rows with <b> " in hostile.text
    assert not [tag for tag, _ in hostile.tags if tag == "b"]
