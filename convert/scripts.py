"""How do the vrrp_scripts become track files of the agent, scripts that read a verdict, or chk_ commands?

A track file fails closed without a weight, by ``weight 0 reverse``, and with a positive weight, which a lost file does
not add. What is subtracted while a script fails has no such form: then the vrrp_script stays, and reads the verdict.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from convert.checkers import all_known
from convert.commands import argv, asked, is_own
from convert.source import PlaceError
from convert.tracks import track, weight_of
from convert.wanted import LeftError, Wanted
from convert.work import TRACKS, any_page, block_text, comments, seconds
from doctor.tracking import everywhere
from vipwarden.node.keepalived.version import Version
from vipwarden.state import paths

if TYPE_CHECKING:
    from convert.script import Meaning
    from convert.source import Span
    from convert.work import Work
    from vipwarden.node.keepalived.conf import Block

_TRACK_FILE = Version("2.1.0")
_KNOWN = ("script", "interval", "timeout", "weight", "rise", "fall", "user", "init_fail")
_LONGEST = 3  # seconds for a service to answer: it takes two runs without an answer to restart it
_SLACK = 0.1  # seconds between the deadline of a command and its time-out


def scripts(work: Work) -> None:
    """Convert all vrrp_scripts and what tracks them."""
    moved: set[str] = set()
    for script in work.conf.named("vrrp_script"):
        try:
            if _convert(work, script):
                moved.add(script.name)
        except (LeftError, PlaceError) as error:
            work.leave(script, error)
    for tracks in everywhere(work.conf, "track_script") if moved else ():
        track(work, tracks, moved)


def _convert(work: Work, script: Block) -> bool:
    """Convert a vrrp_script; return whether it became a track file; raises LeftError or PlaceError."""
    all_known(script, _KNOWN, {})
    line = script.last("script")
    if line is None:
        raise LeftError("it has no script, and keepalived ignores it")
    words = argv(line, work.way.version)
    if is_own(words):
        return False
    known = asked(work.conf, script, words, work.way)
    span = work.sources.span(script)
    part = span.inner[script.blocks.index(line)]
    made = _times(script, known)
    for note in any_page(known.asked.options):
        work.note(script, note)
    if known.unit or known.restart:
        _replace(part, work.command(*_service(known, made.timeout)))
        if not (known.stops or known.exits):
            work.note(script, "a failure that a restart does not mend counts now; the script had no exit code for it")
        _give_up(work, script, span, known)
    elif work.way.oneshot:
        _replace(part, work.oneshot(known.asked, max(made.timeout - _SLACK, 0.1)))
        _give_up(work, script, span, known)
    elif (weight := weight_of(work, script, stops=known.stops)) is not None:
        name = work.entry(made, made.interval)
        keyword = "track_file" if work.way.version >= _TRACK_FILE else "vrrp_track_file"
        value = f"weight {weight}" if weight else "weight 0 reverse"
        body = [*comments(span), f"file {TRACKS}/{paths.file_name(name)}", value]
        span.file.replace(span.start, span.end, block_text(f"{keyword} {script.name}", body, span))
        work.done += 1
        if known.stops:
            _tell(work, script)
        return True
    else:
        _reader(work, part, made)
        _give_up(work, script, span, known)
    work.done += 1
    return False


def _times(script: Block, known: Meaning) -> Wanted:
    """Return what a vrrp_script asks and when; raises LeftError."""
    interval = _number(script, "interval", 1)
    timeout = _number(script, "timeout", interval)
    rise, fall = int(_number(script, "rise", 1)), int(_number(script, "fall", 1))
    return Wanted([known.asked], script.name, interval, min(timeout, interval), max(fall, 1), max(rise, 1))


def _number(script: Block, keyword: str, default: float) -> float:
    text = script.value(keyword)
    if not text:
        return default
    if not (text.isascii() and text.replace(".", "", 1).isdigit()) or not 0 < float(text) <= 86400:
        raise LeftError(f"{keyword} {text} is no number up to 86400")
    return float(text)


def _service(known: Meaning, timeout: float) -> list[str]:
    """Return chk_service with its arguments for a script that restarts; raises LeftError."""
    one = known.asked
    name = str(one.options.get("command", ""))
    wait = ["--timeout", seconds(min(timeout, _LONGEST) - _SLACK)] if timeout > 1 else []
    if name == "haproxy" and known.unit in ("haproxy", "haproxy.service"):
        return ["chk_haproxy", *wait]
    words = ["--command", name] if name else ["--check", shlex.join([one.check, *one.words()])]
    restart = ["--unit", known.unit] if known.unit else ["--restart", known.restart]
    return ["chk_service", *words, *restart, *wait]


def _give_up(work: Work, script: Block, span: Span, known: Meaning) -> None:
    """Let a failure be FAULT where the script stopped keepalived: that took the VIP whatever the weight."""
    if not known.stops:
        return
    for block, part in zip(script.blocks, span.inner, strict=True):
        if block.words[0] == "weight":
            start = part.file.text.rfind("\n", 0, part.start) + 1
            end = part.file.text.find("\n", part.end) + 1
            alone = not part.file.text[start : part.start].strip()
            part.file.replace(start if alone and end else part.start, end if alone and end else part.end, "")
    _tell(work, script)


def _tell(work: Work, script: Block) -> None:
    text = "a failure is FAULT, as the script stopped keepalived"
    if script.value("weight"):
        text += f"; its weight of {script.value('weight')} is gone: convert the peers as well"
    work.note(script, text)


def _replace(part: Span, text: str) -> None:
    part.file.replace(part.start, part.end, f"script {text}")


def _reader(work: Work, part: Span, made: Wanted) -> None:
    """Let the script read the verdict, at its own interval; keepalived counts rise and fall."""
    quarter = made.interval / 4
    is_local = made.checks[0].check == "process"
    interval = quarter if is_local else max(quarter, min(made.timeout, made.interval / 2))
    made.rise = made.fall = 1
    _replace(part, work.command("chk_verdict", paths.file_name(work.entry(made, interval))))
