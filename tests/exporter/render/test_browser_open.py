"""What becomes of a page that stays open: changes, choices, pauses, and an exporter that ends?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from exporter.http.server import start
from exporter.sources.checks.source import Checks
from tests.exporter import sample
from tests.exporter.running import nowhere
from vipwarden.core.listen import Listen
from vipwarden.core.result import Result, State
from vipwarden.state.clock import boot
from vipwarden.state.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from exporter.http.server import Server
    from tests.exporter.render.browser import Tab

    Seen = Callable[..., None]


def test_what_changes_changes_in_place(seen: Seen) -> None:
    """Scroll, focus, selection and what was unfolded stay; a change of state is told, and shown without a reload."""
    state = {"web": State.OK}

    def checks() -> Checks:
        many = [Verdict(f"fine-{one}", "port", Result(State.OK, "open"), 0, boot(), 0.1) for one in range(40)]
        web = Verdict("web", "port", Result(state["web"], f"web is {state['web']}"), 0, boot(), 0.1)
        return Checks([*many, web])

    async def look(tab: Tab, _: str, __: Server) -> None:
        await tab.run("document.getElementById('haproxy').scrollIntoView({behavior: 'instant'})")
        api = "[...document.querySelectorAll('details.group')].find((one) => one.textContent.includes('api-1'))"
        await tab.run(f"(window.api = {api}).open = true; window.shop = document.querySelector('details.group')")
        await tab.run("shop.open = false; api.querySelector('summary').focus()")
        await tab.run("getSelection().selectAllChildren(api.querySelector('h4'))")
        before = await tab.run(_KEPT)
        await tab.run("window.stays = true; window.row = document.querySelector('#checks tbody tr')")
        state["web"] = State.CRITICAL
        await tab.run("refresh()")
        await tab.until("document.querySelector('#said').textContent.includes('web: CRITICAL')")
        assert "CRITICAL web web is CRITICAL" in await tab.run(
            "document.getElementById('summary').innerText.replace(/\\s+/g, ' ')"
        )
        assert await tab.run("stays && api.isConnected && api.open && !shop.open")
        place, *kept = await tab.run(_KEPT)
        assert kept == before[1:]
        assert abs(place - before[0]) < 2  # pixels
        assert await tab.run("document.activeElement === api.querySelector('summary')")
        assert (await tab.run("document.title")).startswith("✕ HAProxy mail no answer +8 ")
        state["web"] = State.OK
        await tab.run("refresh()")
        await tab.until("document.querySelector('#said').textContent.includes('web: OK')")
        assert tab.loads == 1

    seen(look, checks=checks)


_READ = "choose(location.href, true)"  # it waits for a reading that is under way
_KEPT = "[api.getBoundingClientRect().top, String(getSelection()), getSelection().anchorOffset]"


def test_choices_are_made_without_a_reload_and_live_in_the_address(seen: Seen) -> None:
    """A search while it is typed, a state, an order: the address has them, and the way back takes them back."""
    rows = "[...document.querySelectorAll('main tbody th')].map((one) => one.firstChild.textContent.trim()).join()"

    async def look(tab: Tab, url: str, __: Server) -> None:
        await tab.run("scrollTo({top: 99999, behavior: 'instant'})")
        await tab.key("/")
        for letter in "L7sts":
            await tab.key(letter)
        await tab.until("document.querySelector('#finding')?.textContent.includes('1 row with L7sts')")
        assert await tab.run(rows) == "shop-2"
        hit = "document.querySelector('.servers tbody tr').getBoundingClientRect()"
        assert await tab.run(f"{hit}.top > 0 && {hit}.bottom < innerHeight")
        assert await tab.run("location.search") == "?find=L7sts"
        assert await tab.run("document.activeElement.id") == "find"
        await tab.run("find.value = ''; find.dispatchEvent(new Event('input'))")
        await tab.until("!document.querySelector('#finding')")
        assert await tab.run("location.search") == ""
        chip = "[...document.querySelectorAll('.chip')].find((one) => one.textContent.includes('DOWN'))"
        await tab.run(f"{chip}.click()")
        await tab.until("document.querySelector('#finding')?.textContent.includes('4 rows in state DOWN')")
        await tab.run("document.querySelector('.servers th:nth-child(5) a').focus()")
        await tab.key("Enter")
        await tab.until("document.querySelector('.servers [aria-sort=descending]')")
        assert await tab.run("location.search") == "?state=DOWN&sort=sessions"
        assert "row" in await tab.run("document.getElementById('said').textContent")
        assert await tab.run("document.activeElement.textContent") == "Sessions"
        await tab.run("history.back()")
        await tab.until("!document.querySelector('[aria-sort]')")
        await tab.run("history.back()")
        await tab.until("!document.querySelector('#finding')")
        assert tab.loads == 1
        changes = [address for address in tab.asked if "version=" in address]
        assert all(address.startswith(f"{url}?") for address in changes)
        await tab.run("refresh()")
        await tab.run("refresh()")
        assert len([address for address in tab.asked if "version=" in address]) > len(changes)

    seen(look)


def test_the_page_says_when_it_is_paused_old_or_left_alone(seen: Seen) -> None:
    """Nothing is asked while it is paused; a dead exporter is told, and its return as well."""

    async def look(tab: Tab, url: str, server: Server) -> None:
        ground = "getComputedStyle(document.getElementById('pause')).backgroundColor"
        before = await tab.run(ground)
        await tab.run("document.getElementById('pause').click()")
        assert (await tab.run("document.title")).startswith("‖ paused: ✕ HAProxy mail no answer +")
        assert await tab.run(ground) != before
        asked = tab.asked.count(url)
        await tab.run("refresh()")
        await tab.run("document.querySelector('.problems a').click()")
        await tab.until("document.querySelector('main :target')")
        await tab.run("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))")
        assert tab.asked.count(url) == asked
        await tab.run("document.getElementById('pause').click()")
        await tab.until("document.documentElement.classList.contains('is-live')")
        assert tab.asked.count(url) > asked
        await server.cleanup()
        await tab.run("refresh()")
        await tab.until(
            "document.getElementById('stale').textContent.includes('does not answer. What is below was read at ')"
        )
        assert await tab.run("!document.getElementById('stale').hidden")
        assert (await tab.run("document.title")).startswith("? not current: ✕ HAProxy mail no answer +")
        tab.said.clear()  # the browser tells of refused connections

    seen(look)


def test_a_clock_that_is_set_and_a_long_sleep_stop_nothing(seen: Seen) -> None:
    """The next reading comes within a minute, and nothing is older than it is."""

    async def look(tab: Tab, _: str, server: Server) -> None:
        await tab.run("window.asIs = Date.now; window.waits = []; window.later = setTimeout")
        await tab.run("setTimeout = (what, wait, ...more) => { waits.push(wait); return later(what, wait, ...more); }")
        await tab.run("window.jump = 0; Date.now = () => asIs() + (jump += 8 * 3600e3)")
        await tab.run(_READ)
        assert 5000 <= max(await tab.run("waits")) <= 60_000  # milliseconds
        await tab.run("Date.now = () => asIs() - 86400e3")
        await server.cleanup()
        await tab.run(_READ)
        await tab.until("document.getElementById('stale').textContent.includes(', 0 s ago')")
        tab.said.clear()  # the browser tells of refused connections

    seen(look)


def test_an_exporter_that_is_started_anew_goes_on_in_an_open_page(seen: Seen, tmp_path: Path) -> None:
    """It knows no version of the page, and sends all of it; what the reader chose and unfolded stays.

    It may be that of another node, to which the address has moved: then the page has its name.
    """

    async def look(tab: Tab, url: str, server: Server) -> None:
        await tab.run("pause.click(); document.getElementById('legend').open = true; window.stays = true")
        await tab.run("choose('?find=shop', true)")
        await tab.until("document.getElementById('finding')?.textContent.includes('with shop')")
        await server.cleanup()
        await tab.run(_READ)
        await tab.until("document.title.startsWith('? not current')")
        tab.said.clear()  # the browser tells of refused connections
        known = replace(nowhere(tmp_path / "anew"), listen=(Listen(url.split("/")[2]),), node="lb2.example.net")
        anew = await start(known)
        anew._answers.frame.sources = sample.node()
        try:
            await tab.run(_READ)
            await tab.until("!document.title.startsWith('? not current') && document.getElementById('stale').hidden")
            assert await tab.run("stays && location.search === '?find=shop'")
            assert "with shop" in await tab.run("document.getElementById('finding').textContent")
            assert await tab.run("document.querySelector('h1').textContent") == "lb2.example.net"
            assert tab.loads == 1
        finally:
            await anew.cleanup()

    seen(look)
