"""Is systemd told, where it listens?"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from vipwarden.core.systemd import notify

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("abstract", [False, True])
def test_all_lines_are_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool) -> None:
    """To a path, or to a name of the abstract namespace."""
    name = f"@vipwarden-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(name.replace("@", "\0", 1) if abstract else name)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        assert notify("READY=1", "STATUS=well")
        assert systemd.recv(4096) == b"READY=1\nSTATUS=well"


@pytest.mark.parametrize("name", [None, "", "nonsense", "/nowhere/notify"])
def test_nobody_listens(monkeypatch: pytest.MonkeyPatch, name: str | None) -> None:
    """It is no error."""
    if name is None:
        monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    else:
        monkeypatch.setenv("NOTIFY_SOCKET", name)
    assert not notify("READY=1")
