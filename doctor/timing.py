"""Do the intervals and time-outs hold what they promise, in the version of keepalived that runs here?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doctor.rule import ERROR, WARNING, Finding, at, rule
from doctor.tracking import everywhere
from vipwarden.node.keepalived.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from doctor.case import Case
    from vipwarden.node.keepalived.conf import Block

FRACTIONS = Version("2.3.2")


def seconds(text: str, default: float) -> float:
    """Return a number of seconds as it is written, or the default."""
    plain = text.isascii() and text.replace(".", "", 1).isdigit() and len(text) < 12
    return float(text) if plain else default


@rule("script-overlaps", WARNING)
def script_overlaps(case: Case) -> Iterator[Finding]:
    """Find scripts that may outlast their interval where keepalived then starts a second copy."""
    if not case.is_version("2.1.3", "2.3.2"):
        return
    for script in case.conf.named("vrrp_script"):
        timeout, interval = script.last("timeout"), seconds(script.value("interval"), 1)
        if timeout is not None and seconds(timeout.name, 0) > interval:
            what = f"vrrp_script {script.name} may take {timeout.name} s, and starts every {interval:g} s"
            consequence = (
                f"{case.running}: versions 2.1.3 to 2.3.2 log that they skip the run, and start it all the same; "
                "copies of a script that hangs pile up until the node hangs as well."
            )
            yield at(
                timeout, what, consequence, f"timeout {interval:g}; chk_ scripts have a deadline of 0.9 s of their own."
            )


@rule("interval-fraction", ERROR)
def interval_fraction(case: Case) -> Iterator[Finding]:
    """Find fractions of a second that keepalived does not understand yet."""
    if case.version is None or case.version >= FRACTIONS:
        return
    for script in case.conf.named("vrrp_script"):
        for block in script.named("interval", "timeout"):
            if "." in block.name and seconds(block.name, -1) >= 0:
                what = f"vrrp_script {script.name}: {block.name} is no whole number of seconds"
                taken = max(1, int(float(block.name)))
                consequence = f"keepalived {case.version} reports a wrong number and takes it for {taken} s."
                yield at(block, what, consequence, f"Write whole seconds; fractions are known from {FRACTIONS} on.")


@rule("interval-long", WARNING)
def interval_long(case: Case) -> Iterator[Finding]:
    """Find scripts that take more than ten seconds to notice a dead service."""
    for script in case.conf.named("vrrp_script"):
        interval, fall = seconds(script.value("interval"), 1), seconds(script.value("fall"), 1)
        block = script.last("interval") or script
        if interval * fall > 10:
            what = f"vrrp_script {script.name} runs every {interval:g} s and must fail {fall:g} times"
            consequence = f"A dead service keeps the VIP for up to {interval * fall:g} s."
            yield at(
                block, what, consequence, "interval 1 and fall 2: a chk_ script costs a few hundredths of a second."
            )


@rule("keyword-too-new", ERROR)
def keyword_too_new(case: Case) -> Iterator[Finding]:
    """Find keywords of tracking that the keepalived of this node does not know yet."""
    for block, what, since, fix in _newer(case.conf):
        if case.version is not None and case.version < since:
            consequence = f"keepalived {case.version} does not know it and goes on without."
            yield at(block, f"{what} needs keepalived {since}", consequence, fix)


def _newer(conf: Block) -> Iterator[tuple[Block, str, Version, str]]:
    for block in conf.named("track_file"):
        yield block, "track_file", Version("2.1.0"), "Call it vrrp_track_file."
    for block in everywhere(conf, "FILE_CHECK"):
        yield block, "FILE_CHECK", Version("2.1.0"), "Use a MISC_CHECK."
    for block in everywhere(conf, "weight"):
        if "reverse" in block.words:
            yield (
                block,
                "weight with reverse",
                Version("2.0.18"),
                "Let what writes the file or runs the check turn it round.",
            )
