"""Does the page show in a browser what happens on a node, while it happens?

A network namespace with a bridge, a real keepalived, a real HAProxy, its real servers, the exporter and a Chromium.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from tests import commands
from tests.exporter.render.browser import chromium, tab_of
from tests.servers.haproxy import running as haproxy
from tests.servers.keepalived import Space, ip, keepalived

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.exporter.render.browser import Tab
    from tests.servers.keepalived import Keepalived

VIP = "192.0.2.9"
URL = "http://127.0.0.1:9877/"
CONF = """
global_defs {{
    enable_script_security
    script_user root
}}
vrrp_script chk_web {{
    script "/usr/bin/test ! -e {folder}/bad"
    interval 1
}}
vrrp_instance VI_1 {{
    interface br0
    state MASTER
    virtual_router_id 51
    priority 150
    advert_int 0.2
    version 3
    virtual_ipaddress {{
        192.0.2.9/24
    }}
    track_script {{
        chk_web
    }}
}}
"""
PROXIES = """
frontend www
  bind 127.0.0.1:8080
  default_backend web
backend web
  option httpchk GET /
  default-server check inter 200 fall 1 rise 1
  server web-1 127.0.0.1:8081
  server web-2 127.0.0.1:8082
"""
_GONE = "document.querySelector('#vip tbody tr .badge').textContent.includes('{}')"
_SERVER = "[...document.querySelectorAll('#haproxy tr')].some((one) => /^web-2.*{}/.test(one.textContent))"
_SAYS = "document.getElementById('summary').innerText.replace(/\\s+/g, ' ').includes('{}')"


@contextmanager
def web_server(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a real server of HTTP."""
    folder.mkdir()
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "-d", str(folder), str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def exporter(folder: Path, running: Keepalived, socket: str) -> Iterator[None]:
    """Run the exporter as operators do."""
    process = commands.start(
        folder,
        "vipwarden",
        "exporter",
        *("--haproxy", f"unix:{socket}", "--keepalived-conf", running.conf, "--keepalived-pidfile", running.pidfile),
        *("--keepalived-interval", "0.5", "--verdicts", str(folder / "verdict")),
        stdout=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{URL}-/ready", timeout=60).close()
            except (urllib.error.URLError, ConnectionError):
                assert process.poll() is None, process.communicate()[1]
                assert time.monotonic() < end
                time.sleep(0.05)
            else:
                break
        yield
    finally:
        process.terminate()
        process.communicate(timeout=60)


def test_a_server_that_goes_down_and_a_vip_that_moves_are_seen_without_a_reload(tmp_path: Path) -> None:
    """And without a word of the console or of the content security policy."""
    with ExitStack() as stack:
        stack.enter_context(Space(stack))
        ip("link add br0 type bridge", "link set br0 up", "addr add 192.0.2.1/24 dev br0")
        running = stack.enter_context(keepalived(tmp_path / "keepalived", CONF.format(folder=tmp_path)))
        stack.enter_context(web_server(tmp_path / "one", 8081))
        second = stack.enter_context(web_server(tmp_path / "two", 8082))
        socket, proxy = stack.enter_context(haproxy(PROXIES))
        stack.enter_context(exporter(tmp_path, running, socket))
        port = stack.enter_context(chromium())

        async def watch() -> None:
            async with tab_of(port) as tab:
                await tab.look(1280)
                await tab.open(URL)
                await _watch(tab, tmp_path, second)
                running.kill()
                await tab.until(_SAYS.format("✕ down keepalived 1 VIP is held without it: 192.0.2.9"))
                proxy.kill()
                await tab.until(_SAYS.format("✕ no answer HAProxy"))
                assert await tab.run("document.title.startsWith('✕ keepalived down +1 ')")
                assert "bad" in await tab.run("document.getElementById('summary').className")
                await _pictures(tab, tmp_path, "dead")
                assert not tab.said
                assert tab.loads == 1
                assert all(address.startswith(URL) for address in tab.asked)

        asyncio.run(watch())


async def _watch(tab: Tab, folder: Path, second: subprocess.Popen[bytes]) -> None:
    await tab.until(f"{_GONE.format('held here')} && {_SAYS.format('Nothing is wrong')}")
    await tab.run("setInterval(refresh, 250)")  # milliseconds: the node is what is slow here
    assert "VI_1 is MASTER" in await tab.run("document.getElementById('vip').innerText")
    assert "chk_web GOOD" in await tab.run("document.getElementById('vrrp').innerText")

    second.kill()
    await tab.until(_SERVER.format("DOWN"))
    assert await tab.run(_SAYS.format("DOWN server web/web-2"))
    assert "web-2: DOWN" in await tab.run("document.getElementById('said').textContent")
    assert await tab.run("document.title.startsWith('✕ server web/web-2 DOWN ')")

    (folder / "bad").touch()
    await tab.until(f"{_GONE.format('not here')} && {_SAYS.format('BAD script chk_web VI_1 is in FAULT')}")
    await _pictures(tab, folder, "fault")

    ip(f"addr add {VIP}/24 dev br0")  # another's doing
    await tab.until(_SAYS.format(f"✕ VIP without MASTER VIP {VIP}"))
    await _pictures(tab, folder, "contradiction")

    ip(f"addr del {VIP}/24 dev br0")
    (folder / "bad").unlink()
    await tab.until(f"{_GONE.format('held here')} && {_SAYS.format('1 thing is wrong')}")
    assert await tab.run(_SAYS.format("MASTER VI_1"))


async def _pictures(tab: Tab, folder: Path, name: str) -> None:
    for where, width in (("phone", 390), ("desktop", 1280)):
        await tab.look(width)
        assert await tab.run("document.documentElement.scrollWidth") <= width
        await tab.picture(folder / f"live-{name}-{where}.png")
