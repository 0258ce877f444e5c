"""What is sent to a web server? Method, fields and credentials of a request, and what they may be."""

from __future__ import annotations

from vipwarden.core.options import UsageError
from vipwarden.net.secret import SecretError, read, read_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vipwarden.net.net import Net

_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")  # RFC 9110, 5.6.2
_OWN = {
    "connection": "every request has Connection: close",
    "content-length": "it is that of the body",
    "expect": "the whole request is sent at once",
    "host": "the option is --virtualhost",
    "transfer-encoding": "a body is sent whole",
}
_SECRET = {
    "authorization": "--basic-file or --bearer-file",
    "cookie": "--header-file",
    "proxy-authorization": "--header-file",
}


class Method(str):
    """A method, such as GET; upper and lower case differ (RFC 9110, 9.1)."""

    __slots__ = ()

    def __new__(cls, text: str) -> Method:
        """Build it from its text; raises ValueError with what is wanted."""
        if not _TOKEN.issuperset(text) or len(text) > 32:
            raise ValueError("a method is one word, such as GET, HEAD or POST")
        return str.__new__(cls, text)


class Field(str):
    """A field of a header, written NAME: VALUE."""

    __slots__ = ()

    def __new__(cls, text: str) -> Field:
        """Build it from its text; raises ValueError, and UsageError without the text where it holds a secret."""
        file = _SECRET.get(text.partition(":")[0].strip().lower())
        if file:
            raise UsageError(
                "--header: credentials on the command line can be read by every user of this node: "
                f"put them into a file, by {file}"
            )
        name, value = split(text)
        return str.__new__(cls, f"{name}: {value}")


def split(text: str) -> tuple[str, str]:
    """Return name and value of a field; raises ValueError with what is wanted."""
    name, colon, value = text.partition(":")
    value = value.strip(" \t")
    if not colon or not name or not _TOKEN.issuperset(name):
        raise ValueError("a header is written NAME: VALUE")
    if len(text) > 4096 or any(char < " " or char == "\x7f" for char in value.replace("\t", " ")):
        raise ValueError("the value of a header has at most 4096 characters and no control characters")
    if name.lower() in _OWN:
        raise ValueError(f"{name} is no header to choose: {_OWN[name.lower()]}")
    return name, value


async def fields_of(net: Net, path: str) -> tuple[dict[str, str], bool]:
    """Return the fields in a file, one a line, and whether others may read it; raises SecretError and NetError."""
    raw, exposed = await read(net, path)
    fields = {}
    for number, line in enumerate(raw.decode("utf-8", "surrogateescape").splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            try:
                name, value = split(line)
            except ValueError as error:
                raise SecretError(f"{path}:{number}: {error}") from None
            fields[name] = value
    return fields, exposed


async def authorization(net: Net, path: str, *, basic: bool) -> tuple[str, bool]:
    """Return the field Authorization by a file, and whether others may read it; raises SecretError and NetError.

    The file holds USER:PASSWORD (RFC 7617) or a token (RFC 6750) in its only line.
    """
    line, exposed = await read_line(net, path)
    if not basic:
        if not line.isascii() or b" " in line:
            raise SecretError(f"{path} must hold a token without blanks")
        return f"Bearer {line.decode()}", exposed
    if b":" not in line:
        raise SecretError(f"{path} must hold USER:PASSWORD")
    from binascii import b2a_base64

    return f"Basic {b2a_base64(line, newline=False).decode()}", exposed


def request(method: str, path: str, host: str, fields: Mapping[str, str], body: bytes | None) -> bytes:
    """Return a request of HTTP/1.1 after whose response the server closes the connection.

    ``fields`` replace those of the same name that are sent anyway.
    """
    sent = {"Host": host, "User-Agent": "vipwarden", "Accept": "*/*", "Connection": "close"}
    if body is not None:
        sent |= {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body))}
    own = {name.lower() for name in fields}
    sent = {name: value for name, value in sent.items() if name.lower() not in own} | dict(fields)
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape") + (body or b"")


class Request:
    """What is sent beside the path; ``secrets`` are fields for the first server alone."""

    __slots__ = ("_method", "body", "fields", "notes", "secrets")

    def __init__(self, method: str | None, fields: Sequence[Field], body: bytes | None) -> None:
        self._method = method
        self.fields = {name: value.strip() for name, _, value in (field.partition(":") for field in fields)}
        self.secrets: dict[str, str] = {}
        self.body = body
        self.notes: list[str] = []

    @property
    def method(self) -> str:
        """The method; POST unless another is given where there is a body."""
        return self._method or ("GET" if self.body is None else "POST")

    async def read(self, net: Net, files: Mapping[str, str | None]) -> None:
        """Add what the files hold, by the names of their options; raises SecretError and NetError."""
        for option, path in files.items():
            if path is None:
                continue
            if option == "body_file":
                self.body = (await read(net, path))[0]
                continue
            if option == "header_file":
                fields, exposed = await fields_of(net, path)
            else:
                value, exposed = await authorization(net, path, basic=option == "basic_file")
                fields = {"Authorization": value}
            self.secrets |= fields
            if exposed:
                self.notes.append(f"{path} holds a secret and others can read it: chmod 600 it")

    def masked(self, text: str) -> str:
        """Return a text without the secrets, which a server may send back."""
        for value in self.secrets.values():
            for secret in {value, value.partition(" ")[2] or value}:
                text = text.replace(secret, "***")
                for size in range(len(secret) - 1, 3, -1) if "..." in text else ():  # cut off by one_line()
                    text = text.replace(secret[:size] + "...", "***...")
        return text
