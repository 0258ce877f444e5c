r"""What may be a step of a dialog? Those of HAProxy's tcp-check, in its own words.

    send DATA [comment TEXT]
    send-binary HEX [comment TEXT]
    expect [min-recv N] [comment TEXT] [!] string|rstring|binary|rbinary PATTERN
    tls [comment TEXT]

``tls`` is ours: TLS begins there, as after STARTTLS. The words ``tcp-check`` before a step are skipped.
"""

from __future__ import annotations

from vipwarden.core.result import one_line
from vipwarden.net.secret import SecretError, read
from vipwarden.protocol.dialog.words import words
from vipwarden.protocol.http.options import Regex

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re

    from vipwarden.net.net import Net

_MATCHES = ("string", "rstring", "binary", "rbinary")
_NOT_OURS = {
    "connect": "host, port and TLS are options of the check",
    "comment": "write the comment at the end of its step",
    "set-var": "there are no variables",
    "unset-var": "there are no variables",
}


class Step(str):
    """One step; ``kind`` is send, tls or a way to match, ``data`` what is sent or looked for, as bytes."""

    __slots__ = ("comment", "data", "inverse", "kind", "least")

    comment: str
    data: bytes
    inverse: bool
    kind: str
    least: int  # bytes after which an expectation is judged; -1 while the server may say more

    def __new__(cls, text: str) -> Step:
        """Build it from its text; raises ValueError with what is wanted."""
        step = str.__new__(cls, text)
        step.comment, step.data, step.inverse, step.least = "", b"", False, -1
        rest = words(text)
        if rest[:1] == [b"tcp-check"]:
            rest = rest[1:]
        step.kind = rest.pop(0).decode("utf-8", "replace") if rest else ""
        if step.kind == "expect":
            step._expect(rest)
        elif step.kind in ("send", "send-binary"):
            step.data = _next(rest, f"{step.kind} wants what is sent")
            if step.kind == "send-binary":
                step.kind, step.data = "send", _hex(step.data)
            elif rb"\r" in step.data or rb"\n" in step.data:
                raise ValueError(r"in single quotes \r and \n stand for themselves: use double quotes")
        elif step.kind != "tls":
            raise ValueError(_NOT_OURS.get(step.kind, "a step is send, send-binary, expect or tls"))
        if rest[:1] == [b"comment"]:
            step._comment(rest)
        if rest:
            raise ValueError(f"{rest[0].decode('utf-8', 'replace')!r} is one word too many: quote what has blanks")
        return step

    def _expect(self, rest: list[bytes]) -> None:
        while rest[:1] in ([b"min-recv"], [b"comment"]):
            if rest[0] == b"comment":
                self._comment(rest)
                continue
            digits = _next(rest[1:], "min-recv wants a number of bytes")
            if not digits.isdigit() or len(digits) > 5:
                raise ValueError("min-recv wants a number of bytes")
            self.least = int(digits)
            del rest[:2]
        if rest[:1] and rest[0][:1] == b"!":
            self.inverse = True
            rest[:1] = [rest[0][1:]] if rest[0] != b"!" else []
        self.kind = _next(rest, "expect wants a match").decode("utf-8", "replace")
        if self.kind not in _MATCHES:
            raise ValueError(f"expect matches by {', '.join(_MATCHES)}, not by {self.kind!r}")
        self.data = _next(rest, f"expect {self.kind} wants a pattern")
        if not self.data:
            raise ValueError(f"expect {self.kind} wants a pattern")
        if self.kind == "binary":
            self.kind, self.data = "string", _hex(self.data)
        elif self.kind != "string":
            self._regex()

    def _comment(self, rest: list[bytes]) -> None:
        self.comment = one_line(_next(rest[1:], "comment wants a text").decode("utf-8", "replace"), 120)
        del rest[:2]

    def _regex(self) -> re.Pattern[bytes]:
        return Regex(self.data.decode("utf-8", "surrogateescape")).compile()

    @property
    def expects(self) -> bool:
        """Whether something of the server is awaited."""
        return self.kind not in ("send", "tls")

    @property
    def shown(self) -> str:
        """The step for an operator: its comment, else what is expected; what is sent may be a secret."""
        sent = f"send {len(self.data)} bytes" if self.kind == "send" else ""
        return self.comment or sent or one_line(self, 60)

    def matches(self, reply: bytes) -> bool:
        """Return whether the pattern is in what the server said, its sense not yet inverted."""
        if self.kind == "string":
            return self.data in reply
        return bool(self._regex().search(reply.hex().upper().encode() if self.kind == "rbinary" else reply))


async def read_steps(net: Net, path: str) -> tuple[Step, ...]:
    """Return the steps in a file, one a line; raises SecretError without a word of them, and NetError."""
    raw, _ = await read(net, path)
    steps = []
    for number, line in enumerate(raw.decode("utf-8", "surrogateescape").splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                steps.append(Step(line))
            except ValueError:
                raise SecretError(f"{path}:{number}: this is no step of a dialog") from None
    if not steps:
        raise SecretError(f"{path} has no steps")
    return tuple(steps)


def _next(rest: list[bytes], wanted: str) -> bytes:
    """Take the next word, or say what is wanted."""
    if not rest:
        raise ValueError(wanted)
    return rest.pop(0)


def _hex(digits: bytes) -> bytes:
    try:
        return bytes.fromhex(digits.decode())
    except ValueError:
        raise ValueError("binary data are written as pairs of hexadecimal digits") from None
