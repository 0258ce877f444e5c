"""How do a process, a port and a script of a node break, and how are they mended?"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

from rehearse.model.cluster import PROCESS
from rehearse.model.faults import CLOSED, FAIL, FILTERED, HANG, HUNG, KILLED, MUTE, STOPPED
from rehearse.stage.node import MOST_LOG
from rehearse.stage.view import inside

if TYPE_CHECKING:
    from rehearse.stage.node import Node

_SIGNALS = {KILLED: signal.SIGKILL, STOPPED: signal.SIGTERM, HUNG: signal.SIGSTOP}
_SIGNALS |= {FAIL: signal.SIGKILL, HANG: signal.SIGSTOP}  # what keepalived itself tracks
_TABLE = "inet broken"
_STAMP = 26  # characters of the time before what keepalived logs


def break_part(node: Node, fault: dict[str, Any], *, broken: bool) -> None:
    """Break a part of what a script asks, or a process that keepalived tracks, or mend it."""
    kind, (what, _, name) = fault["kind"], fault["part"].partition(" ")
    if service := process(node, fault):
        if broken:
            node.held.ask(f"signal {int(_SIGNALS[kind])} {service}")
        else:
            if kind in (HUNG, HANG):
                node.held.ask(f"signal {int(signal.SIGCONT)} {service}")
            node.held.ask(f"start {service}")
    elif what == "socket":
        place = inside(node.root, name)
        away = place.with_name(f".{place.name}.away")
        (place if broken else away).rename(away if broken else place)
    elif what in ("port", "address"):
        _filter(node, what, name, kind, broken=broken)
    else:
        node.set_script(fault["name"], kind, broken=broken)


def process(node: Node, fault: dict[str, Any]) -> str:
    """Return the service whose process a fault ends or stops, or nothing."""
    if fault["tracker"] == PROCESS:
        return str(node.given["processes"].get(fault["name"], {}).get("service", ""))
    what, _, name = fault["part"].partition(" ")
    return name if what == "process" else ""


def _filter(node: Node, what: str, name: str, kind: str, *, broken: bool) -> None:
    table = f"{_TABLE}-{what}-{''.join(it if it.isalnum() else '_' for it in name)}-{kind}"
    if not broken:
        node.run("nft", f"delete table {table}")
        return
    rules = [f"add table {table}"]
    address, port, protocol = _place(what, name)
    family = "ip6" if ":" in address else "ip"
    for hook, side in (("input", "d"), ("output", "s")):
        rules.append(f"add chain {table} {hook} {{ type filter hook {hook} priority -10; }}")
        where = [f"{family} {side}addr {address}"] if address else []
        where += [f"{protocol} {side}port {port}"] if port else []
        words = {CLOSED: "reject with tcp reset" if protocol == "tcp" else "reject", FILTERED: "drop"}
        if kind == MUTE:  # connections come about, and nothing is answered
            rules.append(f"add rule {table} {hook} {' '.join(where)} tcp flags & psh == psh drop")
        elif side == "d":
            rules.append(f"add rule {table} {hook} {' '.join(where)} {words[kind]}")
    node.run("nft", "; ".join(rules))


def _place(what: str, name: str) -> tuple[str, str, str]:
    """Return address, port and protocol of a part."""
    if what == "address":
        return name, "", ""
    place, _, protocol = name.partition("/")
    address, _, port = place.rpartition(":")
    return address.strip("[]"), port, protocol or "tcp"


def noticed(node: Node, fault: dict[str, Any]) -> bool:
    """Return whether keepalived has logged a failure of the script while the fault lasted."""
    return any(name in failed(node) for name in (fault["name"], *fault["also"]))


def failed(node: Node) -> list[str]:
    """Return the scripts whose failure keepalived has logged while the fault lasted."""
    words = (
        "VRRP_Script({}) failed",
        "VRRP_Script({}) timed out",
        "Script `{}` now returning",
        "Script `{}` timed out",
    )
    return [name for name in node.given["scripts"] if any(it.format(name) in node.during for it in words)]


def crashed(node: Node) -> str:
    """Return why keepalived has started a process of its own again, and what was before it, or nothing."""
    with (node.folder / "log").open(encoding="utf-8", errors="replace") as log:
        lines = log.read(MOST_LOG).splitlines()
    died = next((number for number, it in enumerate(lines) if "died: Respawning" in it), 0)
    why = next((number for number, it in enumerate(lines[:died]) if " exited due to " in it), died)
    return "; ".join(it[_STAMP:] for it in lines[why - 1 : why + 1]) if died else ""


def restored(node: Node, fault: dict[str, Any], hit: float) -> float | None:
    """Return when a process that the fault has ended ran again, or nothing."""
    name = process(node, fault)
    if not name:
        return None
    return next((at for at, word, who in node.held.notes() if at > hit and word == "up" and who == name), None)
