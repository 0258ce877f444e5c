"""Which processes begin and end in a node, as keepalived asks the kernel to tell it?

The kernel's process connector (drivers/connector/cn_proc.c) knows the first network and PID namespace alone. A node's
keepalived gets another socket in its place, which carries the same messages, of the processes of the node.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rehearse.stage.procs import processes
from rehearse.stage.trap import give, is_known, launcher, pass_on, receive, succeed, take

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rehearse.stage.procs import Process

_TICK = 0.025  # seconds between looks at the processes that were told of
_ALL = 4  # ticks between looks at all
_NONE, _FORK, _EXEC, _EXIT = 0x0, 0x1, 0x2, 0x80000000  # enum proc_cn_event
_LISTEN = 1
_DONE = 3  # NLMSG_DONE
_MESSAGE = struct.Struct("=IHHII IIIIHH IIQ 24s")  # nlmsghdr, cn_msg, proc_event
_HEADER = 16
_EVENT = 40
_OPERATION = 36  # where it lies in what keepalived sends
_MOST = 10_000  # events that wait: more are lost, as with the kernel
_NUMBERS = count(1)
# what keepalived does, with a socket of another protocol before: that is left to the kernel
_TRIAL = "import socket\nfor protocol in 0, 11: socket.socket(16, 2, protocol).bind((0, protocol // 11))"
_PATIENCE = 10.0
_NULL = subprocess.DEVNULL


def is_possible() -> bool:
    """Return whether the kernel, and what this process may do, allow to answer in the place of the connector."""
    if not is_known():
        return False
    connector = Connector(os.getpid(), ())
    before, descriptors = connector.command()
    with subprocess.Popen([*before, sys.executable, "-ISc", _TRIAL], pass_fds=descriptors, stderr=_NULL) as trial:
        connector.start()
        with suppress(subprocess.TimeoutExpired):
            trial.wait(_PATIENCE)
        trial.kill()
    return trial.returncode == 0


class Connector(threading.Thread):
    """The process connector for one run of keepalived, in the node whose first process is ``first``.

    ``tracked`` are the processes that keepalived looks for: their ``path``, and whether it ``compares`` command lines.
    """

    def __init__(self, first: int, tracked: Iterable[dict[str, Any]]) -> None:
        super().__init__(daemon=True)
        known = [*tracked]
        self._proc = f"/proc/{first}/root/proc"
        self._comms = frozenset(it["path"] for it in known if not it["compares"])
        self._paths = frozenset(it["path"].encode("utf-8", "replace") for it in known if it["compares"])
        self._mine, self._launchers = socket.socketpair()
        self._out: socket.socket | None = None
        self._inode = 0
        self._hears = False
        self._numbers = count()
        self._told: dict[int, Process] = {}
        self._fresh: dict[int, Process] = {}
        self._post: deque[bytes] = deque(maxlen=_MOST)

    def command(self) -> tuple[list[str], tuple[int, ...]]:
        """Return the command before that of keepalived, and the descriptor that it needs."""
        return launcher(self._launchers.fileno()), (self._launchers.fileno(),)

    def run(self) -> None:
        """Answer keepalived until it ends."""
        self._launchers.close()
        with self._mine, suppress(OSError):
            listener = take(self._mine)
            try:
                self._serve(listener)
            finally:
                os.close(listener)
                if self._out is not None:
                    self._out.close()

    def _serve(self, listener: int) -> None:
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        look, ticks = 0.0, 0
        while True:
            wait = max(0.0, look - time.monotonic()) * 1000 if self._hears else None
            for descriptor, what in poll.poll(wait):
                if descriptor == listener and what & select.POLLHUP:
                    return
                if descriptor == listener:
                    self._answer(listener, poll)
                elif what & select.POLLIN:
                    self._ask()
                else:  # keepalived has closed it
                    poll.unregister(descriptor)
                    self._hears = False
            if self._hears and time.monotonic() >= look:
                look, ticks = time.monotonic() + _TICK, ticks + 1
                self._look(everywhere=not ticks % _ALL)
                self._send()

    def _answer(self, listener: int, poll: select.poll) -> None:
        call = receive(listener)
        if call is None:
            return
        if call.is_bind:
            ours = ""
            with suppress(OSError):
                ours = str(Path(f"/proc/{call.pid}/fd/{call.first}").readlink())
            (succeed if self._inode and ours == f"socket:[{self._inode}]" else pass_on)(listener, call)
            return
        if self._out is not None:
            poll.unregister(self._out)
            self._out.close()
        self._out, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        # keepalived takes messages of port 0 alone: an address with zeros where that of netlink has the port
        self._out.bind(b"\0" * 6 + next(_NUMBERS).to_bytes(4, "big"))
        self._inode = os.fstat(other.fileno()).st_ino
        self._hears = False
        poll.register(self._out, select.POLLIN)
        with other:
            give(listener, call, other.fileno())

    def _ask(self) -> None:
        """Do what keepalived wants of the connector."""
        data = self._out.recv(256) if self._out is not None else b""
        self._hears = data[_OPERATION : _OPERATION + 4] == struct.pack("=I", _LISTEN)
        if self._hears:
            self._told = {it: process for it, process in self._processes() if process.is_wanted}
            self._fresh = {**self._told}
            self._post.clear()
            self._tell(_NONE)

    def _look(self, *, everywhere: bool) -> None:
        found = dict(self._processes(None if everywhere else self._told))
        for pid in [it for it, process in self._told.items() if it not in found or found[it].begun != process.begun]:
            self._tell(_EXIT, pid, pid)
            del self._told[pid]
        if not everywhere:
            return
        for pid, process in found.items():
            known = self._told.get(pid)
            if known.same(process) if known else not process.is_wanted:
                continue
            if pid not in self._fresh or not process.same(self._fresh[pid]):
                continue  # it may be on its way to another name
            parent = self._told.get(process.parent)
            if known is None and parent is not None and (parent.comm, parent.line) == (process.comm, process.line):
                self._tell(_FORK, process.parent, process.parent, pid, pid)
            else:
                self._tell(_EXEC, pid, pid)
            self._told[pid] = process
        self._fresh = found

    def _processes(self, pids: Iterable[int] | None = None) -> Iterator[tuple[int, Process]]:
        return processes(self._proc, self._comms, self._paths, pids)

    def _tell(self, what: int, *ids: int) -> None:
        """Let an event be sent."""
        number = next(self._numbers)
        event = struct.pack(f"={len(ids)}I", *ids)
        header = (_MESSAGE.size, _DONE, 0, number, 0)
        words = (*header, 1, 1, number, int(what == _NONE), _EVENT, 0, what, 0, time.monotonic_ns(), event)
        self._post.append(_MESSAGE.pack(*words))

    def _send(self) -> None:
        """Send what keepalived has room for."""
        with suppress(OSError):
            while self._post and self._out is not None:
                self._out.send(self._post[0])
                self._post.popleft()
