"""What does HAProxy report on its stats socket?

The commands are those of HAProxy's management guide and need ``level user``. All go by one connection, so that the
same process answers them, also during a reload.
"""

from __future__ import annotations

from vipwarden.core.result import one_line
from vipwarden.net.stream import NetError
from vipwarden.node.haproxy import table as haproxy_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from vipwarden.net.net import Net
    from vipwarden.node.haproxy.source import Source
    from vipwarden.node.haproxy.table import Table

    Page = Callable[[Net, Source], Coroutine[object, None, "Report"]]

_COMMANDS = "show info;show stat;show table;show resolvers"
MOST_ANSWER = 32 << 20
FRONTEND, BACKEND, SERVER, LISTENER = "0", "1", "2", "3"  # the column "type"


class HaproxyError(Exception):
    """HAProxy cannot be asked, or its answer is not understood."""


class HaproxyRightError(HaproxyError):
    """It may run, but this user is not let in, or this node lacks the means to ask."""


class HaproxyMissingError(HaproxyError):
    """Nothing on this node looks like HAProxy."""


class Report:
    """The answer of a process; ``socket`` is its source.

    ``info`` is by name, empty from a stats page; ``table`` the statistics; ``sticks`` name, type, size and use of
    each stick table; ``resolvers`` section, name server, counter and value.
    """

    __slots__ = ("info", "resolvers", "socket", "sticks", "table")

    def __init__(
        self,
        socket: str,
        info: dict[str, str],
        table: Table,
        sticks: Sequence[tuple[str, str, str, str]] = (),
        resolvers: Sequence[tuple[str, str, str, str]] = (),
    ) -> None:
        self.socket = socket
        self.info = info
        self.table = table
        self.sticks = sticks
        self.resolvers = resolvers

    def of(self, kind: str) -> list[dict[str, str]]:
        """Return the rows of FRONTEND, BACKEND, SERVER or LISTENER by column name."""
        wanted = kind.encode()
        return [self.table.row(at) for at, type_ in enumerate(self.table.column("type")) if type_ == wanted]


async def report(net: Net, sources: Sequence[Source], page: Page | None = None, commands: str = _COMMANDS) -> Report:
    """Return the answer of the first source that answers; raises HaproxyError with the errors of all.

    ``page`` reads a stats page; ``commands`` begin with "show info" and "show stat". Raises HaproxyRightError where a
    source lacked a right.
    """
    kind: type[HaproxyError] = HaproxyError
    errors = []
    for index, source in enumerate(sources):
        net.share(len(sources) - index)
        try:
            if page is not None and source.is_page:
                return await page(net, source)
            if not source.is_page:
                return parsed(str(source), await answered(net, source, commands))
        except HaproxyError as error:
            errors.append(str(error))
            kind = HaproxyRightError if isinstance(error, HaproxyRightError) else kind
    raise kind("; ".join(errors) or "no stats socket to ask")


async def answered(net: Net, source: Source, command: str) -> bytes:
    """Return the answer to commands as it came; raises HaproxyError."""
    answer = []
    size = 0
    try:
        with await net.connect(await net.resolve(source.host or source.path), source.port) as stream:
            await stream.send(command.encode() + b"\n")
            while more := await stream.receive():
                answer.append(more)
                size += len(more)
                if size > MOST_ANSWER:
                    raise HaproxyError(f"{source} does not end its answer to {command!r} in {MOST_ANSWER >> 20} MiB")
    except NetError as error:
        kind = HaproxyRightError if error.kind == "local" else HaproxyError
        raise kind(error.text + _advice(error.text)) from None
    return b"".join(answer)


def _advice(text: str) -> str:
    if "Permission denied" not in text:
        return ""
    return (
        "; let this user in by 'user', 'group' and 'mode' of its 'stats socket' line, and the service by"
        " SupplementaryGroups= of its group"
    )


def parsed(name: str, answer: bytes) -> Report:
    """Parse the answers to the commands, of which each ends with an empty line; raises HaproxyError."""
    head, mark, rest = answer.partition(b"\n# pxname,")
    info = parse_info(head.decode("utf-8", "replace"))
    if not mark:
        reply = (head.partition(b"\n\n")[2] or head[-200:]).decode("utf-8", "replace")  # "show info" ends so
        raise HaproxyError(f"{name} answered 'show stat' with {one_line(reply, 60)!r}")
    end = rest.rfind(b",\n\n")  # the last one: a quoted field may hold anything
    if end < 0:
        raise HaproxyError(f"{name} answered 'show stat' with a table that was cut off")
    text = rest[end:].decode("utf-8", "replace")
    return Report(name, info, parse_stat(mark[1:] + rest[: end + 1]), parse_sticks(text), parse_resolvers(text))


def parse_info(text: str) -> dict[str, str]:
    """Return the lines ``name: value`` of "show info"; raises HaproxyError."""
    info = dict(line.split(": ", 1) for line in text.split("\n") if ": " in line)
    if "Version" not in info:
        raise HaproxyError(f"'show info' was answered with {one_line(text, 60)!r}")
    return info


def parse_stat(data: bytes) -> Table:
    """Return the table of "show stat"; raises HaproxyError."""
    try:
        return haproxy_table.parse(data)
    except haproxy_table.TableError as error:
        raise HaproxyError(f"'show stat' {error}") from None


def parse_sticks(text: str) -> list[tuple[str, str, str, str]]:
    """Return name, type, size and use of lines ``# table: name, type: ip, size:1024, used:0`` of "show table"."""
    tables = []
    for line in text.split("\n"):
        if line.startswith("# table: "):
            words = [part.partition(":")[2].strip() for part in line.split(", ")]
            if len(words) > 3 and words[2].isdecimal() and words[3].isdecimal():
                tables.append((words[0], words[1], words[2], words[3]))
    return tables


def parse_resolvers(text: str) -> list[tuple[str, str, str, str]]:
    """Return section, name server, counter and value of lines ``  sent: 12`` of "show resolvers"."""
    counters = []
    section = server = ""
    for line in text.split("\n"):
        if line.startswith("Resolvers section "):
            section, server = line[18:], ""
        elif line.startswith(" nameserver "):
            server = line[12:].removesuffix(":")
        elif server and line.startswith("  "):
            counter, _, value = line[2:].partition(":")
            value = value.strip()
            if value.isdecimal() and value.isascii() and len(value) < 20:
                counters.append((section, server, counter, value))
        elif line:
            server = ""
    return counters


def first_word(status: str) -> str:
    """Return UP, DOWN, MAINT, DRAIN, NOLB and so on from a status such as ``UP 1/3`` or ``MAINT (via be/srv)``.

    A server without a check (``no check``) is UP, as for HAProxy itself.
    """
    return "UP" if status == "no check" else status.partition(" ")[0]
