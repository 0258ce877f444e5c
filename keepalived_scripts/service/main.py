"""Is a service healthy, and if not, does one restart help? chk_service and chk_haproxy, for keepalived.

They never stop keepalived: the exit code gives the VIP up. What they remember of a service is kept for all who ask
about the same unit, so that two keepalived instances that run them at once restart it once.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import posix

from keepalived_scripts.chk import FAILED, HEALTHY, leave, say
from keepalived_scripts.service import memory, rules
from keepalived_scripts.service.options import PRESETS, front_end
from keepalived_scripts.service.parts import Ask, ask
from keepalived_scripts.service.single import Busy, single
from vipwarden.core.options import UsageError, complete, options, parse
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Metric, Result, State
from vipwarden.net.blocking import end
from vipwarden.state import paths
from vipwarden.state.clock import boot, monotonic, wall
from vipwarden.state.publish import publish
from vipwarden.state.standing import standing
from vipwarden.state.verdict import read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

    from keepalived_scripts.service.parts import Part

_LATELY = 60  # seconds from a healthy verdict within which a bad run is one to be lenient with
_FOR_THE_END = 0.35  # the part of the deadline that is left for deciding and writing down what follows


def main(preset: str, arguments: Sequence[str]) -> NoReturn:
    """Run one of PRESETS for keepalived and leave with its answer, HEALTHY or FAILED."""
    code = FAILED
    begun = monotonic()
    try:
        _signal.signal(_signal.SIGTERM, end)  # a script that exits 0 on SIGTERM would count as a success
        posix.umask(0o022)  # keepalived's is 0177
        code = _answer(preset, arguments, begun)
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is not healthy
        say(2, f"chk_{preset}: {error or type(error).__name__}; see chk_{preset} --help")
    posix._exit(code)


class Service:
    """What is asked about: its parts, the way to restart it and the names under which it is known."""

    def __init__(self, preset: str, values: dict[str, Any]) -> None:
        """Take it from the values of the options; raises UsageError."""
        self.program = f"chk_{preset}"
        self.parts: list[Part] = []
        if values["command"] is not None:
            self.parts.append(Ask.of("process", "--command", values["command"]))
        if preset == "haproxy":
            from keepalived_scripts.service.stats import haproxy

            self.parts += haproxy(values["conf"], values["socket"], values["host"], values["port"])
        self.parts += values["check"]
        if not self.parts:
            raise UsageError("nothing to ask: --command or --check is wanted")
        unit: str | None = values["unit"]
        self.restart: tuple[str, ...] = values["restart"] or ()
        self.unit = unit if unit and not self.restart else ""
        if self.unit:
            self.restart = ("systemctl", "--no-block", "restart", self.unit)
        self.restart_timeout: float = values["restart_timeout"]
        self.limits = rules.Limits(
            fall=values["fall"],
            fall_timeout=values["fall_timeout"],
            grace=values["grace"],
            good_for=values["good_for"],
            restarts=values["restarts"],
            window=values["window"],
        )
        whole = " ".join(values["restart"] or ([unit.removesuffix(".service")] if unit else map(str, values["check"])))
        self.name = values["name"] or f"{self.program} {whole or values['command']}"
        self.key = paths.file_name(whole if self.restart else self.name)


def _answer(preset: str, arguments: Sequence[str], begun: float) -> int:
    own = PRESETS[preset]
    known = options(own, front_end)
    values: dict[str, Any] = parse(known, arguments)
    if values.get("help"):
        from vipwarden.core.usage import usage

        say(1, usage(f"chk_{preset}", own, front_end))
        return FAILED
    if values.get("restart") and values.get("unit"):
        raise UsageError("--unit and --restart are two ways to do the same: give one")
    complete(known, values)
    values = {name: values.get(name, option.default) for name, option in known.items()}
    service = Service(preset, values)
    until = begun + values["timeout"]
    _signal.signal(_signal.SIGALRM, leave)
    _signal.setitimer(_signal.ITIMER_REAL, max(0.001, until - monotonic()))
    folder = paths.verdicts()
    try:
        lock = single(folder, service.key, service.name, values["max_age"], until)
    except Busy as busy:
        say(1, busy.result.text)
        return _code(busy.result)
    except OSError as error:
        say(2, f"{service.program}: no restart, for nothing can be locked in {folder}: {error.strerror}")
        result = ask(service.parts, until)
        say(1, result.text)
        return _code(result if result.state == OK else Result(CRITICAL, result.text))
    result = _judge(service, lock, begun, until)
    say(1, result.text)
    _publish(service, folder, result, monotonic() - begun)
    return _code(result)


def _judge(service: Service, lock: int, begun: float, until: float) -> Result:
    """Ask the parts, follow the rules and do what they say."""
    path = f"{paths.services()}/{service.key}"
    known = None
    try:
        before = known = memory.recall(path)
    except memory.LostError as error:
        _log(service, CRITICAL, f"{error}; down until it has been good for {service.limits.good_for:g} s")
        before = memory.lost(service.limits)
    found = ask(service.parts, until - (until - begun) * _FOR_THE_END)
    _signal.signal(_signal.SIGALRM, leave)  # the checks set an alarm of their own
    _signal.setitimer(_signal.ITIMER_REAL, max(0.001, until - monotonic()))
    step, why = _follow(service, path, before, found, until)
    said = ": ".join(part for part in (step.said, why) if part)
    text = found.text + (f" ({said})" if said else "")
    if step.memory != known:
        from keepalived_scripts.service.restart import Restart, record

        restart = None
        if step.restart:
            _log(service, WARNING, f"restart: {' '.join(service.restart)}: {found.text}")
            restart = Restart(service.program, service.restart, service.restart_timeout, step.memory.at)
        failed = record(path, memory.text_of(step.memory), lock, until - 0.02, restart)
        if failed:
            text += f"; {failed}" + (", so no restart" if step.restart else "")
            return Result(CRITICAL, text)
    if step.healthy:
        state: State = OK if found.state == OK else WARNING
    else:
        state = UNKNOWN if found.state == UNKNOWN else CRITICAL
    return Result(state, text, [Metric("restarts", len(step.memory.restarts), minimum=0)])


def _follow(service: Service, path: str, before: rules.Memory, found: Result, until: float) -> tuple[rules.Step, str]:
    """Follow the rules; where a restart or the VIP hangs on it, see first what else is known, which is told too."""
    good, may = found.state == OK, bool(service.restart) and found.state == CRITICAL
    now, today = boot(), wall()
    if not good and before.phase == rules.GOOD and not _was_healthy(service):
        before = before.copy()
        before.phase = rules.DOWN

    def step(fate: str = "") -> rules.Step:
        return rules.step(
            before, service.limits, good=good, may=may, now=now, today=today, expired=found.expired, fate=fate
        )

    plain = step()
    if good or not (plain.restart or before.phase == rules.TRYING or before.tried):
        return plain, ""
    fate, why = _fate(service, path, before, monotonic() + (until - monotonic()) / 2)
    return step(fate), why


def _was_healthy(service: Service) -> bool:
    """Return whether it was healthy lately: what was not has nothing to keep, as when keepalived starts."""
    last = standing(read(f"{paths.verdicts()}/{paths.file_name(service.name)}"), _LATELY)
    return last.is_valid and last.state in (OK, WARNING)


def _fate(service: Service, path: str, before: rules.Memory, until: float) -> tuple[str, str]:
    """Return what is known of the last restart and of the unit, for rules.step(), and the words for it."""
    if before.tried:
        from keepalived_scripts.service.restart import failure

        why = failure(path, before.at)
        if why:
            return rules.BROKEN, why
    if not service.unit:
        return "", ""
    from keepalived_scripts.service.unit import fate

    return fate(service.unit, until)


def _code(result: Result) -> int:
    """Translate: a WARNING is bad within what the operator allowed (fall, grace)."""
    return HEALTHY if result.state in (OK, WARNING) else FAILED


def _publish(service: Service, folder: str, result: Result, duration: float) -> None:
    try:
        before = publish(folder, service.name, service.program.removeprefix("chk_"), result, duration)
    except OSError as error:
        _log(service, WARNING, f"cannot publish the verdict: {error.strerror}")
        return
    old: State | str = before.result.state if before is not None else "first run"
    if old != result.state:
        _log(service, result.state, f"{old} -> {result.state}: {result.text}")


def _log(service: Service, state: State, text: str) -> None:
    from vipwarden.core import syslog

    severity = syslog.NOTICE if state == OK else syslog.WARNING if state == WARNING else syslog.ERROR
    syslog.log(service.program, severity, f"{service.name}: {text}")
