"""Which processes are there? The files of proc(5), as fs/proc/array.c and base.c write them."""

from __future__ import annotations

import posix

from vipwarden.state.clock import boot

GONE = (FileNotFoundError, ProcessLookupError, NotADirectoryError)  # raised for a process that ended
CUT = 15  # bytes that the kernel keeps of a name: TASK_COMM_LEN less its end
_FLAGS = posix.O_RDONLY | posix.O_NONBLOCK | posix.O_CLOEXEC  # a FIFO must not block
_MOST = 8 << 20  # fs/exec.c allows a command line three quarters of an 8 MiB stack
_EBADMSG = 74


def read(path: str | bytes, most: int = _MOST) -> bytes:
    """Return the content of a file, cut at ``most`` bytes or a little above; raises OSError."""
    source = posix.open(path, _FLAGS)
    try:
        data = posix.read(source, 4096)
        if len(data) == 4096:
            while len(data) < most and (more := posix.read(source, 1 << 20)):
                data += more
        return data
    finally:
        posix.close(source)


class Stat:
    """/proc/PID/stat: ``comm`` as cut by the kernel, ``state`` as its letter, ``parent`` as PID, ``start`` in ticks."""

    __slots__ = ("comm", "parent", "start", "state")

    def __init__(self, data: bytes) -> None:
        """Parse the line; raises ValueError. The name may hold any byte, ``)`` among them."""
        head, _, tail = data.rpartition(b")")
        self.comm = head.partition(b"(")[2]
        fields = tail.split()
        if len(fields) < 20 or len(fields[0]) != 1 or not fields[19].isdigit() or len(fields[19]) > 20:
            raise ValueError("not a line of /proc/PID/stat")
        self.state = fields[0]
        self.parent = int(fields[1]) if fields[1].isdigit() else 0
        self.start = int(fields[19])  # in clock ticks after boot


class Status:
    """/proc/PID/status: the effective ``uid`` and the ``real_uid``, ``rss`` in bytes, and whether it is ``nested``.

    Nested is a process in a PID namespace below that of the procfs: NSpid (Linux 4.1) has a number for each of them.
    """

    __slots__ = ("nested", "real_uid", "rss", "uid")

    def __init__(self, data: bytes) -> None:
        """Parse the lines; raises ValueError. A newline in the name comes escaped."""
        self.real_uid, self.uid = _number(data, b"Uid", 0), _number(data, b"Uid", 1)
        self.rss = _number(data, b"VmRSS", 0, 0) * 1024
        self.nested = len(_words(data, b"NSpid")) > 1


def _words(data: bytes, name: bytes) -> list[bytes]:
    return data.partition(b"\n" + name + b":")[2].partition(b"\n")[0].split()


def _number(data: bytes, name: bytes, index: int, default: int | None = None) -> int:
    words = _words(data, name)
    if not words and default is not None:  # a kernel thread has no memory
        return default
    if len(words) <= index or not words[index].isdigit() or len(words[index]) > 20:
        raise ValueError(f"no {name.decode()} in /proc/PID/status")
    return int(words[index])


def _comm(data: bytes) -> bytes:
    return data.removesuffix(b"\n")


def _cmdline(data: bytes) -> list[bytes]:
    words = data.rstrip(b"\0").split(b"\0")
    return words if words != [b""] else []


_FILES = {"comm": _comm, "stat": Stat, "status": Status, "cmdline": _cmdline}


class Process:
    """One process; each of its files is read once, when it is first needed.

    That raises OSError: one of GONE where the process ended, PermissionError where it is hidden. ``cmdline`` is empty
    for a kernel thread and a zombie, and a process may write anything there.
    """

    __slots__ = ("cmdline", "comm", "path", "pid", "stat", "status")
    cmdline: list[bytes]
    comm: bytes
    stat: Stat
    status: Status

    def __init__(self, pid: int, path: bytes) -> None:
        self.pid = pid
        self.path = path

    def __getattr__(self, name: str) -> object:
        if name not in _FILES:
            raise AttributeError(name)
        data = read(self.path + b"/" + name.encode())
        try:
            value = _FILES[name](data)
        except ValueError as error:
            raise OSError(_EBADMSG, f"{self.pid}: {error}") from None
        setattr(self, name, value)
        return value

    @property
    def is_dead(self) -> bool:
        """Whether it is a zombie or about to end."""
        return self.stat.state in (b"Z", b"X", b"x")

    def is_called(self, name: bytes) -> bool:
        """Return whether this is its whole name.

        Where the kernel has cut the name, the program or script in the command line completes it. A process that
        overwrote its command line is compared by its cut name.
        """
        comm = self.comm
        if comm not in (name, name[:CUT]):
            return False
        if len(comm) != CUT:
            return True
        is_shown = False
        for word in (*self.cmdline[:3], self._program()):  # after an interpreter and one argument
            for part in (word, word.partition(b" ")[0].rstrip(b":")):  # "name: worker process", "name (deleted)"
                base = part.rpartition(b"/")[2]
                if base == name:
                    return True
                is_shown = is_shown or base.startswith(comm)
        return not is_shown

    def _program(self) -> bytes:
        try:
            return posix.readlink(self.path + b"/exe")
        except OSError:  # hidden, or a kernel thread
            return b""


class Proc:
    """A snapshot of a procfs, or of a folder like it: its ``processes`` by PID.

    ``own`` is this process's PID, where the procfs knows it. ``hides`` is whether others are left out, as with the
    mount option hidepid=2: process 1 always exists.
    """

    __slots__ = ("hides", "own", "path", "processes")

    def __init__(self, path: str = "/proc") -> None:
        """Read the list of processes; raises OSError."""
        self.path = path
        folder = path.encode("utf-8", "surrogateescape") + b"/"
        self.processes = {int(name): Process(int(name), folder + name) for name in _names(folder)}
        try:
            self.own: int | None = int(posix.readlink(folder + b"self"))
        except (OSError, ValueError):
            self.own = None
        self.hides = self.own is not None and 1 not in self.processes

    def age(self, process: Process) -> float:
        """Return the seconds since a process started; raises OSError."""
        return max(0.0, self._uptime() - process.stat.start / posix.sysconf("SC_CLK_TCK"))

    def _uptime(self) -> float:
        if self.path == "/proc":  # LXC shows the uptime of the container, while start times count from boot
            return boot()
        words = read(f"{self.path}/uptime").split(b".")
        if not words[0].isdigit() or len(words[0]) > 20:
            raise OSError(_EBADMSG, "no time in its uptime")
        return float(words[0])


def _names(folder: bytes) -> list[bytes]:
    return [name for name in posix.listdir(folder) if name.isdigit()]
