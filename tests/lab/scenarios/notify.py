"""keepalived changes its mind twenty times in ten seconds: is what was recorded last what it is in?"""

from __future__ import annotations

import time
from functools import partial

from tests.lab import conf
from tests.lab.case import Case, scenario
from tests.lab.cluster import SCRIPTS

_TOGGLES = 20
_SECONDS = 10
_TRACK = 'vrrp_track_file storm {\n  file "/run/storm"\n  weight 0\n}\n'
_HOOK = '#!/bin/sh\necho "$3" >>/run/hooks\n'


def _entered(case: Case, node: str) -> list[str]:
    """Return the states that keepalived entered, by its own log."""
    lines = case.log(node).splitlines()
    return [line.partition(" Entering ")[2].split()[0] for line in lines if ") Entering " in line]


def _recorded(case: Case, node: str) -> str:
    if not case.ours:
        return case[node].read("/run/state.VI").strip()
    words = case[node].read("/run/vipwarden/vrrp/INSTANCE.VI").split()
    return words[2] if len(words) > 2 else ""


def _changes(case: Case, node: str) -> int:
    return int(case[node].read("/run/vipwarden/vrrp/INSTANCE.VI").split()[5])


def _done(case: Case, node: str) -> list[str]:
    """Return the states that something was done about, in the order in which it was done."""
    return case[node].read("/run/hooks").split()


@scenario("notify storm: 20 transitions in 10 s", tutorial="notify, some work, echo", ours="notify, notify --fifo")
def notify_storm(case: Case) -> str:
    """Back to BACKUP and a tenth of a second later in FAULT, again and again; each node is alone with its instance."""
    nodes = ("ha1", "ha2")  # ours: by the FIFO on the one, by scripts on the other
    case.start(nodes)
    extra = dict.fromkeys(nodes, "")
    script = f"{SCRIPTS}/notify" if case.ours else case.script("notify.sh")
    body = dict.fromkeys(nodes, f'track_file {{\n storm\n }}\n notify "{script}"')
    if case.ours:
        extra["ha1"] = f'vrrp_notify_fifo /run/vrrp.fifo\n  vrrp_notify_fifo_script "{SCRIPTS}/notify --fifo"'
        body["ha1"] = "track_file {\n storm\n }"
        for node in nodes:
            for state in ("master", "backup", "fault"):
                case[node].write(f"/etc/vipwarden/notify.d/{state}/10-log", _HOOK, 0o755)
    for node, router in zip(nodes, (31, 32), strict=True):
        case[node].write("/run/storm", "0\n")
        lone = conf.instance("VI", "eth0", router, 150, (f"10.10.0.{router}/24",), body=body[node])
        case.keepalived({node: conf.node(node, _TRACK + lone, extra[node])})
    case.watch("10.10.0.31", "10.10.0.32")
    case.until("each node is MASTER", lambda: all(case.states(node).get("VI") == "MASTER" for node in nodes))
    case.until("MASTER is recorded", lambda: all(_recorded(case, node) == "MASTER" for node in nodes))
    for node in nodes:
        case[node].write("/run/storm", "1\n")
    case.until("each node is in FAULT", lambda: _all_in(case, nodes, "FAULT"))
    case.until("FAULT is recorded", lambda: all(_recorded(case, node) == "FAULT" for node in nodes))
    changes = _changes(case, "ha1") if case.ours else 0
    calm = {node: len(_entered(case, node)) for node in nodes}
    _storm(case, nodes)
    entered = {node: _entered(case, node)[calm[node] :] for node in nodes}
    case.expect(f"keepalived went to and fro: {entered}", all(len(e) >= _TOGGLES for e in entered.values()))
    case.expect("and ended in FAULT", all(e[-1] == "FAULT" for e in entered.values()))
    if not case.ours:
        case.until("the scripts are done", lambda: not any(case[node].pids("notify.sh") for node in nodes))
        case.expect("BACKUP is recorded last", {_recorded(case, node) for node in nodes} == {"BACKUP"})
        return "in FAULT, and recorded as BACKUP"
    wanted = changes + len(entered["ha1"])
    case.until(
        f"the FIFO's reader saw every one, {wanted} in all",
        lambda: _changes(case, "ha1") == wanted,
        60,
        lambda: f"but {_changes(case, 'ha1')}; hooks: {_done(case, 'ha1')}",
    )
    case.until("the scripts are done", lambda: not case["ha2"].pids("notify"), 60)
    case.expect("FAULT is recorded", {_recorded(case, node) for node in nodes} == {"FAULT"})
    case.until("the last hook is that of FAULT", lambda: {_done(case, node)[-1] for node in nodes} == {"FAULT"}, 60)
    case.stays("FAULT stays recorded", lambda: {_recorded(case, node) for node in nodes} == {"FAULT"}, 2)
    for node in nodes:  # hooks of what a newer event has overtaken are left out
        done = _done(case, node)
        case.expect(f"hooks ran in order: {done}", done[-1] == "FAULT" and _within(done, _entered(case, node)))
    return f"FAULT recorded last; FIFO: all {wanted - changes} recorded"


def _storm(case: Case, nodes: tuple[str, ...]) -> None:
    """Have the instances of all nodes enter BACKUP and, as soon as they have, FAULT again."""
    begun = time.monotonic()
    for turn in range(_TOGGLES // 2):
        time.sleep(max(0.0, begun + turn * _SECONDS / (_TOGGLES // 2) - time.monotonic()))
        for value, state in (("0", "BACKUP"), ("1", "FAULT")):
            for node in nodes:
                case[node].write("/run/storm", f"{value}\n")
            case.until(state, partial(_all_in, case, nodes, state))


def _all_in(case: Case, nodes: tuple[str, ...], state: str) -> bool:
    return all(_entered(case, node)[-1] == state for node in nodes)


def _within(part: list[str], whole: list[str]) -> bool:
    """Return whether the part is the whole with some left out."""
    rest = iter(whole)
    return all(any(one == other for other in rest) for one in part)
