"""Two keepalived wired to each other, and what the sources vip and vrrp tell of them."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from exporter.render.exposition import render
from exporter.sources.vip import source as vip
from exporter.sources.vrrp import source as vrrp
from tests.servers.keepalived import Keepalived, Space, keepalived, known, until, wire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.settings import Settings

ROOT = Path(__file__).parents[3]
FIXTURES = ROOT / "tests" / "node" / "fixtures"
SECRET = "s3cr3tpw"
VIP, SECOND, EXCLUDED = "192.0.2.9", "192.0.2.10", "2001:db8::9"
CONF = """
global_defs {{
    vrrp_version 3
    enable_script_security
    script_user root
}}
vrrp_script chk {{
    script "/usr/bin/test ! -e {folder}/bad"
    interval 1
    weight -60
}}
vrrp_instance VI_1 {{
    interface va
    state BACKUP
    virtual_router_id 51
    priority {priority}
    advert_int 0.2
    virtual_ipaddress {{
        192.0.2.9/24 brd 192.0.2.255 label va:1
        192.0.2.10
    }}
    virtual_ipaddress_excluded {{
        2001:db8::9/64
    }}
    track_script {{
        chk
    }}
}}
vrrp_instance VI_2 {{
    interface va
    version 2
    virtual_router_id 52
    priority {priority}
    authentication {{
        auth_type PASS
        auth_pass s3cr3tpw
    }}
}}
"""
Series = dict[tuple[str, ...], float]


def series(text: bytes) -> Series:
    """Return samples by name and labels' values."""
    return {
        (one.name, *one.labels.values()): one.value
        for family in text_string_to_metric_families(text.decode())
        for one in family.samples
    }


def scraped(given: Settings, space: Space | None = None) -> Series:
    """Return what the two collectors export, as seen from a network namespace."""
    with ExitStack() as stack:
        if space is not None:
            stack.enter_context(space)
        text = render([*vrrp.SOURCE.series(vrrp.read(given)), *vip.series(vip.read(given))])
    assert SECRET.encode() not in text
    return series(text)


def state(given: Settings, name: str = "VI_1") -> int | None:
    """Return the state of an instance."""
    return next((one.state for one in vrrp.read(given).instances if one.name == name), None)


@contextmanager
def pair(folder: Path) -> Iterator[tuple[tuple[Space, Keepalived], tuple[Space, Keepalived]]]:
    """Run two keepalived wired to each other: the one of the higher priority by TMPDIR, the other with its own /tmp."""
    outside = Path(tempfile.mkdtemp(dir="/var/tmp"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, outside)
        one, two = stack.enter_context(wire())
        (folder / "dumps").mkdir()
        with one:
            first = CONF.format(folder=folder, priority=150)
            left = stack.enter_context(keepalived(folder / "left", first, tmpdir=str(folder / "dumps")))
        with two:
            second = CONF.format(folder=outside, priority=100)
            right = stack.enter_context(keepalived(outside, second, private_tmp=True))
        for running in (left, right):
            until("it has its pidfile", Path(running.pidfile).exists)
        until("the left is MASTER", lambda: state(known(left)) == 2)
        until("the right is BACKUP", lambda: state(known(right)) == 1)
        yield (one, left), (two, right)


Node = tuple[Space, Keepalived]
