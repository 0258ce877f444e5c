"""Takes the pictures of the documentation, docs/page.png and docs/page-phone.png: python -m tests.screenshots, as root.

What they show is what real programs said: keepalived, HAProxy, nginx and MariaDB on the node of the documentation, in
namespaces of its own, the agent and the exporter beside them, and a real browser that looks at the page.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.commands import BIN, CODE
from tests.docs.node import node
from tests.exporter.render.browser import chromium, tab_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.docs.node import Node

_KEEPALIVED = """\
global_defs {
    enable_script_security
    script_user root
}
vrrp_script haproxy {
    script "/usr/libexec/keepalived/chk_process -C haproxy -t 4 --name chk_haproxy"
    interval 5
}
vrrp_script database {
    script "/usr/libexec/keepalived/chk_port -H 192.0.2.12 -p 3306 -t 4 --name chk_database"
    interval 5
    weight -20
}
vrrp_instance WEB {
    state MASTER
    interface eth0
    virtual_router_id 51
    priority 150
    advert_int 1
    virtual_ipaddress {
        192.0.2.10/24
        192.0.2.20/24
    }
    track_script {
        haproxy
        database
    }
}
"""
_HAPROXY = """\
global
    stats socket /run/haproxy/shop.sock mode 660 level user
    maxconn 2000
    description edge-of-the-shop
defaults
    mode http
    timeout connect 2s
    timeout client 5s
    timeout server 5s
    default-server inter 200ms fall 2 rise 2
frontend www
    bind 192.0.2.9:80
    default_backend shop
frontend api
    bind 192.0.2.9:8080
    default_backend api
backend shop
    option httpchk GET /health
    http-check expect status 200
    server shop-1 192.0.2.11:80 check
    server shop-2 192.0.2.12:80 check
    server shop-3 192.0.2.11:80 check disabled
    server shop-4 192.0.2.11:80 check backup
backend api
    server api-1 192.0.2.11:443 check
    server api-2 192.0.2.11:443 check
"""
_CONFIG = """\
checks:
  shop page: {check: http_digest, host: 192.0.2.11, path: /health, status: 200, interval: 1}
  shop-2 port: {check: port, host: 192.0.2.12, port: 80, interval: 1}
  orders database: {check: mysql_ping, host: 192.0.2.50, defaults_file: /etc/vipwarden/mysql.cnf, interval: 1}
  haproxy: {check: process, command: haproxy, interval: 1}
exporter:
  haproxy: unix:/run/haproxy/shop.sock
  haproxy_conf: /etc/haproxy/shop.cfg
"""
_SECONDS = 60
_SETTLED = "document.readyState === 'complete' && document.fonts.status === 'loaded'"
_PICTURES = {"page.png": (1280, 3200), "page-phone.png": (390, 2400)}  # width, and most of its height


@contextmanager
def served(place: Node) -> Iterator[int]:
    """Run the exporter on the node, on a socket of this namespace, and yield its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        script = f"exec 3<&{listening.fileno()}; LISTEN_PID=$$ LISTEN_FDS=1 exec {BIN}/vipwarden exporter"
        process = subprocess.Popen(
            [*place._inside, "sh", "-c", script],
            pass_fds=[listening.fileno()],
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        )
        try:
            yield listening.getsockname()[1]
        finally:
            process.kill()
            process.wait()


async def _look(browser: int, url: str) -> None:
    async with tab_of(browser) as tab:
        for name, (width, most) in _PICTURES.items():
            await tab.look(width, motion="reduce")
            await tab.open(url)
            await tab.until(_SETTLED)
            height = await tab.run("document.documentElement.scrollHeight")
            await tab.picture(CODE / "docs" / name, (width, min(most, height)))


def main() -> int:
    """Take them; return 0."""
    with tempfile.TemporaryDirectory() as folder, node(Path(folder)) as place:
        place.write("/etc/keepalived/keepalived.conf", _KEEPALIVED)
        place.write("/etc/haproxy/shop.cfg", _HAPROXY)
        place.write("/etc/vipwarden/vipwarden.yaml", _CONFIG)
        with (
            place.running("haproxy", "-db", "-f", "/etc/haproxy/shop.cfg"),
            place.running("keepalived", "-n", "-l"),
            place.running("vipwarden", "agent"),
            served(place) as port,
            chromium() as browser,
        ):
            place.must_come("ip address show | grep -q 192.0.2.20", _SECONDS)
            place.must_come("vipwarden status | grep -q CRITICAL", _SECONDS)
            place.run("for number in $(seq 40); do curl -s http://192.0.2.9/health >/dev/null; done; sleep 3")
            asyncio.run(_look(browser, f"http://127.0.0.1:{port}/"))
    sys.stdout.write(f"docs: {', '.join(_PICTURES)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
