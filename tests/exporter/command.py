"""The installed ``vipwarden exporter`` on a port of its own choice, and a source that never answers."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from tests.commands import BIN, environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.commands import PopenText

NOTHING = "exporter:\n  keepalived_conf: /nonexistent\n  haproxy_conf: /nonexistent\n"


class Running:
    """An exporter that runs: where, and what it logs."""

    def __init__(self, child: PopenText) -> None:
        self.child = child
        self.port = int(re.findall(r"127\.0\.0\.1:([0-9]+)/", self.line("serves"))[0])

    def line(self, wanted: str) -> str:
        """Return the next line of the log with this in it."""
        assert self.child.stderr is not None
        while wanted not in (line := self.child.stderr.readline()):
            assert line, "it has ended"
        return line


@contextmanager
def exporter(
    folder: Path, *options: str, text: str = NOTHING, env: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """Run it with a configuration, on a port of its own choice; leaving the block ends it."""
    path = folder / "vipwarden.yaml"
    path.write_text(text)
    command = [str(BIN / "vipwarden"), "exporter", "--config", str(path), *options]
    if "listen:" not in text and "--listen" not in options:
        command += ["--listen", "127.0.0.1:0"]
    given = {**environment(folder), **(env or {})}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=given) as child:
        try:
            yield Running(child)
        finally:
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()


@contextmanager
def mute(folder: Path) -> Iterator[tuple[str, threading.Event]]:
    """Listen on a unix socket and never answer; the event tells that somebody has come."""
    path, come = f"{folder}/mute.sock", threading.Event()
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(path)
        listener.listen()
        held = []

        def accept() -> None:
            try:
                while True:
                    held.append(listener.accept()[0])
                    come.set()
            except OSError:
                return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield path, come
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for one in held:
            one.close()
