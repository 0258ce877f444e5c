"""How does an operator learn what a command for keepalived did? By syslog, and by the recorder of events."""

from __future__ import annotations

import posix

from vipwarden.core import syslog
from vipwarden.core.result import OK, UNKNOWN, WARNING, Result, one_line
from vipwarden.state import files, paths
from vipwarden.state.publish import publish

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.core.options import UsageError
    from vipwarden.core.result import State
    from vipwarden.state.verdict import Verdict

_SEVERITIES = {OK: syslog.NOTICE, WARNING: syslog.WARNING}


def refuse(check: str, error: UsageError) -> None:
    """Publish and log a wrong command line: keepalived discards what a script prints."""
    result = Result(UNKNOWN, one_line(str(error)))
    folder = paths.verdicts()
    try:
        files.ready(folder)
        before = publish(folder, f"chk_{check} options", check, result, 0)
    except OSError:
        before = None
    if before is None or before.result.text != result.text:
        log(f"chk_{check}", UNKNOWN, result.text)


def log(program: str, state: State, text: str) -> None:
    """Log a line to syslog, with the severity of a state."""
    syslog.log(program, _SEVERITIES.get(state, syslog.ERROR), text)


def changed(program: str, name: str, result: Result, before: Verdict | None) -> None:
    """Log a change with its reason, and hand it over."""
    old = str(before.result.state) if before is not None else ""
    log(program, result.state, f"{name}: {old or 'first run'} -> {result.state}: {result.text}")
    hand_over(program, "check", name, str(result.state), result.text, old)


def hand_over(program: str, kind: str, name: str, state: str, text: str, before: str = "", of: str = "") -> None:
    """Hand an event over to the recorder, if there is one."""
    if not any(map(_exists, (paths.events(), paths.events(paths.ROOT)))):
        return
    from vipwarden.events.hand import Hand

    hand = Hand(program)
    hand.give(kind, name, of=of or program.removeprefix("chk_"), state=state, before=before, text=text)
    hand.flush()


def _exists(path: str) -> bool:
    try:
        posix.stat(path)
    except OSError:
        return False
    return True
