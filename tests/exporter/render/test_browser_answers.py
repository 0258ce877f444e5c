"""What does an open page make of answers that are late, not whole, not of the exporter, or hostile?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.exporter import sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from exporter.http.server import Server
    from tests.exporter.render.browser import Tab

    Seen = Callable[..., None]

_READ = "choose(location.href, true)"  # it waits for a reading that is under way
_SAYS = "document.getElementById('stale').textContent.includes({!r}) && !document.getElementById('stale').hidden"
_ROWS = "document.querySelectorAll('main tbody tr').length"


def test_an_answer_that_is_no_whole_page_is_told_and_changes_nothing(seen: Seen) -> None:
    """Cut off by a proxy, the page of a login, a program's: the last page stays to be read, and is called old."""

    async def look(tab: Tab, url: str, _: Server) -> None:
        await tab.run("pause.click(); window.real = fetch; window.stays = true")
        whole = await tab.run(
            "(async () => { window.whole = await (await fetch('./')).text(); return whole.length; })()"
        )
        await tab.run("window.answer = (text, kind) => new Response(text, {headers: {'Content-Type': kind}})")
        await tab.run("window.say = (text, kind) => { window.fetch = async () => answer(text, kind); }")
        rows = await tab.run(_ROWS)
        for given in (
            "whole.slice(0, -20)",
            f"whole.slice(0, {whole // 2})",
            "whole.slice(0, 300)",
            "''",
            "'<p>Log in</p></html>'",
        ):
            await tab.run(f"say({given}, 'text/html'); known = {{ address: '', version: '', lines: [] }}; age('')")
            await tab.run(_READ)
            await tab.until(_SAYS.format("The answer is not the whole page of a node: reload"))
        for given in ("'{}'", "'[[0, 3]]'", "'[[0, 20], \"a'"):
            await tab.run(f"say({given}, 'application/json'); age('')")
            await tab.run(_READ)
            await tab.until("!document.getElementById('stale').hidden")
        assert await tab.run(_ROWS) == rows
        assert await tab.run("stays")
        await tab.run("window.fetch = real")
        await tab.run(_READ)
        await tab.until("document.getElementById('stale').hidden")
        assert tab.loads == 1

    seen(look)


def test_another_version_of_the_exporter_has_its_own_script_and_style(seen: Seen) -> None:
    """The page is loaded anew where one of them is another."""

    async def look(tab: Tab, _: str, __: Server) -> None:
        for name in ("page.css", "page.js"):
            await tab.run("pause.click(); window.stays = true")
            await tab.run("(async () => { window.whole = await (await fetch('./')).text(); })()")
            await tab.run(
                f"window.fetch = async () => new Response(whole.replace('{name}?', '{name}?0'), "
                "{headers: {'Content-Type': 'text/html'}})"
            )
            await tab.loaded(tab.run(f"void {_READ}"))
            assert await tab.run("window.stays === undefined")

    seen(look)


def test_a_password_that_is_wanted_is_asked_for_once(seen: Seen) -> None:
    """The browser asks its user at each 401: the page waits for a reload."""

    async def look(tab: Tab, _: str, __: Server) -> None:
        await tab.run("window.waits = []; window.later = setTimeout")
        await tab.run("setTimeout = (what, ...more) => { waits.push(what.name); return later(what, ...more); }")
        await tab.run("window.fetch = async () => new Response('', {status: 401})")
        await tab.run(_READ)
        await tab.until(_SAYS.format("wants a user and a password: reload this page. What is below was read at "))
        assert "refresh" not in await tab.run("waits")
        await tab.run("window.fetch = async () => new Response('', {status: 503, statusText: 'Busy'})")
        await tab.run(_READ)
        await tab.until(_SAYS.format("The exporter answers 503 Busy."))
        assert "refresh" in await tab.run("waits")

    seen(look)


def test_a_page_that_was_left_alone_is_called_old_before_it_is_read_again(seen: Seen) -> None:
    """A machine that slept, a tab in the background; a listener hears it once, though the age grows."""

    async def look(tab: Tab, _: str, __: Server) -> None:
        await tab.run("window.asIs = Date.now; window.fetch = () => new Promise(() => {})")
        await tab.run("Date.now = () => asIs() + 3 * 3600e3; void refresh()")
        await tab.until(_SAYS.format("has not answered yet. What is below was read at "), 10)
        assert "3 h ago" in await tab.run("document.getElementById('stale').textContent")
        assert not await tab.run("document.documentElement.classList.contains('is-live')")
        alert = "(document.getElementById('stale').cloneNode(true))"
        heard = (
            f"(() => {{ const it = {alert}; it.querySelector('[aria-hidden]').remove(); return it.textContent; }})()"
        )
        before = await tab.run(heard)
        await tab.run("Date.now = () => asIs() + 5 * 3600e3; age('The exporter has not answered yet.')")
        assert "5 h ago" in await tab.run("document.getElementById('stale').textContent")
        assert await tab.run(heard) == before

    seen(look)


def test_a_source_that_hangs_does_not_make_the_page_rare(seen: Seen) -> None:
    """A HAProxy that is stopped costs each page its timeout of 5 s: the next one follows within 15 s."""

    async def look(tab: Tab, _: str, __: Server) -> None:
        await tab.run("pause.click(); window.waits = []; window.later = setTimeout; window.real = fetch")
        noted = "if (what === refresh) waits.push(wait); return later(what, wait, ...all);"
        await tab.run(f"setTimeout = (what, wait, ...all) => {{ {noted} }}")
        for clock in ("performance", "Date"):
            await tab.run(
                f"window.passed = 0; (() => {{ const now = {clock}.now.bind({clock}); "
                f"{clock}.now = () => now() + passed; }})()"
            )
        await tab.run("window.fetch = async (...all) => { const it = await real(...all); passed += 5000; return it; }")
        await tab.run(_READ)
        assert 5000 <= max(await tab.run("waits")) <= 15_000  # milliseconds

    seen(look)


def test_a_choice_that_takes_long_is_seen_to_be_made(seen: Seen) -> None:
    """What is below is not yet what was chosen; nor is it if nothing comes."""

    async def look(tab: Tab, _: str, __: Server) -> None:
        await tab.run("pause.click(); window.fetch = () => new Promise((_, fail) => { window.fail = fail; })")
        await tab.run("void choose('?state=DOWN', false)")
        opacity = "getComputedStyle(document.querySelector('main')).opacity"
        frame = "new Promise((done) => requestAnimationFrame(done))"
        await tab.run(f"(async () => {{ while ({opacity} !== '0.5') await {frame}; }})()")
        await tab.run(f"(async () => {{ fail(); while ({opacity} !== '1') await {frame}; }})()")
        assert not await tab.run("document.getElementById('stale').hidden")

    seen(look)


def test_checks_that_begin_to_fail_are_seen_and_not_heard(seen: Seen) -> None:
    """A listener hears of states, not of each check between two of them."""
    states = iter(["UP", "UP 2/3", "UP 1/3", "UP 2/3", *["DOWN"] * 99])

    def lines() -> list[str]:
        return [sample.server("web", 1, next(states)), sample.row("web", "BACKEND", 1, "UP")]

    async def look(tab: Tab, _: str, __: Server) -> None:
        await tab.run("pause.click(); window.heard = []; window.tellAsIs = tell")
        await tab.run("tell = (...all) => { tellAsIs(...all); heard.push(byId('said').textContent); }")
        row = "document.querySelector('.servers tbody tr').textContent"
        while "DOWN" not in await tab.run(row):
            await tab.run(_READ)
        heard = [text for text in await tab.run("heard") if "web" in text]
        assert heard
        assert all("web-1: DOWN" in text for text in heard)

    seen(look, haproxy=lambda: sample.haproxy(lines()))


def test_rows_of_one_name_or_without_a_name_stay_rows(seen: Seen) -> None:
    """Whatever a HAProxy calls them: each refresh has them all."""
    names = ["same", "same", "", "\u202e", "x" * 300 + "1", "x" * 300 + "2", "<b>", "Web", "web", "\U0001f600'\"&"]
    turn = [0]

    def lines() -> list[str]:
        turn[0] += 1
        servers = [
            sample.row("be", name.replace('"', ""), 2, "UP" if turn[0] % 2 else "DOWN", scur=turn[0]) for name in names
        ]
        return [*servers, sample.row("be", "BACKEND", 1, "UP"), sample.row("", "BACKEND", 1, "UP")]

    async def look(tab: Tab, _: str, __: Server) -> None:
        await tab.run("pause.click()")
        rows = "document.querySelectorAll('#haproxy .servers tbody tr').length"
        for _turn in range(4):
            await tab.run(_READ)
            assert await tab.run(rows) == len(names)
            assert await tab.run("document.getElementById('stale').hidden")

    seen(look, haproxy=lambda: sample.haproxy(lines()))
