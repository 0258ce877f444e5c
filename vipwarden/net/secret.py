"""How is a file with a password or token read?"""

from __future__ import annotations

from vipwarden.net.stream import NetError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.net.net import Net

_EISDIR = 21
_MOST_BYTES = 65536
_MOST_LINE = 8192


class SecretError(ValueError):
    """A file cannot be used; the text has its path and the reason, never its content."""


async def read(net: Net, path: str) -> tuple[bytes, bool]:
    """Return the content of a file, and whether others than its owner may read it.

    Raises SecretError unless it is a regular file of at most 64 KiB that not everybody can write, and NetError if
    reading takes too long.
    """
    try:
        mode, raw = await net.file(path, _MOST_BYTES)
    except NetError:
        raise
    except OSError as error:
        if error.errno != _EISDIR:
            raise SecretError(f"cannot read {path}: {error.strerror}") from None
        mode = 0
    if mode & 0o170000 != 0o100000:
        raise SecretError(f"{path} is no regular file")
    if mode & 0o002:
        raise SecretError(f"{path} can be written by everybody: chmod 600 it")
    if len(raw) > _MOST_BYTES:
        raise SecretError(f"{path} is longer than {_MOST_BYTES} bytes")
    return raw, bool(mode & 0o077)


async def read_line(net: Net, path: str) -> tuple[bytes, bool]:
    """Return the only line of such a file, without its end; raises SecretError where there is another or none."""
    raw, exposed = await read(net, path)
    line = raw.removesuffix(b"\n").removesuffix(b"\r")
    if not line or len(line) > _MOST_LINE or any(byte < 32 or byte == 127 for byte in line):
        raise SecretError(f"{path} must hold one line of 1 to {_MOST_LINE} bytes without control characters")
    return line, exposed
