"""What do the pages of a cluster show while a web server is down? Run in a guest: python -m tests.lab.pictured SHARED.

All nodes of docs/lab.md but the databases: clients ask through a director and HAProxy, keepalived, agents and exporters
run on the directors and the HAProxy nodes. The pages go to SHARED/ha1.html and SHARED/lvs1.html.
"""

from __future__ import annotations

import re
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab import conf, scenarios
from tests.lab.case import Case
from tests.lab.cluster import SCRIPTS
from tests.lab.inside import prepare
from tests.lab.scenarios import director
from tests.lab.scenarios.agent import background

if TYPE_CHECKING:
    from tests.lab.host import Host

_NODES = {"lvs1": "10.10.0.11", "lvs2": "10.10.0.12", "ha1": "10.10.0.21", "ha2": "10.10.0.22"}
_PAGE = "http://127.0.0.1:9877/"
_PAST = 400  # seconds of history with a point every 30
_FAULT = 0.6  # of them
_CHECKS = """\
checks:
  site: {check: http_page, host: 10.10.0.10, port: 80, path: /, interval: 2}
  web1: {check: port, host: 10.20.0.41, port: 8080, interval: 2}
  web2: {check: port, host: 10.20.0.42, port: 8080, interval: 2}
"""


def _configured(case: Case) -> None:
    """Configure the agents of the HAProxy nodes, and the exporters: each knows the other nodes."""
    peers = "".join(f"    - {name}=http://{address}:9877\n" for name, address in _NODES.items())
    for name, own in _NODES.items():
        text = f"exporter:\n  listen: ['127.0.0.1:9877', '{own}:9877']\n  web_config: /etc/vipwarden/web.yaml\n"
        text += f"  peers:\n{peers}"
        if name.startswith("ha"):
            text = f"{_CHECKS}{text}  haproxy: unix:/run/haproxy.sock\n"
        case[name].write("/etc/vipwarden/web.yaml", "{}\n")
        case[name].write("/etc/vipwarden/vipwarden.yaml", text)


def play(folder: Path) -> None:
    """Play it, and leave the pages in a folder."""
    with Case(ours=True, seconds=0) as case:
        director.begin(case, 80, group=director.GROUP)
        _configured(case)
        check = conf.script(f"{SCRIPTS}/chk_haproxy --name haproxy --timeout 2.7", "interval 3\n  timeout 6")
        case.haproxy_nodes(check)
        for name in _NODES:
            if name.startswith("ha"):
                background(case, name)
            background(case, name, f"{SCRIPTS}/vipwarden exporter")
        pages = {name: case[name] for name in ("ha1", "lvs1")}
        for name, host in pages.items():
            case.until(f"{name} has a page", partial(_page, host), 60)
        time.sleep(_PAST * _FAULT)
        case["web2"].kill("nginx")
        end = time.monotonic() + _PAST * (1 - _FAULT)
        while time.monotonic() < end:  # rates are of the last looks
            for host in pages.values():
                _page(host)
            time.sleep(5)
        for name, host in pages.items():
            case.until("nothing moves", partial(_is_calm, host), 300)
            Path(folder, f"{name}.html").write_text(_page(host), encoding="utf-8")
        case.stop_probe()


def _page(host: Host) -> str:
    """Return the page that a host's exporter answers, nothing where it does not."""
    return host.shell(f"curl -sf {_PAGE} || true")


def _is_calm(host: Host) -> bool:
    """Return whether no instance has changed its state in the last minute, as where the machine is busy."""
    return " s priority" not in (page := re.sub("<[^>]*>", "", _page(host))) and "moving" not in page


if __name__ == "__main__":
    scenarios.load()
    prepare()
    play(Path(sys.argv[1]))
