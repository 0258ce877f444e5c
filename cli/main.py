"""Which part does ``vipwarden PART ...`` call? A part is imported only when it is called."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os
import sys
from io import TextIOWrapper

from vipwarden import VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

PARTS = {
    "agent": "run the configured checks in one process, and hand their verdicts to keepalived",
    "check": "run one check now, and print its result for people or as JSON",
    "chk_haproxy": "HAProxy for keepalived: restarted once before the VIP is given up",
    "chk_service": "a service for keepalived: restarted once before the VIP is given up",
    "convert": "turn the scripts and checkers of keepalived.conf into checks of vipwarden",
    "doctor": "say what is wrong with keepalived.conf on this node, and how to mend it",
    "events": "show what happened on this node or on several, and what caused it",
    "exporter": "serve the page and /metrics of this node",
    "genhash": "print the digest of a page as keepalived's HTTP_GET computes it",
    "handover": "give the VIPs of a VRRP instance to the peer, and watch that they arrive",
    "maint": "begin, end and list the maintenance of checks: they go on, and keepalived is told",
    "notify": "record and log keepalived's changes of state, and pass them on to hooks, mail and webhook",
    "realserver": "make this node a real server of a director that routes directly",
    "recorder": "record the events of this node",
    "run": "run the configured checks and serve the page and /metrics",
    "rehearse": "say what becomes of the VIPs when a node, a network or a service breaks",
    "status": "show the last verdicts of this node",
    "via": "list or remove the paths by which checks reach real servers at the VIP",
    "snippet": "print the lines of keepalived.conf that run a check",
}
# parts that are commands of their own as well: module, and its first argument if any
_SCRIPTS = {
    "chk_haproxy": ("keepalived_scripts.service.main", "haproxy"),
    "chk_service": ("keepalived_scripts.service.main", "service"),
    "notify": ("keepalived_scripts.notify.main", ""),
    "realserver": ("keepalived_scripts.realserver.main", ""),
}
_RESIDENT = ("agent", "exporter", "run")  # read their configuration again on SIGHUP


def main(arguments: Sequence[str]) -> int:
    """Run one part and return its exit code; 2 for an unknown part."""
    part, *rest = arguments or ["--help"]
    if part in _RESIDENT:  # it waits until somebody listens to it, in place of ending what has only begun to start
        _signal.pthread_sigmask(_signal.SIG_BLOCK, [_signal.SIGHUP])
    if part in PARTS:
        name, first = _SCRIPTS.get(part, (f"cli.{part}", ""))
        module = __import__(name, fromlist=[part])
        code: int = module.main(first, rest) if first else module.main(rest)
        return code
    if part in ("--version", "-V"):
        sys.stdout.write(f"vipwarden {VERSION}\n")
        return 0
    lines = ["usage: vipwarden PART [options]", "", *(f"  {name:<13}{about}" for name, about in PARTS.items())]
    text = "\n".join([*lines, "", "vipwarden PART --help lists its options."])
    if part in ("--help", "-h"):
        sys.stdout.write(f"{text}\n")
        return 0
    sys.stderr.write(f"vipwarden: there is no part {part!r}\n{text}\n")
    return 2


def entry() -> None:
    """Run the command and leave with its code."""
    for name in ("stdout", "stderr"):  # closed by the caller, who wants the code alone
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115 - until the end
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # what the locale has no letter for
    try:
        code = main(sys.argv[1:])
        _flush()
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        os._exit(141)  # a plain exit would try to write it once more
    except OSError:
        _flush("\n")  # where it is the answer that has no room, it ends here
        raise
    sys.exit(code)


def _flush(last: str = "") -> None:
    try:
        sys.stdout.write(last)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        sys.stderr.write(f"vipwarden: cannot write the answer: {error.strerror}\n")
        os._exit(3)
