"""What is said with the servers of common protocols?"""

from __future__ import annotations

from vipwarden.core.values import Choice
from vipwarden.protocol.dialog.step import Step

# another greeting is a failure at once; the client speaks after the last line of it (RFC 5321, section 4.3.1)
_GREETING = (r"expect min-recv 4 comment greeting rstring '^220[ \r-]'", r"expect rstring '(?m)^220( [^\n]*)?\r?\n'")
_POP = (r"expect min-recv 3 comment +OK string +OK", r"expect string \n")
# steps, port, and port with TLS from the start
_PRESETS: dict[str, tuple[tuple[str, ...], int, int]] = {
    "smtp": ((*_GREETING, r"send QUIT\r\n", "expect min-recv 4 comment farewell string 221"), 25, 465),
    "imap": (
        (
            r"expect min-recv 6 comment greeting rstring '^\* (OK|PREA)'",
            r"expect string \n",
            r'send "a LOGOUT\r\n"',
            r"expect comment farewell rstring '(?m)^a OK'",
        ),
        143,
        993,
    ),
    "pop": ((*_POP, r"send QUIT\r\n", *_POP), 110, 995),
    "ftp": ((*_GREETING, r"send QUIT\r\n", "expect min-recv 4 comment farewell string 221"), 21, 990),
    "ssh": ((r"expect comment greeting rstring '(?m)^SSH-(2\.0|1\.99)-[^\r\n]+\r?\n'",), 22, 22),
}


class Preset(Choice):
    """A protocol whose dialog is known."""

    __slots__ = ()
    choices = tuple(_PRESETS)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The dialog: greeting and farewell."""
        return tuple(map(Step, _PRESETS[self][0]))

    def port(self, *, tls: bool) -> int:
        """Return the port of its servers."""
        _, plain, encrypted = _PRESETS[self]
        return encrypted if tls else plain
