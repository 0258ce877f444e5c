"""Have rows and their heads room in a real browser: long names, large numbers, thousands of rows?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.exporter import sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.http.server import Server
    from tests.exporter.render.browser import Tab

    Seen = Callable[..., None]


def test_rows_are_dense_and_their_heads_stay_in_sight(seen: Seen) -> None:
    """A row has at most 24 pixels; name of the backend and heads of its columns stand above it wherever it is."""

    async def look(tab: Tab, _: str, __: Server) -> None:
        heights = await tab.run(
            "[...document.querySelectorAll('tbody tr, details.group:not([open])')]"
            ".map((one) => one.getBoundingClientRect().height).filter(Boolean)"
        )
        assert len(heights) > 20
        assert max(heights) <= 24
        await tab.look(1280, 300)
        row = "[...document.querySelectorAll('.servers tbody tr')].find((one) => one.textContent.includes('shop-6'))"
        await tab.run(f"(window.row = {row}).scrollIntoView({{behavior: 'instant', block: 'start'}})")
        await tab.run("scrollBy({top: -60, behavior: 'instant'})")
        tops = await tab.run(
            "[row.closest('details').querySelector('summary'), row.closest('table').querySelector('th'), row]"
            ".map((one) => one.getBoundingClientRect().top)"
        )
        assert -1 <= tops[0] < 2
        assert tops[0] < tops[1] < tops[2]

    seen(look)


def test_nothing_that_sticks_hides_what_a_link_of_the_headline_leads_to(seen: Seen) -> None:
    """The row of a server below the heads of its group, wide and narrow; nor is it hidden that the page is old."""
    lines = [sample.server("web", one, "DOWN" if one == 11 else "UP") for one in range(24)]
    lines.append(sample.row("web", "BACKEND", 1, "UP"))
    at = "document.elementFromPoint({0}.left + 60, {0}.top + 6)"

    async def look(tab: Tab, _: str, __: Server) -> None:
        link = "[...document.querySelectorAll('.problems a')].find((one) => one.textContent.includes('web-11'))"
        for width in (1280, 390):
            await tab.look(width, 500, motion="reduce")
            await tab.run(f"{link}.click(); window.row = document.querySelector(':target'); 0")
            assert await tab.run(f"row.contains({at.format('row.getBoundingClientRect()')})")
            stale = "document.getElementById('stale')"
            assert await tab.run(f"age('Old.'); {stale}.contains({at.format(stale + '.getBoundingClientRect()')})")
            await tab.run("age(''); location.hash = ''")

    seen(look, haproxy=lambda: sample.haproxy(lines))


def test_long_names_and_large_numbers_are_told_apart(seen: Seen) -> None:
    """A name that is cut is that of the next row, and the begin of a number is another number."""
    columns = ("qcur", "qmax", "scur", "smax", "slim", "econ", "eresp", "hrsp_5xx", "wretr", "dreq", "chkdown", "rate")
    large = dict.fromkeys(columns, 98765432) | {"bin": 10**16, "bout": 10**18, "downtime": 10**7}
    lines = [sample.server(f"backend-of-customer-{one:05}", one, "UP", **large) for one in range(3)]
    lines += [sample.row(f"backend-of-customer-{one:05}", "BACKEND", 1, "UP", **large) for one in range(3)]

    async def look(tab: Tab, _: str, __: Server) -> None:
        for width in (1280, 1900, 390):
            await tab.look(width, motion="reduce")
            assert await tab.run("document.querySelectorAll('.servers tbody th').length") == 3
            await tab.run("document.querySelectorAll('#haproxy details').forEach((one) => { one.open = true; })")
            assert await tab.run(_HALF) == []
            assert await tab.run("document.documentElement.scrollWidth") <= width

    vips, vrrp = sample.keepalived()
    for one in vrrp.instances:
        one.name = f"VI_production_frontend_of_the_customers_portal_{one.vrid}"
    seen(look, haproxy=lambda: sample.haproxy(lines), vip=lambda: vips, vrrp=lambda: vrrp)


# a cell whose first text has no room, with an ellipsis where more follows
_HALF = """[...document.querySelectorAll('.servers tbody :is(th, td)')].filter((one) => {
  if (one.firstChild?.nodeType !== 3 || one.matches('.check')) return false;
  const text = document.createRange(), own = one.getBoundingClientRect();
  text.selectNode(one.firstChild);
  return text.getBoundingClientRect().right > own.right - (one.children.length && one.matches('td') ? 8 : 0) + 1;
}).map((one) => one.outerHTML)"""


@pytest.mark.parametrize("what", ["haproxy", "ipvs"])
def test_a_large_node_stays_usable(seen: Seen, what: str) -> None:
    """200 backends of 20 servers, or 1000 real servers: brought up to date in place before anybody would notice."""
    lines = [sample.server(f"be-{one // 20}", one % 20, "UP") for one in range(4000)]
    lines += [sample.row(f"be-{one}", "BACKEND", 1, "UP", scur=3, bin=1, bout=1) for one in range(200)]
    servers = [(f"198.18.{one // 250}.{one % 250}", 10, 3) for one in range(1000)]
    collectors: dict[str, dict[str, Callable[[], object]]] = {
        "haproxy": {"haproxy": lambda: sample.haproxy(lines)},
        "ipvs": {"ipvs": lambda: sample.ipvs(0, [sample.service("192.0.2.10", 80, servers, 0)])},
    }

    async def look(tab: Tab, _: str, __: Server) -> None:
        await tab.run("(async () => { window.text = await (await fetch('/')).text(); })()")
        before = await tab.cpu()
        await tab.run("show(new DOMParser().parseFromString(window.text, 'text/html'))")
        assert 0 < await tab.cpu() - before < 0.5  # seconds
        assert await tab.run("document.documentElement.scrollHeight") < 25_000
        assert await tab.run("document.querySelectorAll('tr[id]').length") <= 1000

    seen(look, **collectors[what])
