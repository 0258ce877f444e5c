"""How does keepalived run a check? The front end for vrrp_script and MISC_CHECK.

keepalived takes exit 0 for healthy and discards the output. So the exit code is 0 for OK alone and 1 for everything
else, also for a wrong option and our own bugs; changes go to syslog. keepalived up to 2.3.2 starts a second copy while
the first one runs: a lock keeps it from running the check again, and it answers with the last result.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import posix

from vipwarden.core.options import UsageError
from vipwarden.core.result import OK, UNKNOWN, WARNING, Result, State
from vipwarden.core.values import Choice, Count, Seconds
from vipwarden.net.blocking import Ended, end
from vipwarden.net.oneshot import Command
from vipwarden.state import files, paths
from vipwarden.state.clock import boot, monotonic
from vipwarden.state.publish import publish

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

HEALTHY, FAILED = 0, 1
NO_WEIGHT = 2  # with misc_dynamic
_HELD = (11, 13)  # EAGAIN, EACCES: another copy holds the lock
OWN_DEFAULTS = {"timeout": 0.9}  # seconds: below the shortest interval that keepalived 2.2 knows


class Weight(Count):
    """The weight of a real server, 0 to 253: what MISC_CHECK can say with an exit code."""

    __slots__ = ()
    MOST, WANTED = 253, "a weight is a number from 0 to 253"


class InMaintenance(Choice):
    """What keepalived is told in maintenance."""

    __slots__ = ()
    choices = ("drain", "down", "hold")


def front_end(
    *,
    name: str | None = None,
    misc_dynamic: bool = False,
    warning_weight: Weight = Weight(1),
    max_age: Seconds = Seconds(3),
    in_maintenance: InMaintenance = InMaintenance("drain"),
    help: bool = False,  # noqa: A002 - the option's name
) -> None:
    """Add the options that every chk_ command has.

    name: name of the verdict; default the command and its options
    misc_dynamic: for MISC_CHECK with misc_dynamic: exit with the code for --warning-weight on WARNING
    warning_weight: weight of a real server in WARNING, 0 to 253 (keepalived 2.1.5 takes 0 for 1)
    max_age: maximum age in seconds of the verdict with which a second copy answers while the first one runs
    in_maintenance: what keepalived is told: drain (with --misc-dynamic the weight 0), down, or hold for the last state
    help: show this text; exits 1, which keepalived takes for a failure
    """


def main(check: str, arguments: Sequence[str]) -> NoReturn:
    """Run a check for keepalived and exit with its answer, never another: 0, 1, or by --misc-dynamic a weight."""
    code = FAILED
    try:
        _signal.signal(_signal.SIGTERM, end)  # a script that exits 0 on SIGTERM would count as a success
        posix.umask(0o022)  # keepalived's is 0177
        code = _answer(check, arguments)
        posix._exit(code)
    except Ended:
        code = FAILED
    except UsageError as error:
        say(2, f"chk_{check}: {error}; see chk_{check} --help")
        from keepalived_scripts.tell import refuse

        refuse(check, error)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is not healthy
        say(2, f"chk_{check}: {error or type(error).__name__}")
    posix._exit(code)


def _answer(check: str, arguments: Sequence[str]) -> int:
    command = Command(f"chk_{check}", check, front_end, arguments)
    if command.front_end["help"]:
        from vipwarden.core.usage import usage

        say(1, usage(command.program, command.function, front_end))
        return FAILED
    folder = paths.verdicts()
    try:
        files.ready(folder)
        lock = files.lock(f"{folder}/.{paths.file_name(f'{_place()} {command.asked}')}.lock")
    except OSError as error:
        lock = None  # copies are not kept apart then, but each has an answer
        say(2, f"chk_{check}: no verdicts in {folder}: {error.strerror}")
        if monotonic() % 60 < 1:  # keepalived discards the output, and there is no memory of what was logged
            from keepalived_scripts.tell import log

            log(command.program, UNKNOWN, f"{command.name}: no verdicts in {folder}: {error.strerror}")
    if lock is not None:
        try:
            posix.lockf(lock, posix.F_TLOCK, 0)
        except OSError as error:
            if error.errno in _HELD:
                return _code(_last(lock, command.number("max_age")), command)
    held = _held(lock, command)
    result, duration = command.run()
    say(1, result.text)
    answer = result.state if held is None else held
    if lock is not None:
        _keep(lock, answer)
        report(folder, command.program, command.name, result, duration)
    return _code(answer, command)


def _place() -> str:
    """Return the namespaces of this run: the same command has another answer in others."""
    try:
        return "-".join([f"{posix.stat(f'/proc/self/ns/{name}').st_ino:x}" for name in ("net", "mnt", "pid")])
    except OSError:  # no /proc
        return ""


def _keep(lock: int, state: State) -> None:
    """Write the answer into the file of the lock, for other copies: checks of the same name share a verdict.

    Before anything else: no copy may exit after this run with the answer of the run before.
    """
    try:
        posix.pwrite(lock, b"%d %014d\n" % (state, boot() * 100), 0)
    except OSError:
        try:
            posix.ftruncate(lock, 0)  # the old answer is no longer true
        except OSError:
            pass


def _held(lock: int | None, command: Command) -> State | None:
    """Return the state that a maintenance holds: that of the last answer, which is written down again each time."""
    if command.front_end["in_maintenance"] != "hold" or lock is None or not _is_maintained(command):
        return None
    state = posix.pread(lock, 1, 0)
    return State(int(state)) if state in (b"0", b"1", b"2", b"3") else None


def _is_maintained(command: Command) -> bool:
    """Return whether the check is in maintenance; nothing is loaded where nothing is."""
    if not any(map(_has_files, {paths.maintained(), paths.maintained(paths.ROOT)})):
        return False
    from vipwarden.state.maintained import read_copies
    from vipwarden.state.maintenance import chosen

    return chosen(read_copies(), command.name, str(command.values.get("host", ""))) is not None


def _has_files(folder: str) -> bool:
    try:
        return bool(posix.listdir(folder))
    except OSError:
        return False


def _last(lock: int, max_age: float) -> State:
    """Return the last answer in the file of a lock that another copy holds; UNKNOWN where it is too old or missing."""
    from vipwarden.state.standing import standing
    from vipwarden.state.verdict import Verdict

    try:
        state, stamp = map(int, posix.pread(lock, 64, 0).split())
        last = Verdict("", "", Result(State(state), ""), 0, stamp / 100, 0)
    except (OSError, ValueError):  # there was no run before
        last = None
    return standing(last, max_age).state


def _code(state: State, command: Command) -> int:
    """Translate a state for keepalived: exit codes of check_misc.c, misc_check_child_thread()."""
    if command.front_end["in_maintenance"] != "hold" and _is_maintained(command):
        is_drained = command.front_end["in_maintenance"] == "drain" and command.front_end["misc_dynamic"]
        return NO_WEIGHT if is_drained and state in (OK, WARNING) else FAILED
    if state == OK:
        return HEALTHY
    if command.front_end["misc_dynamic"] and state == WARNING:
        return int(command.number("warning_weight")) + 2
    return FAILED


def report(folder: str, program: str, name: str, result: Result, duration: float) -> None:
    """Publish the verdict, and log a change with its reason: keepalived logs only that a script failed."""
    try:
        before = publish(folder, name, program.removeprefix("chk_"), result, duration)
    except OSError as error:
        from keepalived_scripts.tell import log

        log(program, WARNING, f"{name}: cannot publish the verdict: {error.strerror}")
        return
    if before is None or before.result.state != result.state:
        from keepalived_scripts.tell import changed

        changed(program, name, result, before)


def say(descriptor: int, text: str) -> None:
    """Write a line for an operator who runs it by hand."""
    try:
        posix.write(descriptor, (text + "\n").encode("utf-8", "replace"))
    except OSError:
        pass  # nobody listens
