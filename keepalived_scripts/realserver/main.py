"""Is this node a real server for these VIPs? Makes it one, ends that, and tells: realserver start|stop|status VIP..."""

from __future__ import annotations

import argparse
import signal
import sys
from typing import TYPE_CHECKING

from checks.node.addresses import AddressesError
from keepalived_scripts.realserver import arp
from keepalived_scripts.realserver.loopback import Loopback
from keepalived_scripts.realserver.record import Record, RecordError, locked
from keepalived_scripts.realserver.status import status, wrong
from keepalived_scripts.realserver.vip import FOLDER, Vip, VipError, vips

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_DONE, _FAILED, _USAGE, _DENIED = 0, 1, 2, 4  # LSB, of an init script's actions
_UNKNOWN = 4  # and of its "status"
_HELP = """\
start   puts each VIP on lo and sets arp_ignore=1 and arp_announce=2 where they are not in effect; all or nothing
stop    takes them away, and with the last one puts the settings back as they were before
status  tells what is in effect: exit code 0 all of it, 1 a part, 3 nothing, 4 cannot be told
"""


class FailedError(Exception):
    """It cannot be done; the text says why."""


def main(arguments: Sequence[str]) -> int:
    """Run ``realserver ACTION VIP...`` and return the exit code of LSB init scripts."""
    parser = argparse.ArgumentParser(
        "realserver", description=__doc__, epilog=_HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--conf", default=FOLDER, metavar="FOLDER", help=f"folder of named lists (default {FOLDER})")
    parser.add_argument("action", choices=("start", "stop", "status"))
    parser.add_argument("vip", nargs="+", help="an IPv4 or IPv6 address, or the name of a file with one on each line")
    given = parser.parse_args(arguments)
    try:
        wanted = vips(given.vip, given.conf)
    except VipError as error:
        return _say(str(error), _USAGE)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    try:
        loopback = Loopback()
        with locked() as record:
            if given.action == "status":
                code, lines = status(loopback, record, wanted)
                sys.stdout.write("".join(f"{line}\n" for line in lines))
                return code
            (start if given.action == "start" else stop)(loopback, record, wanted)
    except PermissionError as error:
        return _say(f"{error}; root is needed, or CAP_NET_ADMIN and the runtime folder", _DENIED)
    except (FailedError, RecordError, AddressesError, OSError) as error:
        return _say(str(error), _UNKNOWN if given.action == "status" else _FAILED)
    return _DONE


def start(loopback: Loopback, record: Record, wanted: Sequence[Vip]) -> None:
    """Make the node a real server; raises FailedError or OSError, and then nothing is changed."""
    undo: list[Callable[[], None]] = []
    vips_before, settings_before = set(record.vips), dict(record.settings)
    try:
        if any(vip.version == 4 for vip in wanted):
            for key in arp.WANTED:
                _set(key, record, undo)
        problems = wrong(loopback, wanted)  # before the address is there: ARP must never tell it
        if problems:
            raise FailedError("; ".join(problems))
        record.vips.update(wanted)
        record.write()
        held = loopback.held()
        for vip in wanted:
            if str(vip) not in held:
                undo.append(lambda vip=vip: loopback.remove(vip))  # type: ignore[misc]
                loopback.add(vip)
    except BaseException as error:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # what has begun to be undone is undone
        for step in reversed(undo):
            step()
        record.vips, record.settings = vips_before, settings_before
        record.write()
        if isinstance(error, OSError) and not isinstance(error, PermissionError):
            raise FailedError(f"nothing is changed: {error}") from None
        raise


def _set(key: str, record: Record, undo: list[Callable[[], None]]) -> None:
    before, ours = arp.read(key), arp.WANTED[key]
    if arp.is_enough(key, before):
        return
    record.settings[key] = before, ours
    record.write()
    undo.append(lambda: arp.write(key, before))
    arp.write(key, ours)


def stop(loopback: Loopback, record: Record, wanted: Sequence[Vip]) -> None:
    """End it; raises OSError. A setting that somebody else changed meanwhile is left as it is."""
    for vip in wanted:
        loopback.remove(vip)
    if any(one in loopback.held() for one in map(str, wanted)):
        raise FailedError("lo still holds some of them with another prefix: remove them with ip address del")
    record.vips.difference_update(wanted)
    record.write()
    if any(vip.version == 4 for vip in record.vips):
        return
    for key, (before, ours) in list(record.settings.items()):
        now = arp.read(key)
        if now == ours:
            arp.write(key, before)
        else:
            _say(f"{key} is left at {now}: it was {before} before the start, and {ours} after it", _DONE)
        del record.settings[key]
    record.write()


def _interrupted(number: int, _frame: object) -> None:
    raise FailedError(f"ended by {signal.Signals(number).name}")


def _say(text: str, code: int) -> int:
    sys.stderr.write(f"realserver: {text}\n")
    return code


def entry() -> None:
    """Run the command and leave with its code."""
    sys.exit(main(sys.argv[1:]))
