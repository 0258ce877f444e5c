"""Is a program running?

Nagios process_running!NAME: -C NAME
NRPE keepalived: -C keepalived
NRPE haproxy: -C haproxy
"""

from __future__ import annotations

import posix

from vipwarden.core.result import CRITICAL, OK, UNKNOWN, Metric, Range, Result, judge
from vipwarden.core.size import Size  # noqa: TC001 - the option is built by it
from vipwarden.core.values import Seconds
from vipwarden.net.stream import NetError
from vipwarden.node.process.procfs import GONE, Proc, Process
from vipwarden.node.process.wanted import Name, Regex, User, Wanted, plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.net.net import Net

_MANY = 10**9  # more than any node has
_MOST_WATCHED = 16  # processes whose end is seen at once
_TURN = 256  # processes to read, in about 2 ms, before other checks of the same loop run
_MOST_NOTES = 100


async def process(
    net: Net,
    *,
    command: Name | None = None,
    argument: Regex | None = None,
    pidfile: str | None = None,
    user: User | None = None,
    containers: bool = False,
    warning: Range | None = None,
    critical: Range = Range("1:"),
    age: Range | None = None,
    rss: Size | None = None,
    proc: str = "/proc",
    timeout: Seconds = Seconds(10),
) -> Result:
    """Is a program running?

    Counts the processes that match all of command, argument, pidfile and user; at least one of these is required.
    Zombies do not count. Neither does this check itself, except by a pidfile with a command; nor, with an argument,
    a shell or sudo that runs a process check.
    A script counts by its own name if its first line names the interpreter by path. Scripts started as "python3 x.py",
    "java -jar x.jar" or by "env" are found by an argument.

    command: name of the program; may be longer than the kernel's 15 characters
    argument: regular expression to search for in the command line
    pidfile: file with the PID of the process to check; stale if that process does not match the other options
    user: effective user of the process, by name or number
    containers: also count processes in the PID namespaces of containers
    warning: range for the number of processes
    critical: range for the number of processes
    age: range for the age of each process in seconds
    rss: range for the resident memory of each process in bytes; suffixes K, M and G
    proc: where procfs is mounted
    timeout: deadline for the whole run in seconds
    """
    net.begin(timeout)
    wanted = Wanted(command, argument, user, containers)
    if command is None and argument is None and pidfile is None and user is None:
        return Result(UNKNOWN, "nothing to search for: give a command, an argument, a pidfile or a user")
    try:
        if user is not None:
            await user.find(net)
        named = await _named(net, pidfile) if pidfile is not None else None
    except NetError as error:
        return error.result("cannot search for processes")
    except OSError as error:
        return Result(UNKNOWN, f"cannot read the pidfile {pidfile}: {error.strerror}")
    try:
        look = net.once(proc, lambda: Proc(proc))
        if not look.processes:
            return Result(UNKNOWN, f"{proc} shows no process at all: is it mounted?")
        processes = [process for process in look.processes.values() if named in (None, process.pid)]
        # a pidfile with the PID of this process is right if the program is: an agent that checks itself
        own = None if named is not None and str(wanted) else look.own
        if wanted.reads_command_lines:
            lines = await net.away(f"a command line in {proc}", lambda: wanted.command_lines(processes))
            for process in processes:
                if process.pid in lines:
                    process.cmdline = lines[process.pid]
        piles = await _sort(net, processes, wanted, own)
        matches = sorted(piles.get("", ()), key=lambda process: process.pid)
        ages = [look.age(process) for process in matches]
        net.watch_processes(_deciding(look, matches, warning, critical))
        text = _counted(matches, wanted) if pidfile is None else f"pidfile {pidfile} {_owner(named, piles, wanted)}"
    except NetError as error:
        return Result(UNKNOWN, error.text if error.kind == "stuck" else f"{proc}: {error.text}", expired=True)
    except OSError as error:
        return Result(UNKNOWN, f"cannot read {proc}: {error.strerror}")
    count = len(matches)
    state = judge(count, warning, critical)
    unseen = look.hides and not isinstance(named, str) and named not in look.processes
    hidden = _MANY if unseen else len(piles.get("hidden", ()))
    if hidden and max(state, judge(count + hidden, warning, critical)) != OK:
        return Result(UNKNOWN, f"{text}, but {proc} hides processes from this user (hidepid or SELinux)")
    if state != OK and count:
        text += f", range {critical if critical.alerts(count) else warning}"
    if state != OK and pidfile is None:
        text += _left_out(piles)
    metrics = [Metric("processes", count, warn=warning, crit=critical, minimum=0)]
    if matches:
        held = sum(match.status.rss for match in matches)
        metrics += [Metric("age", max(ages), "s", minimum=0), Metric("rss", held, "B", minimum=0)]
    beyond, notes = [], []
    for match, seconds in zip(matches, ages, strict=True):
        pid, held = f"pid {match.pid}", match.status.rss
        notes.append(f"{pid} {plain(match.stat.comm)}: {seconds:.0f} s old, {held} B")
        if age is not None and age.alerts(seconds):
            beyond.append(f"{pid} is {seconds:.0f} s old, range {age}")
        if rss is not None and rss.alerts(held):
            beyond.append(f"{pid} holds {held} B, range {rss}")
    if beyond:
        state, text = CRITICAL, "; ".join([text, *beyond[:3]])
    return Result(state, text, metrics, notes=notes[:_MOST_NOTES])


async def _named(net: Net, pidfile: str) -> int | str:
    """Return the PID in the first line of a pidfile, or the fault of the file; raises OSError, NetError."""
    try:
        first = (await net.file(pidfile, 4096))[1].partition(b"\n")[0].strip()
    except (FileNotFoundError, NotADirectoryError):
        return "is not there"
    return int(first) if first.isdigit() and len(first) < 11 else "does not start with the number of a process"


async def _sort(net: Net, processes: list[Process], wanted: Wanted, own: int | None) -> dict[str, list[Process]]:
    """Sort processes by the criterion that they miss, "" for none; raises NetError at the deadline, and OSError."""
    piles: dict[str, list[Process]] = {}
    for count, process in enumerate(processes, 1):
        if net.remaining() <= 0:
            raise net.expired(f"only {count - 1} of {len(processes)} processes could be read")
        if count % _TURN == 0:
            await net.pause(0)
        try:
            miss = wanted.miss(process) if process.pid != own else "own"
        except GONE:
            continue
        except PermissionError:
            miss = "hidden"
        piles.setdefault(miss, []).append(process)
    return piles


def _deciding(look: Proc, matches: list[Process], warning: Range | None, critical: Range) -> list[int]:
    """Return so many of the oldest processes that their number cannot change the state while none of them ends."""
    if look.own != posix.getpid():  # the procfs of another PID namespace
        return []
    count = len(matches)
    state = judge(count, warning, critical)
    needed = 0
    for limits in filter(None, (warning, critical)):
        for least in (-(-limits.start // 1), limits.end // 1 + 1):  # from which number on the state is another one
            if needed < least <= count and judge(least - 1, warning, critical) != state:
                needed = int(least)
    if needed > _MOST_WATCHED:
        return []
    return [process.pid for process in sorted(matches, key=lambda process: process.stat.start)[:needed]]


def _counted(matches: list[Process], wanted: Wanted) -> str:
    if not matches:
        return f"no process {wanted}"
    pids = ", ".join(str(match.pid) for match in matches[:5]) + (", ..." if len(matches) > 5 else "")
    count = len(matches)
    return f"1 process {wanted} (pid {pids})" if count == 1 else f"{count} processes {wanted} (pids {pids})"


def _left_out(piles: dict[str, list[Process]]) -> str:
    zombies, contained = len(piles.get("zombie", ())), len(piles.get("container", ()))
    parts = [f"{zombies} zombie{'s' if zombies > 1 else ''} left out"] if zombies else []
    parts += [f"{contained} in containers left out"] if contained else []
    return f" ({', '.join(parts)})" if parts else ""


def _owner(named: int | str | None, piles: dict[str, list[Process]], wanted: Wanted) -> str:
    """Return what the PID in a pidfile belongs to; raises OSError."""
    if isinstance(named, str):
        return named
    for miss, (process,) in piles.items():
        try:
            which = {"own": "this check itself", "hidden": "hidden"}.get(miss) or wanted.unlike(process, miss)
        except GONE:
            break
        return f"names {named}, which is {which}"
    return f"names {named}, which does not run"
