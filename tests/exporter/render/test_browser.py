"""How does the page look and read in a real browser, light and dark, wide and narrow, seen and heard?"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from exporter.http.server import Server
    from tests.exporter.render.browser import Tab

    Seen = Callable[..., None]

SETTLED = "document.body.textContent.includes('over the last') && !document.body.textContent.includes('moving')"


def test_the_page_looks_well_wide_and_narrow_light_and_dark(seen: Seen, tmp_path: Path) -> None:
    """Pictures of it, no part of it is cut off, and every text stands out from its ground (WCAG 2.1 AA)."""

    async def look(tab: Tab, _: str, __: Server) -> None:
        await tab.run("window.turn = setInterval(refresh, 500)")
        await tab.until(SETTLED)
        await tab.run("clearInterval(turn); pause.click()")
        for scheme in ("light", "dark"):
            for name, width in (("desktop", 1280), ("phone", 390), ("small", 360)):
                await tab.look(width, scheme=scheme, motion="reduce")
                assert await tab.run("document.documentElement.scrollWidth") <= width
                cut = await tab.run(_CUT)
                assert cut == []
                if width != 360:
                    await tab.picture(tmp_path / f"page-{name}-{scheme}.png")
                    assert (tmp_path / f"page-{name}-{scheme}.png").stat().st_size > 50_000
            await tab.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
            pale = await tab.run(_CONTRAST)
            assert pale["texts"] > 500
            assert pale["faint"] == []

    seen(look)


# an element whose text sticks out of the card that it is in; results of checks are shortened, the problems have them
_CUT = """[...document.querySelectorAll('main *')]
  .filter((one) => one.firstChild?.nodeType === 3 && one.checkVisibility())
  .filter((one) => !one.closest('.unseen, caption, thead, .check')).filter((one) => {
    const own = one.getBoundingClientRect(), card = (one.closest('section') ?? document.body).getBoundingClientRect();
    return own.width && (own.right > card.right + 1 || own.left < card.left - 1);
  }).map((one) => one.outerHTML)"""
_CONTRAST = r"""(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
  const over = (colour, ground) => {
    canvas.globalCompositeOperation = "source-over";
    canvas.fillStyle = `rgb(${ground.join(" ")})`; canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const known = new Map();
  const ground = (one) => {
    if (!one) return [255, 255, 255];
    if (!known.has(one)) known.set(one, over(getComputedStyle(one).backgroundColor, ground(one.parentElement)));
    return known.get(one);
  };
  const light = (rgb) => rgb.map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const faint = []; let count = 0;
  while (texts.nextNode()) {
    const one = texts.currentNode.parentElement;
    if (!texts.currentNode.nodeValue.trim() || !one.checkVisibility() || one.closest("noscript")) continue;
    count += 1;
    const style = getComputedStyle(one), below = ground(one), ink = over(style.color, below);
    const [high, low] = [light(ink), light(below)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05), size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) faint.push([ratio.toFixed(2), one.outerHTML]);
  }
  return {texts: count, faint};
})()"""


def test_the_page_can_be_heard_and_used_by_keyboard(seen: Seen) -> None:
    """Names for all that can be used, landmarks, tables with headers, wide and as cards; a ring where the focus is."""

    async def look(tab: Tab, _: str, __: Server) -> None:
        for width in (1280, 390):
            await tab.look(width)
            await tab.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
            nodes = (await tab.call("Accessibility.getFullAXTree"))["nodes"]
            heard = [
                (one["role"]["value"], one.get("name", {}).get("value", "")) for one in nodes if not one["ignored"]
            ]
            roles = [role for role, _ in heard]
            assert {"banner", "main", "navigation", "search", "contentinfo"} - set(roles) <= {"contentinfo"}
            for role, name in heard:
                if role in ("link", "button", "searchbox", "region", "navigation", "table", "image", "heading"):
                    assert name, f"{role} without a name"
            tables = await tab.run("document.querySelectorAll('table').length")
            assert roles.count("table") == tables
            assert roles.count("rowheader") == await tab.run("document.querySelectorAll('tbody th').length")
            assert roles.count("columnheader") == await tab.run("document.querySelectorAll('thead th').length")
            assert roles.count("row") == await tab.run("document.querySelectorAll('tr').length")
        levels = await tab.run("[...document.querySelectorAll('h1,h2,h3,h4')].map((one) => +one.nodeName[1])")
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))
        ids = await tab.run("[...document.querySelectorAll('[id]')].map((one) => one.id)")
        assert len(ids) == len(set(ids))
        targets = await tab.run("[...document.querySelectorAll('.problems a')].map((one) => one.hash.slice(1))")
        assert set(targets) <= set(ids)
        await tab.look(1280)
        for _press in range(12):
            await tab.key("Tab")
            ring = "getComputedStyle(document.activeElement)"
            assert await tab.run(f"{ring}.outlineStyle + ' ' + {ring}.outlineWidth") == "solid 3px"

    seen(look)


def test_no_rule_of_accessibility_is_broken(seen: Seen) -> None:
    """By axe-core, with everything unfolded: wide, as cards, with choices."""

    async def look(tab: Tab, url: str, __: Server) -> None:
        for width, query in ((1280, ""), (390, ""), (1280, "?state=DOWN&sort=sessions")):
            await tab.look(width, motion="reduce")
            await tab.open(url + query)
            await tab.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
            assert await tab.violations() == []
        await tab.run("document.querySelector('h1').append(new Image())")
        assert (await tab.violations())[0].startswith("image-alt: ")

    seen(look)


def test_without_motion_there_is_none(seen: Seen) -> None:
    """For who has asked for it."""

    async def look(tab: Tab, _: str, __: Server) -> None:
        await tab.look(1280, motion="reduce")
        await tab.run("document.querySelector('tr[id]').classList.add('changed')")
        assert await tab.run("getComputedStyle(document.querySelector('.changed')).animationName") == "none"
        assert await tab.run("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
        assert await tab.run("document.getAnimations().length") == 0

    seen(look)


def test_a_print_is_of_one_width_and_says_what_is_left_out(seen: Seen) -> None:
    """No column sticks out of the sheet; the problems that are folded are counted on it."""

    async def look(tab: Tab, _: str, __: Server) -> None:
        await tab.look(1000)
        await tab.call("Emulation.setEmulatedMedia", media="print")
        assert await tab.run("document.documentElement.scrollWidth") <= 1000
        assert await tab.run("document.querySelector('#more-problems > summary').innerText") == "3 more"
        assert not await tab.run("document.querySelector('.tools').checkVisibility()")
        sheets = await tab.call("Page.printToPDF", preferCSSPageSize=True)
        assert len(sheets["data"]) > 10_000

    seen(look)


def test_without_a_script_everything_is_there(seen: Seen) -> None:
    """What is folded unfolds by the browser itself, and a link reads it again."""

    async def look(tab: Tab, url: str, _: Server) -> None:
        await tab.call("Emulation.setScriptExecutionDisabled", value=True)
        await tab.open(url)
        assert await tab.run("document.querySelector('noscript a').innerText") == "Reload"
        assert await tab.run("document.getElementById('pause').hidden")
        assert await tab.run("document.querySelectorAll('#haproxy tr[id]').length") > 10

    seen(look)
