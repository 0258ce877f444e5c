"""A mount whose server never answers, as a dead NFS server or FUSE program leaves it: who asks waits without end."""

from __future__ import annotations

import ctypes
import os
import struct
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
_HEADER = struct.Struct("=IIQ")  # of what the kernel asks: length, opcode, unique; see linux/fuse.h
_DETACH = 2


@contextmanager
def dead_mount(folder: Path) -> Iterator[Path]:
    """Mount a file system on ``folder`` that takes every question and answers none; who asks is freed at the end."""
    try:
        device = os.open("/dev/fuse", os.O_RDWR)
    except OSError as error:
        pytest.skip(f"/dev/fuse: {error.strerror}")
    folder.mkdir(exist_ok=True)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
    if _LIBC.mount(b"dead", bytes(folder), b"fuse", 0, options):
        os.close(device)
        pytest.skip(f"mount: {os.strerror(ctypes.get_errno())}")
    thread = threading.Thread(target=_greet_and_fall_silent, args=(device,))
    thread.start()
    try:
        yield folder
    finally:
        _LIBC.umount2(bytes(folder), _DETACH)
        thread.join()
        os.close(device)  # all who wait get an error


def _greet_and_fall_silent(device: int) -> None:
    _, _, unique = _HEADER.unpack(os.read(device, 65536)[: _HEADER.size])  # FUSE_INIT is the first question
    body = struct.pack("=IIIIHHII", 7, 31, 65536, 0, 12, 9, 65536, 1).ljust(64, b"\0")
    os.write(device, struct.pack("=IiQ", 16 + len(body), 0, unique) + body)
