"""A sorry server beside real servers whose health is written into files, by the agent or by a tutorial's loop."""

from __future__ import annotations

from tests.lab.case import Case, scenario
from tests.lab.scenarios.agent import (
    FILE,
    SERVICE,
    SORRY,
    VERDICT,
    WEBS,
    WEIGHT,
    background,
    files,
    half,
    healthy,
    kill_all,
    real_servers,
    send,
)


def _sorry(case: Case) -> bool:
    """Return whether the sorry server is the only one."""
    return [at.rpartition(">")[2] for at in case["lvs1"].weights()] == [f"{SORRY}:8080"]


@scenario(
    "real servers by what is written beside keepalived, with a sorry server",
    tutorial="FILE_CHECK, own weight 0",
    ours="agent, chk_verdict, alpha",
    seconds=25,
)
def sorry_server(case: Case) -> str:
    """Start with one of two dead; lose one, both, the agent and its verdict, and get all of them back."""
    if not case.ours:
        real_servers(case, FILE, sorry=True)
        case.probe(SERVICE, 8080, served=False)
        case.until("keepalived knows of both files", lambda: set(files(case)) == {str(WEIGHT)})
        case.fails("clients get the sorry server")
        case.stays("the sorry server is all there is", lambda: _sorry(case), 6)
        return "both are healthy: sorry server, for ever"
    real_servers(case, VERDICT, sorry=True, up=("web2",))
    case.until("who is healthy is in", lambda: case.weight(f"{WEBS['web2']}:8080") == WEIGHT)
    case.stays("who is dead at the start is not let in", lambda: half(case), 3)
    case["web1"].run("systemctl", "start", "nginx")
    case.until("and is once it lives", lambda: healthy(case))
    case.probe(SERVICE, 8080)
    for name in WEBS:
        kill_all(case, name, "nginx")
    case.until("the sorry server is all there is", lambda: _sorry(case))
    case["lvs1"].run("systemctl", "reload", "keepalived")
    case.until("keepalived is reloaded", lambda: "Reload complete" in case.log("lvs1"))
    case.stays("a reload lets nobody in", lambda: _sorry(case), 2)
    for name in WEBS:
        case[name].run("systemctl", "start", "nginx")
    case.until("both are in and the sorry server is out", lambda: healthy(case) and len(case["lvs1"].weights()) == 2)
    send(case, "lvs1", "KILL")
    for address in WEBS.values():
        (case["lvs1"].files / f"run/vipwarden/verdict/web@{address}:8080").unlink()
    case.until("no verdict is none", lambda: _sorry(case))
    background(case, "lvs1")
    case.until("both are in again", lambda: healthy(case) and len(case["lvs1"].weights()) == 2)
    case.until("the clients are served", case.served)
    return "in when healthy, out when not or not known; sorry server when none is"
