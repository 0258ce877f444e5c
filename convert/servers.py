"""How do the checkers of real servers become checks of the agent, or chk_ commands?

By MISC_CHECK with chk_verdict a verdict has all consequences of the checker that it replaces. It is read so often that
the agent's interval and its own add up to the delay_loop.

A FILE_CHECK costs no process and is read at once, but a failed server gets weight 0 in place of leaving the table, and
its notify_down does not run. So it is used where inhibit_on_failure asks for weight 0, or the operator does. A lost
file reads as 0: for that to be the fault, another FILE_CHECK takes the own weight away, with a file that always holds
1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from convert.checkers import CHECKERS, OTHERS, times, wanted
from convert.commands import argv, asked, is_own, lacks_user
from convert.source import PlaceError
from convert.wanted import LeftError, Wanted
from convert.work import FRACTIONS, TRACKS, any_page, block_text, comments, limit, seconds
from vipwarden.node.keepalived.conf import Block
from vipwarden.node.keepalived.version import Version
from vipwarden.state import paths

if TYPE_CHECKING:
    from convert.source import Span
    from convert.work import Work

FILE_CHECK = Version("2.2.7")  # from there on its behaviour is known by tests
ONE = "vipwarden-one"
_MOST_READERS = 100  # a second
_KEPT = ("warmup", "alpha", "log_all_failures", "user")
_TIMES = ("delay_loop", "retry", "delay_before_retry")


def servers(work: Work) -> None:
    """Convert the checkers of all real servers."""
    for whole in work.conf.named("virtual_server"):
        service = Block(whole.words, whole.text, whole.path, whole.number)  # of 10 000 servers each looks through it
        service.blocks = [block for block in whole.blocks if block.words[0] != "real_server"]
        for server in whole.named("real_server"):
            for checker in server.blocks:
                if checker.words[0] in OTHERS:
                    if checker.words[0] == "BFD_CHECK":
                        work.leave(checker, OTHERS["BFD_CHECK"])
                elif checker.words[0] in CHECKERS:
                    try:
                        _convert(work, service, server, checker)
                    except (LeftError, PlaceError) as error:
                        work.leave(checker, error)
    if work.readers > _MOST_READERS:
        text = f"keepalived would run chk_verdict {work.readers:.0f} times a second: with --quiesce none is run"
        work.notes.append((work.conf.path, text))


def _convert(work: Work, service: Block, server: Block, checker: Block) -> None:
    """Convert one checker; raises LeftError or PlaceError, and then nothing has changed."""
    if checker.words[0] == "MISC_CHECK":
        made = _script(work, service, server, checker)
        if made is None:
            return
    else:
        made = wanted(service, server, checker)
    span = work.sources.span(checker)
    if work.way.oneshot:
        text = _oneshot(work, made, service, server, checker, span)
    elif _is_quiesced(work, service, server):
        text = _file_check(work, made, service, server, span)
    else:
        text = _reader(work, made, service, server, checker, span)
    span.file.replace(span.start, span.end, text)
    work.done += 1
    for note in made.notes:
        work.note(checker, note)


def _script(work: Work, service: Block, server: Block, checker: Block) -> Wanted | None:
    """Return what a MISC_CHECK asks, None where it is ours already; raises LeftError."""
    path = checker.last("misc_path")
    if path is None:
        raise LeftError("it has no misc_path, and keepalived ignores it")
    words = argv(path, work.way.version)
    if is_own(words):
        return None
    known = asked(work.conf, checker, words, work.way)
    if known.unit or known.restart or known.stops:
        raise LeftError(f"{' '.join(words)} starts or stops a service of this node for a real server")
    made = times(service, server, checker)
    made.checks = [known.asked]
    made.notes += any_page(known.asked.options)
    port = known.asked.options.get("port") or (server.words[2] if len(server.words) > 2 else "")
    host = known.asked.options.get("host") or server.name
    made.name = f"{known.asked.check}@{host}{port and ':'}{port}"
    if checker.last("misc_dynamic") is not None:
        made.notes.append("without misc_dynamic: the exit code of this script was never meant for a weight")
    return made


def _is_quiesced(work: Work, service: Block, server: Block) -> bool:
    """Return whether a FILE_CHECK has the consequences that are wanted."""
    inhibits = any(block.last("inhibit_on_failure") is not None for block in (server, service)) or work.way.quiesce
    alone = sum(block.words[0] in (*CHECKERS, *OTHERS) for block in server.blocks) == 1
    tells = server.last("notify_up", "notify_down") is not None
    return inhibits and alone and not tells and work.way.version >= FILE_CHECK and _weight(service, server) > 0


def _weight(service: Block, server: Block) -> int:
    text = server.value("weight") or service.value("weight") or "1"
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0


def _reader(work: Work, made: Wanted, service: Block, server: Block, checker: Block, span: Span) -> str:
    """Return a MISC_CHECK that reads the verdict of the agent."""
    every = min(max(made.interval / 4, 0.25), 1)
    if work.way.version < FRACTIONS:
        every = 1
    interval = max(made.interval - every, min(made.timeout, made.interval), made.interval / 4)
    name = work.entry(made, interval)
    work.readers += 1 / every
    lines = [*comments(span), f"misc_path {work.command('chk_verdict', paths.file_name(name))}", "misc_timeout 2"]
    lines.append(f"delay_loop {seconds(every)}")
    if any(block.value("retry") for block in (server, service)):
        lines.append("retry 0")
    return block_text("MISC_CHECK", [*lines, *_kept(work, checker, _KEPT)], span)


def _file_check(work: Work, made: Wanted, service: Block, server: Block, span: Span) -> str:
    """Return the FILE_CHECKs, and define their files before the virtual server; raises PlaceError."""
    start = work.sources.line(service)
    weight = _weight(service, server)
    known = {block.name for block in work.conf.named("track_file", "vrrp_track_file")}
    lines = []
    if ONE not in known and ONE not in work.files:
        work.entries.one(ONE)
        lines += _file(ONE, ONE, init=True)
        work.files.add(ONE)
    name = work.entry(made, made.interval)
    file = paths.file_name(name)
    if file in known:
        raise LeftError(f"there is a track_file {file} already")
    if file not in work.files:
        lines += _file(file, file)
        work.files.add(file)
    if lines:
        start.file.replace(start.start, start.start, "\n".join([*lines, ""]))
    takes = block_text("FILE_CHECK", [f"track_file {ONE}", f"weight -{weight}"], span)
    gives = block_text("FILE_CHECK", [*comments(span), f"track_file {file}", f"weight {weight}"], span)
    return f"{takes}\n{span.file.indent(span.start)}{gives}"


def _file(name: str, file: str, *, init: bool = False) -> list[str]:
    always = ["    init_file 1    # always 1: then the loss of another file is a fault"] if init else []
    return [f"track_file {name} {{", f"    file {TRACKS}/{file}", *always, "}"]


def _oneshot(work: Work, made: Wanted, service: Block, server: Block, checker: Block, span: Span) -> str:
    """Return a MISC_CHECK for each check."""
    kept = _kept(work, checker, (*_TIMES, *_KEPT))
    around = (checker, server, service)
    if made.fall > 1 and not any(block.value("retry") for block in around):
        kept.append(f"retry {made.fall - 1}")
    if made.fall > 1 and not any(block.value("delay_before_retry") for block in around) and made.pause != 1:
        kept.append(f"delay_before_retry {seconds(made.pause)}")
    blocks: list[str] = []
    for one in made.checks:
        lines = [f"misc_path {work.oneshot(one, made.timeout)}", f"misc_timeout {limit(made.timeout)}", *kept]
        blocks.append(block_text("MISC_CHECK", lines if blocks else [*comments(span), *lines], span))
    return f"\n{span.file.indent(span.start)}".join(blocks)


def _kept(work: Work, checker: Block, keywords: tuple[str, ...]) -> list[str]:
    """Return the statements that are valid in a MISC_CHECK as well; without a user keepalived would drop it."""
    kept = [block.text for block in checker.named(*keywords)]
    return kept if checker.last("user") is not None or not lacks_user(work.conf) else [*kept, "user root"]
