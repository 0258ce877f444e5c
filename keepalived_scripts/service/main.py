"""Is a service healthy, and if not, does a restart help? chk_service and chk_haproxy, for keepalived.

They never stop keepalived: the exit code gives up the VIP. All runs for one unit share one memory, so that two
instances of keepalived restart it only once. In maintenance they restart nothing.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import posix

from keepalived_scripts.chk import FAILED, HEALTHY, report, say
from keepalived_scripts.service import memory, rules
from keepalived_scripts.service.options import PRESETS, front_end
from keepalived_scripts.service.parts import Ask, ask
from vipwarden.core.options import UsageError, complete, options, parse
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, WARNING, Metric, Result, State
from vipwarden.net.blocking import end
from vipwarden.net.stream import NetError
from vipwarden.state import paths
from vipwarden.state.clock import boot, monotonic, wall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

    from keepalived_scripts.service.parts import Part

LATER = ("vipwarden.net.file",)
_FOR_THE_END = 0.35  # the part of the deadline for the rules and the record


def main(preset: str, arguments: Sequence[str]) -> NoReturn:
    """Run one of PRESETS for keepalived and exit with HEALTHY or FAILED."""
    code = FAILED
    begun = monotonic()
    try:
        _signal.signal(_signal.SIGTERM, end)  # a script that exits 0 on SIGTERM would count as a success
        posix.umask(0o022)  # keepalived's is 0177
        code = _answer(preset, arguments, begun)
    except BaseException as error:  # noqa: BLE001 - any error is a failure
        say(2, f"chk_{preset}: {error or type(error).__name__}; see chk_{preset} --help")
    posix._exit(code)


class Service:
    """A service: its parts, its restart, and the names of its verdict and memory."""

    def __init__(self, preset: str, values: dict[str, Any]) -> None:
        """Build it from the values of the options; raises UsageError."""
        self.program = f"chk_{preset}"
        self.parts: list[Part] = []
        if values["command"] is not None:
            self.parts.append(Ask(("process", "--command", values["command"])))
        if preset == "haproxy":
            from keepalived_scripts.service.stats import haproxy

            conf, seconds = values["conf"], values["timeout"] / 4
            self.parts += haproxy(conf, values["socket"], values["host"], values["port"], seconds)
        self.parts += values["check"]
        if not self.parts:
            raise UsageError("nothing to check: give --command or --check")
        unit: str | None = values["unit"]
        self.restart: tuple[str, ...] = values["restart"] or ()
        self.unit = unit if unit and not self.restart else ""
        if self.unit:
            self.restart = ("systemctl", "--no-block", "restart", self.unit)
        self.restart_timeout: float = values["restart_timeout"]
        names = ("fall", "fall_timeout", "grace", "good_for", "restarts", "window")
        self.limits = rules.Limits(**{name: values[name] for name in names})
        whole = " ".join(values["restart"] or ([unit.removesuffix(".service")] if unit else map(str, values["check"])))
        self.name = values["name"] or f"{self.program} {whole or values['command']}"
        self.key = paths.file_name(whole if self.restart else self.name)

    def log(self, state: State, text: str) -> None:
        """Log a line to syslog."""
        from keepalived_scripts.tell import log

        log(self.program, state, f"{self.name}: {text}")


def _answer(preset: str, arguments: Sequence[str], begun: float) -> int:
    own = PRESETS[preset]
    known = options(own, front_end)
    values: dict[str, Any] = parse(known, arguments)
    if values.get("help"):
        from vipwarden.core.usage import usage

        say(1, usage(f"chk_{preset}", own, front_end))
        return FAILED
    if values.get("restart") and values.get("unit"):
        raise UsageError("--unit and --restart exclude each other: give one")
    complete(known, values)
    values = {name: values.get(name, option.default) for name, option in known.items()}
    service = Service(preset, values)
    until = begun + values["timeout"]
    _set_alarm(until)
    folder = paths.verdicts()
    lock = None
    try:
        lock = memory.lock(folder, service.key, service.name, values["max_age"], until)
    except memory.Busy as busy:
        result = busy.result
    except OSError as error:
        say(2, f"{service.program}: no restart, because there is no lock in {folder}: {error.strerror}")
        result = ask(service.parts, until)
        if result.state != OK:
            result.state = CRITICAL
    else:
        result = _judge(service, lock, begun, until)
    say(1, result.text)
    if lock is not None:
        report(folder, service.program, service.name, result, monotonic() - begun)
    return HEALTHY if result.state in (OK, WARNING) else FAILED  # a WARNING is a failure within fall or grace


def _set_alarm(until: float) -> None:
    _signal.signal(_signal.SIGALRM, _leave)
    _signal.setitimer(_signal.ITIMER_REAL, max(0.001, until - monotonic()))


def _judge(service: Service, lock: int, begun: float, until: float) -> Result:
    """Run the parts, apply the rules and carry out the consequence."""
    path = f"{paths.services()}/{service.key}"
    known = None
    left = (until - begun) * _FOR_THE_END
    try:
        before = known = memory.recall(path, until - left - monotonic())
    except NetError as error:
        return Result(UNKNOWN, error.text, expired=True)
    except memory.LostError as error:
        service.log(CRITICAL, f"{error}; down until it has been good for {service.limits.good_for:g} s")
        before = memory.lost(service.limits)
    result = ask(service.parts, until - left)
    _set_alarm(until)  # the checks have set their own
    held = ""
    if service.restart and result.state != OK:
        from keepalived_scripts.service.held import no_restart

        held = no_restart(service.name, left / 4)
        service.restart = () if held else service.restart
    step, why = _follow(service, path, before, result, until)
    reason = ": ".join(part for part in (step.reason, why, held) if part)
    text = result.text + (f" ({reason})" if reason else "")
    if step.memory != known:
        from keepalived_scripts.service.restart import Restart, record

        restart = None
        if step.restart:
            service.log(WARNING, f"restart: {' '.join(service.restart)}: {result.text}")
            from keepalived_scripts.tell import hand_over

            hand_over(service.program, "restart", service.name, "restart", result.text, of=service.unit)
            restart = Restart(service.program, service.restart, service.restart_timeout, step.memory.at)
        failure = record(path, memory.text_of(step.memory), lock, until - 0.02, restart)
        if failure:
            return Result(CRITICAL, f"{text}; {failure}" + (", so no restart" if step.restart else ""))
    if step.healthy:
        state: State = OK if result.state == OK else WARNING
    else:
        state = UNKNOWN if result.state == UNKNOWN else CRITICAL
    return Result(state, text, [Metric("restarts", len(step.memory.restarts), minimum=0)])


def _follow(service: Service, path: str, before: rules.Memory, result: Result, until: float) -> tuple[rules.Step, str]:
    """Apply the rules; before a restart or a change of the verdict also ask for the state of the unit."""
    good, may = result.state == OK, bool(service.restart) and result.state == CRITICAL
    now, today = boot(), wall()
    if not good and before.phase == rules.GOOD and not memory.was_healthy(paths.verdicts(), service.name):
        before = before.copy()
        before.phase = rules.DOWN

    def step(fate: str = "") -> rules.Step:
        return rules.step(
            before, service.limits, good=good, may=may, now=now, today=today, expired=result.expired, fate=fate
        )

    plain = step()
    if good or not (plain.restart or before.phase == rules.TRYING or before.tried):
        return plain, ""
    fate, why = _fate(service, path, before, monotonic() + (until - monotonic()) / 2)
    return step(fate), why


def _fate(service: Service, path: str, before: rules.Memory, until: float) -> tuple[str, str]:
    """Return the state of the last restart and of the unit for rules.step(), and the text for it."""
    from keepalived_scripts.service.restart import failure, fate

    why = failure(path, before.at, (until - monotonic()) / 2) if before.tried else ""
    if why:
        return rules.BROKEN, why
    return fate(service.unit, until, service.limits.grace) if service.unit else ("", "")


def _leave(_number: int, _frame: object) -> None:
    """Exit on a signal, as a failure."""
    posix._exit(FAILED)
