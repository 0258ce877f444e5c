"""Is this node a real server for these VIPs? The command ``realserver start|stop|status VIP...``."""

from __future__ import annotations

import signal
import sys

from keepalived_scripts.realserver.change import FailedError, start, stop
from keepalived_scripts.realserver.gateway import report
from keepalived_scripts.realserver.loopback import Loopback
from keepalived_scripts.realserver.record import Record, RecordError, locked
from keepalived_scripts.realserver.status import status
from keepalived_scripts.realserver.vip import FOLDER, Vip, VipError, is_name, listed, vips
from vipwarden.core.commandline import CommandLine
from vipwarden.core.options import Folder  # noqa: TC001 - options() looks it up
from vipwarden.core.values import Choice
from vipwarden.node.netlink.addresses import AddressesError

_DONE, _FAILED, _USAGE, _DENIED = 0, 1, 2, 4  # LSB, of an init script's actions
_UNKNOWN = 4  # and of its "status"


class Action(Choice):
    """An action on VIPs."""

    __slots__ = ()
    choices = ("start", "stop", "status")


def realserver(action: Action, *vip: str, conf: Folder = FOLDER, nat: bool = False) -> int:
    """Make this node a real server for VIPs (direct routing), end that, or report it.

    start   puts each VIP on lo and sets arp_ignore=1 and arp_announce=2 if they are not in effect; on an error changes
            nothing. Removes VIPs that have left a list since its last start
    stop    removes VIPs that start has added, and with the last one restores the settings
    status  reports what is in effect: exit code 0 everything, 1 a part, 3 nothing, 4 unknown

    action: action
    vip: IPv4 or IPv6 address, or the name of a list: a file with one address on each line
    conf: folder of the lists
    nat: the addresses are those of directors: status reports whether the default route leads there
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    try:
        if nat:
            return _nat(action, vips(vip, conf))
        loopback = Loopback()
        with locked() as record:
            if action == "status":
                code, lines = status(loopback, record, vips(vip, conf))
                sys.stdout.write("".join(f"{line}\n" for line in lines))
                return code
            if action == "start":
                start(loopback, record, {_name(word): listed(word, conf) for word in vip})
            else:
                for line in stop(loopback, record, {_name(word): _known(record, word, conf) for word in vip}):
                    _say(line, _DONE)
    except VipError as error:
        return _say(str(error), _USAGE)
    except PermissionError as error:
        return _say(f"{error}; root is needed, or CAP_NET_ADMIN and the runtime folder", _DENIED)
    except (FailedError, RecordError, AddressesError, OSError) as error:
        return _say(str(error), _UNKNOWN if action == "status" else _FAILED)
    return _DONE


main = CommandLine("realserver", realserver, refused=_USAGE)


def _nat(action: Action, directors: list[Vip]) -> int:
    if action != "status":
        raise VipError("--nat goes with status: a real server behind NAT has no VIP to start or stop")
    reports = [report(str(director)) for director in directors]
    sys.stdout.write("".join(f"{line}\n" for _, lines in reports for line in lines))
    return max(code for code, _ in reports)


def _name(word: str) -> str:
    return word if is_name(word) else str(listed(word, "")[0])


def _known(record: Record, word: str, folder: str) -> list[Vip]:
    """Return the VIPs of an address or list; none if the list is gone, but the record has its VIPs."""
    try:
        return listed(word, folder)
    except VipError:
        if is_name(word) and record.of(word):
            return []
        raise


def _interrupted(number: int, _frame: object) -> None:
    raise FailedError(f"ended by {signal.Signals(number).name}")


def _say(text: str, code: int) -> int:
    sys.stderr.write(f"realserver: {text}\n")
    return code


def entry() -> None:
    """Run the command and leave with its code."""
    sys.exit(main(sys.argv[1:]))
