"""Do intervals and timeouts work in the keepalived of this node?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doctor.case import Case, Findings, rule
from doctor.finding import ERROR, WARNING, at
from doctor.tracking import everywhere
from vipwarden.node.keepalived.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vipwarden.node.keepalived.conf import Block

_FRACTIONS = Version("2.3.2")


def seconds(text: str, default: float) -> float:
    """Return a number of seconds, or the default."""
    plain = text.isascii() and text.replace(".", "", 1).isdigit() and len(text) < 12
    return float(text) if plain else default


@rule("script-overlaps", WARNING)
def script_overlaps(case: Case) -> Findings:
    """Scripts that may outlast their interval where keepalived then starts a second copy."""
    for script in case.conf.named("vrrp_script") if case.is_version("2.1.3", "2.3.2") else ():
        timeout, interval = script.last("timeout"), seconds(script.value("interval"), 1)
        if timeout is not None and seconds(timeout.name, 0) > interval:
            what = f"vrrp_script {script.name} may take {timeout.name} s, and starts every {interval:g} s"
            consequence = (
                f"{case.running}: versions 2.1.3 to 2.3.2 log that they skip the run and start it all the same; "
                "copies of a hung script pile up until the node hangs too."
            )
            fix = f"timeout {interval:g}; chk_ scripts have a deadline of 0.9 s."
            yield at(timeout, what, consequence, fix)


@rule("interval-fraction", ERROR)
def interval_fraction(case: Case) -> Findings:
    """Fractions of a second that this keepalived does not support."""
    if case.version is None or case.version >= _FRACTIONS:
        return
    for script in case.conf.named("vrrp_script"):
        for block in script.named("interval", "timeout"):
            if "." in block.name and seconds(block.name, -1) >= 0:
                what = f"vrrp_script {script.name}: {block.name} is not a whole number of seconds"
                taken = max(1, int(float(block.name)))
                consequence = f"keepalived {case.version} reports a wrong number and takes {taken} s."
                yield at(block, what, consequence, f"Write whole seconds: fractions need keepalived {_FRACTIONS}.")


@rule("interval-long", WARNING)
def interval_long(case: Case) -> Findings:
    """Scripts that take more than ten seconds to notice a dead service."""
    for script in case.conf.named("vrrp_script"):
        interval, fall = seconds(script.value("interval"), 1), seconds(script.value("fall"), 1)
        if interval * fall > 10:
            what = f"vrrp_script {script.name} runs every {interval:g} s and must fail {fall:g} times"
            consequence = f"A dead service keeps the VIP for up to {interval * fall:g} s."
            fix = "interval 1 and fall 2: a chk_ script takes a few hundredths of a second."
            yield at(script.last("interval") or script, what, consequence, fix)


@rule("keyword-too-new", ERROR)
def keyword_too_new(case: Case) -> Findings:
    """Tracking keywords that this keepalived does not know."""
    for block, what, since, fix in _newer(case.conf):
        if case.version is not None and case.version < Version(since):
            consequence = f"keepalived {case.version} does not know it and continues without it."
            yield at(block, f"{what} needs keepalived {since}", consequence, fix)


def _newer(conf: Block) -> Iterator[tuple[Block, str, str, str]]:
    for block in conf.named("track_file"):
        yield block, "track_file", "2.1.0", "Call it vrrp_track_file."
    for block in everywhere(conf, "FILE_CHECK"):
        yield block, "FILE_CHECK", "2.1.0", "Use a MISC_CHECK."
    for block in everywhere(conf, "weight"):
        if "reverse" in block.words:
            fix = "Let the check, or what writes the file, reverse the value."
            yield block, "weight with reverse", "2.0.18", fix
