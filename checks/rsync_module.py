"""Does an rsync daemon serve a module, and is a file in it fresh?

Nagios rsync_serves!MODULE: -m MODULE
NRPE rsync: -H 127.0.0.1
"""

from __future__ import annotations

from time import time

from vipwarden.core.result import CRITICAL, OK, UNKNOWN, Metric, Range, Result, one_line
from vipwarden.core.values import Host, Port, Seconds, Source, family
from vipwarden.net.secret import SecretError, read_line
from vipwarden.net.stream import NetError
from vipwarden.protocol.rsync.session import RefusalError, Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.net.net import Net

LOCAL, RSYNC = Host("127.0.0.1"), Port(873)
OWN_LETTERS = {"m": "module", "f": "password_file"}
_ODD = frozenset("*?[]\\\r\n\0")  # the daemon expands these, or takes them for an end


class Module(str):
    """The name of a module."""

    __slots__ = ()

    def __new__(cls, text: str) -> Module:
        """Build it from its text; raises ValueError with what is wanted."""
        if not text or text[0] in "#-@" or "/" in text or _ODD.intersection(text):
            raise ValueError("the name of a module is wanted, without a path")
        return str.__new__(cls, text)


class Inside(str):
    """The path of a file in a module."""

    __slots__ = ()

    def __new__(cls, text: str) -> Inside:
        """Build it from its text; raises ValueError with what is wanted."""
        if not text or text[0] == "/" or text[-1] == "/" or _ODD.intersection(text):
            raise ValueError("the path of a file in the module is wanted, such as daily/stamp")
        return str.__new__(cls, text)


async def rsync_module(
    net: Net,
    *,
    host: Host = LOCAL,
    port: Port = RSYNC,
    module: Module | None = None,
    listed: bool = False,
    user: str | None = None,
    password_file: str | None = None,
    login_required: bool = False,
    stamp: Inside | None = None,
    age_warning: Range | None = None,
    age_critical: Range | None = None,
    ipv4: bool = False,
    ipv6: bool = False,
    source: Source | None = None,
    warning: Range | None = None,
    critical: Range | None = None,
    timeout: Seconds = Seconds(10),
) -> Result:
    """Does an rsync daemon serve a module, and is a file in it fresh?

    Without a module the daemon has to send its list. A module is entered as by a client that copies nothing, and
    left at the end of the protocol. If it asks for a login and no user is given, that is OK as well. The age of
    the stamp is the time since its last change (mtime), by the clock of this node.

    host: name, IPv4 or IPv6 address, or absolute path of a unix socket
    port: TCP port
    module: module that the daemon must serve
    listed: the module must be in the list that everybody gets
    user: user to log in as
    password_file: file whose one line is the password; mode 0600
    login_required: the module must ask for a login
    stamp: path of a file in the module that must be there
    age_warning: range for the age of the stamp in seconds
    age_critical: range for the age of the stamp in seconds
    ipv4: try IPv4 addresses only
    ipv6: try IPv6 addresses only
    source: local address to connect from
    warning: range for the duration in seconds
    critical: range for the duration in seconds
    timeout: deadline for the whole run in seconds
    """
    net.begin(timeout)
    wrong = ""
    if module is None and (listed or user or login_required or stamp):
        wrong = "listed, user, login_required and stamp are of a module, which is not given"
    elif (user is None) is not (password_file is None):
        wrong = "user and password_file belong together"
    elif stamp is None and (age_warning or age_critical):
        wrong = "an age is that of a stamp, which is not given"
    if wrong:
        return Result(UNKNOWN, f"{host}: {wrong}")
    notes: list[str] = []
    metrics: list[Metric] = []
    fault = False
    try:
        password, exposed = await read_line(net, password_file) if password_file else (b"", False)
        notes += [f"other users can read {password_file}: chmod 600 it"] if exposed else []
        targets = await net.resolve(host, family(ipv4, ipv6))
        if module is None or listed:
            with await net.connect(targets, port, source) as stream:
                names = await Session(stream).modules()
            metrics.append(Metric("modules", len(names), minimum=0))
            notes.append(one_line(f"modules: {', '.join(names)}", 900))
            text = f"{stream.name} lists {len(names)} module{'s' if len(names) != 1 else ''}"
            fault = module is not None and module not in names
        if module is not None and fault:
            text += f", and {one_line(module, 80)} is none of them"
        elif module is not None:
            with await net.connect(targets, port, source) as stream:
                session = Session(stream)
                login = await session.enter(module, user, password)
                text = f"{stream.name} serves {one_line(module, 80)}"
                if login is None:
                    fault = stamp is not None
                    text += f", but {one_line(stamp, 80)} only after a login" if stamp else ", after a login"
                else:
                    _, changed = await session.look(f"{module}/{stamp or ''}")
                    fault = login_required and not login
                    text += " to everybody, without a login" if fault else ""
                    text += f", logged in as {one_line(user, 80)}" if login and user else ""
                    if stamp:
                        age = Metric("age", time() - changed, "s", warn=age_warning, crit=age_critical)
                        metrics.append(age)
                        text += f", {one_line(stamp, 80)} {_aged(age)}"
    except SecretError as error:
        return Result(UNKNOWN, f"{host}: {error}")
    except NetError as error:
        return error.result("no rsync", [*metrics, net.time(warning, critical)])
    except RefusalError as refusal:
        return Result(CRITICAL, one_line(str(refusal)), [*metrics, net.time(warning, critical)], notes=notes)
    took = net.time(warning, critical)
    state = max(CRITICAL if fault else OK, took.state, *(metric.state for metric in metrics))
    return Result(state, one_line(f"{text} ({took.value * 1000:.3g} ms)"), [took, *metrics], notes=notes)


def _aged(metric: Metric) -> str:
    said = f"is {metric.value:.0f} s old" if metric.value >= 0 else f"is dated {-metric.value:.0f} s in the future"
    return said + (f" (range {metric.crit if metric.state == CRITICAL else metric.warn})" if metric.state else "")
