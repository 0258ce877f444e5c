"""A place in which notify runs, with a runtime folder, a configuration and hooks of its own."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

from tests.commands import BIN, Ran, environment, run
from vipwarden.node.keepalived import vrrp_state

if TYPE_CHECKING:
    from pathlib import Path

    from vipwarden.node.keepalived.vrrp_state import VrrpState


class Site:
    """notify with a runtime folder, a configuration and hooks of its own; each hook adds to ``journal``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hooks = folder / "notify.d"
        self.journal = folder / "journal"
        self.config = folder / "vipwarden.yaml"
        self.configure()

    def configure(self, *lines: str) -> None:
        """Write the section of the configuration."""
        text = "\n".join(("notify:", f"  hooks: {self.hooks}", *(f"  {line}" for line in lines)))
        self.config.write_text(f"{text}\n")

    def hook(self, state: str, name: str, line: str) -> Path:
        """Write a hook."""
        path = self.hooks / state / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)
        return path

    def writing_hooks(self, *states: str, more: str = "") -> None:
        """Write hooks that add their arguments."""
        for state in states:
            self.hook(state, "10-tell", f'{more}\necho "$*" >>{self.journal}')

    def __call__(self, *arguments: str) -> Ran:
        """Run notify."""
        return run(self.folder, "notify", "--config", str(self.config), *arguments)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Begin to run it."""
        command = [str(BIN / "notify"), "--config", str(self.config), *arguments]
        return subprocess.Popen(command, env=environment(self.folder), stdin=subprocess.DEVNULL)

    def lines(self) -> list[str]:
        """Return what the hooks wrote."""
        return self.journal.read_text().splitlines() if self.journal.exists() else []

    def must_write(self, *lines: str) -> None:
        """Wait until the hooks wrote just that."""
        end = time.monotonic() + 60  # a busy machine starts workers late
        while self.lines() != list(lines):
            assert time.monotonic() < end, self.lines()
            time.sleep(0.01)

    def state(self, name: str = "INSTANCE.V1") -> VrrpState:
        """Return what is on record."""
        found = vrrp_state.read(f"{self.folder}/run/vrrp/{name}")
        assert found is not None
        return found

    def idle(self) -> bool:
        """Return whether nothing is left to be done."""
        folders = [self.folder / "run/notify" / name for name in ("hooks", "outbox")]
        return all(folder.exists() and not list(folder.iterdir()) for folder in folders)
