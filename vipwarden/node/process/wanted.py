"""Does a process fit the options of the check?"""

from __future__ import annotations

from vipwarden.core.result import one_line
from vipwarden.net.stream import NetError
from vipwarden.node.process.procfs import CUT, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.net.net import Net
    from vipwarden.node.process.procfs import Process


class Name(bytes):
    """The name of a program without its folder, such as haproxy."""

    __slots__ = ()

    def __new__(cls, text: str) -> Name:
        """Build it from its text; raises ValueError with the expected form."""
        if not text or text.startswith("/"):
            raise ValueError("the name of a program is wanted, without its folder, such as haproxy")
        return bytes.__new__(cls, text.encode("utf-8", "surrogateescape"))


class Regex:
    """A regular expression for a command line, its words joined by single spaces."""

    __slots__ = ("pattern", "text")

    def __init__(self, text: str) -> None:
        """Compile it; raises ValueError with the reason, also for an empty text."""
        import re

        if not text:
            raise ValueError("a regular expression is wanted")
        try:
            self.pattern = re.compile(text)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"this is no regular expression: {error}") from None
        self.text = text

    def fits(self, words: list[bytes]) -> bool:
        """Return whether it matches a command line other than that of a process check.

        Runs of the same check have the expression in their command lines, as have the shell, sudo or timeout that
        started them.
        """
        line = b" ".join(words).decode("utf-8", "surrogateescape")
        if self.pattern.search(line) is None:
            return False
        before = [part.rstrip("'\"= ") for part in line.split(self.text)[:-1]]
        return not ("process" in line and any(part.endswith(("-a", "--argument")) for part in before))


class User:
    """A user of this node, by name or number."""

    __slots__ = ("name", "uid")

    def __init__(self, text: str) -> None:
        """Keep a name for a later lookup; raises ValueError for an impossible name."""
        self.name = str(text)
        self.uid: int | None = None
        if self.name.isascii() and self.name.isdigit() and len(self.name) < 11:
            self.uid = int(self.name)
        elif not self.name or self.name.startswith("-") or set(self.name) & set("\r\n:/\0"):
            raise ValueError("the name of a user is wanted, or a number")

    async def find(self, net: Net) -> None:
        """Look the number up once, in /etc/passwd, else by NSS, whose daemons may hang.

        Raises NetError (local) where there is no such user, (stuck) at the deadline.
        """
        if self.uid is None:
            uid = _listed(self.name)
            if uid is None:
                uid = await net.away(f"the user {self.name}", lambda: _asked(self.name))
            if uid is None:
                raise NetError("local", f"this node has no user {one_line(self.name, 80)}")
            self.uid = uid


def _listed(name: str) -> int | None:
    try:
        data = read("/etc/passwd")
    except OSError:
        return None
    start = name.encode("utf-8", "surrogateescape") + b":"
    for line in data.split(b"\n"):
        if line.startswith(start):
            words = line.split(b":")
            return int(words[2]) if len(words) > 3 and words[2].isdigit() else None
    return None


def _asked(name: str) -> int | None:
    import pwd

    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


class Wanted:
    """What a process must be: all of what is not None."""

    __slots__ = ("argument", "command", "containers", "user")

    def __init__(self, command: Name | None, argument: Regex | None, user: User | None, containers: bool) -> None:
        self.command = command
        self.argument = argument
        self.user = user
        self.containers = containers

    @property
    def reads_command_lines(self) -> bool:
        """Whether command lines are read, which may hang: they are in the memory of the process."""
        return self.argument is not None or (self.command is not None and len(self.command) >= CUT)

    def command_lines(self, processes: list[Process]) -> dict[int, list[bytes]]:
        """Return the command lines that miss() needs, by PID; those that cannot be read are left out."""
        lines = {}
        for process in processes:
            try:
                if self.command is None or process.comm in (self.command, self.command[:CUT]):
                    lines[process.pid] = process.cmdline
            except OSError:
                continue
        return lines

    def miss(self, process: Process) -> str:
        """Return the first mismatch of a process: command, argument, user, zombie or container; nothing if it fits.

        The usual reason is checked first, as each may cost the reading of a file. Raises OSError.
        """
        if self.command is not None and not process.is_called(self.command):
            return "command"
        # a zombie has no command line; it is reported where its name fits
        if self.argument is not None and not self.argument.fits(process.cmdline):
            return "zombie" if self.command is not None and process.is_dead else "argument"
        if self.user is not None and process.status.uid != self.user.uid:
            return "user"
        if process.is_dead:
            return "zombie"
        return "container" if process.status.nested and not self.containers else ""

    def unlike(self, process: Process, miss: str) -> str:
        """Return a process and its mismatch in words; raises OSError."""
        if process.is_dead:
            return f"{plain(process.stat.comm)}, a zombie"
        name = process.stat.comm if miss or self.command is None else self.command
        return plain(name) + {
            "command": f", not {plain(self.command or b'')}",
            "argument": f" without {self._argument()} in its command line",
            "user": f", but not of user {self.user.name if self.user else ''}",
            "container": " in a container",
        }.get(miss, "")

    def __str__(self) -> str:
        words = [plain(self.command)] if self.command is not None else []
        if self.argument is not None:
            words.append(f"with {self._argument()}")
        if self.user is not None:
            words.append(f"of user {one_line(self.user.name, 80)}")
        return " ".join(words)

    def _argument(self) -> str:
        return repr(one_line(self.argument.text, 80)) if self.argument else ""


def plain(name: bytes) -> str:
    """Return the name of a program in printable characters."""
    return one_line(name.decode("utf-8", "replace"), 80)
