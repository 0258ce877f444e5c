"""Does the model say what real keepalived do when a tracked process ends, or hangs?

The kernel tells of processes outside of namespaces alone (drivers/connector/cn_proc.c): the first node of each pair has
the network and the processes of a guest of the lab, in QEMU, as the kernel of User-Mode-Linux does not tell of them.
``make rehearse-model`` runs it.
"""

from __future__ import annotations

import json
import shlex
import sys
from typing import TYPE_CHECKING

from rehearse.model.cluster import PROCESS
from rehearse.model.faults import FAIL, HANG, Fault
from tests.commands import needs_namespaces, program
from tests.lab.ran import ran
from tests.rehearse.expected import proof
from tests.rehearse.pairs import Case
from tests.rehearse.proof import disagreements
from vipwarden.node.keepalived.version import installed

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

_LONGEST = 600  # seconds
_CONF = """global_defs {{
    vrrp_version {version}
    vrrp_garp_master_delay 0
}}
{process}vrrp_instance VI_51 {{
    state BACKUP
    interface eth0
    virtual_router_id {vrid}
    priority {priority}
    advert_int 1
{more}    virtual_ipaddress {{
        198.51.100.{vrid}/32
    }}
{tracks}}}
"""
_PROCESS = """vrrp_track_process web {{
    process web@NUMBER@
    {timing}
}}
"""
_ENDS, _HANGS = (Fault(kind, (0,), PROCESS, "web") for kind in (FAIL, HANG))


def _case(number: int, weight: str, timing: str = "", *, more: str = "", peer: str = "", fault: Fault = _ENDS) -> Case:
    tracks = f"    track_process {{\n        web weight {weight}\n    }}\n"
    common = {"vrid": 51 + number, "version": 2 + number % 2}
    one = _CONF.format(process=_PROCESS.format(timing=timing), priority=150, more=more, tracks=tracks, **common)
    return Case((one, _CONF.format(process="", priority=100, more=peer, tracks="", **common)), (fault,))


CASES = [
    _case(0, "0"),
    _case(1, "0", "delay 2"),
    _case(2, "0", "terminate_delay 1.5\n    fork_delay 3"),
    _case(3, "-60"),
    _case(4, "-60", "delay 2"),
    _case(5, "-20"),
    _case(6, "60"),
    _case(7, "60 reverse"),
    _case(8, "-60", more="    preempt_delay 2\n"),
    _case(9, "-60", peer="    nopreempt\n"),
    _case(10, "0", fault=_HANGS),
    _case(11, "-60", "delay 2", fault=_HANGS),
]


def test_the_model_says_what_a_tracked_process_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With weight 0 and others, and with delays, which a program that is started anew does not wait for."""
    needs_namespaces()
    for name in ("keepalived", "nsenter", "ip"):
        program(name)
    monkeypatch.setenv("LAB_GUEST", "qemu")
    version = installed()
    assert version is not None
    made = [proof(case, version) for case in CASES]
    (tmp_path / "orders").write_text(json.dumps([{**it.order, "processes": ["web"]} for it in made]), encoding="ascii")
    where = shlex.quote(str(tmp_path))
    job = (
        f"exec {shlex.quote(sys.executable)} -m tests.rehearse.real guest <{where}/orders >{where}/found 2>{where}/said"
    )
    guest = ran(tmp_path, ["sh", "-c", job], _LONGEST)
    status = guest.status()
    assert status == 0, f"{status}: {(tmp_path / 'said').read_text()[-2000:]} {guest.tail('console')}"
    found = json.loads((tmp_path / "found").read_text())
    said = [
        "\n".join([*differs, f"late {real['late']}", *case.confs, *real["logs"]])
        for case, mine, real in zip(CASES, made, found, strict=True)
        if max(real["late"]) <= mine.patience and (differs := disagreements(mine, real))
    ]
    late = sum(max(real["late"]) > mine.patience for mine, real in zip(made, found, strict=True))
    assert not said, f"{len(said)} of {len(CASES)} differ:\n" + "\n\n".join(said)
    assert late <= len(CASES) / 2, f"the guest was too late for {late} of {len(CASES)}: {[it['late'] for it in found]}"
