"""How is the exporter secured? Reads the web configuration file of Prometheus' exporter-toolkit.

https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md

What would look secure and is not is refused, also where the toolkit lets it pass: TLS settings without a
certificate, client certificates that nobody compares with anything, a file in which nothing stands.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exporter.http.auth import cost
from exporter.http.tls import TlsError, tls_server_config
from exporter.http.tls_words import CLIENTS
from vipwarden.config.document import ConfigError, Document
from vipwarden.core.options import options
from vipwarden.core.values import Count

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping

    import yaml

# header: the values that it may have, or none for any
_HEADERS: Mapping[str, tuple[str, ...]] = {
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
    "Content-Security-Policy": (),
}
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ns|us|µs|ms|s|m|h)")


class Duration(float):
    """A time as Go writes it, in seconds: 0, 500ms, 1s, 1m30s; at most a day."""

    __slots__ = ()

    def __new__(cls, text: str) -> Duration:
        """Build it from its text; raises ValueError with what is wanted."""
        seconds = sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(text))
        if (text != "0" and _DURATION.sub("", text)) or not text or seconds > 86400:
            raise ValueError("a time is written as 500ms, 1s or 1m30s, and is at most 24h")
        return float.__new__(cls, seconds)


_NO_TIME, _ONE = Duration("0"), Count(1)


def http_server_config(*, http2: bool = True) -> bool:
    """Return whether HTTP/2 is wanted: the section of this name, without its headers."""
    return http2


def rate_limit(*, interval: Duration = _NO_TIME, burst: Count = _ONE) -> tuple[float, int]:
    """Return the seconds between requests, 0 for no limit, and how many may come at once: the section of this name."""
    return interval, burst


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """What a web configuration asks for; without one, nothing.

    ``guards`` names all that protects: the keys that are set, and what is wanted of clients. ``prints`` are digests of
    what TLS was made from: of two that are equal, either will do.
    """

    context: ssl.SSLContext | None = field(default=None, compare=False)
    sans: frozenset[str] = frozenset()
    users: Mapping[bytes, bytes] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    interval: float = 0
    burst: int = 0
    guards: frozenset[str] = frozenset()
    prints: frozenset[bytes] = frozenset()
    warnings: tuple[str, ...] = ()


Stamp = tuple[int, int, int, int]
_MOST_BYTES = 4 << 20
_TICK = 50_000_000  # nanoseconds within which two changes of a file may have the same time


def stamp(path: str) -> Stamp:
    """Return what differs when a file is changed or replaced."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError as error:
        return 0, 0, 0, error.errno or 0
    if abs(time.time_ns() - found.st_ctime_ns) < _TICK:
        return 0, 0, 0, -time.monotonic_ns()  # like no other: it may yet be changed unseen
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


class WebConfig(Document):
    """A web configuration file; paths in it are relative to its folder."""

    keys = ("tls_server_config", "http_server_config", "basic_auth_users", "rate_limit")

    def __init__(self, path: str, files: dict[str, Stamp]) -> None:
        """Read it; raises ConfigError. Notes in ``files`` what it reads, each as it was just before."""
        files[path] = stamp(path)
        if Path(path).exists() and not Path(path).is_file():  # a FIFO would hold up everything
            raise ConfigError(f"{path}: is no regular file")
        super().__init__(path)
        if self.is_empty:
            raise ConfigError(f"{path}: is empty: where neither TLS nor passwords are wanted, it says {{}}")
        self.files = files
        self.warnings: list[str] = []

    def web(self) -> Web:
        """Return what it asks for; raises ConfigError."""
        tls = self._paths(self.section("tls_server_config", tls_server_config))
        prints = frozenset(
            self._prints(tls) if tls else ()
        )  # before the files are used: what changes in between is seen later
        context = self._tls(tls) if tls else None
        interval, burst = rate_limit(**self.section("rate_limit", rate_limit))  # type: ignore[arg-type]
        if interval and not burst:
            raise self.error(self._top["rate_limit"][0], "rate_limit.burst", "must be at least 1 with an interval")
        return Web(
            context=context,
            sans=frozenset(map(str, tls.get("client_allowed_sans", ()))),
            headers=self._headers(),
            users=self._users(),
            interval=interval,
            burst=burst if interval else 0,
            guards=frozenset(self._guards(tls)),
            prints=prints,
            warnings=tuple(self.warnings),
        )

    def _guards(self, tls: dict[str, Any]) -> Iterator[str]:
        for section in self._top:
            for name in self._mapping(section):
                # of users and headers one may go; and a certificate may stand in a file or here
                yield section if section == "basic_auth_users" else f"{section}.{name.removesuffix('_file')}"
        wanted = CLIENTS[tls.get("client_auth_type", "NoClientCert")]
        words = "is asked for and verified", "must be there"
        yield from (f"a client's certificate {word}" for word, is_so in zip(words, wanted, strict=True) if is_so)

    def _prints(self, tls: dict[str, Any]) -> Iterator[bytes]:
        yield blake2b(repr(sorted(tls.items())).encode("utf-8", "surrogatepass")).digest()
        for path in self.files.keys() - {self.path}:
            with suppress(OSError), open(path, "rb") as file:  # noqa: PTH123 - it was checked to be a regular one
                yield blake2b(path.encode() + file.read(_MOST_BYTES)).digest()

    def _paths(self, values: dict[str, Any]) -> dict[str, Any]:
        for name in ("cert_file", "key_file", "client_ca_file"):
            if name in values:
                path = os.path.join(os.path.dirname(self.path), values[name])  # noqa: PTH118, PTH120
                values[name] = path
                self.files[path] = stamp(path)
                if Path(path).exists() and not Path(path).is_file():
                    raise self.error(self._top["tls_server_config"][0], name, f"is {path}, which is no regular file")
        return values

    def _tls(self, values: dict[str, Any]) -> ssl.SSLContext:
        key, node = self._top["tls_server_config"]
        nodes = dict(self.pairs(node, "tls_server_config"))
        try:
            context = tls_server_config(**values)
        except TlsError as error:
            where = f"tls_server_config.{error.key}".rstrip(".")
            raise self.error(nodes[error.key][0] if error.key in nodes else key, where, str(error)) from None
        if "key_file" in values and os.stat(values["key_file"]).st_mode & 0o007:  # noqa: PTH116
            self.warnings.append(f"{values['key_file']} can be read by everybody: chmod o= it")
        return context

    def _headers(self) -> dict[str, str]:
        found: dict[str, str] = {}
        where = "http_server_config"
        for name, (key, node) in self._mapping(where).items():
            if name == "headers":
                given = [self._header(*pair) for pair in self.pairs(node, f"{where}.headers")]
                found = {header: text for header, text in given if text}
            elif name != "http2":
                raise self.error(key, f"{where}.{name}", "is not known; known are http2, headers")
            elif self._scalar(options(http_server_config)["http2"], node, f"{where}.http2"):
                self.warnings.append(f"{self.path}: http2 is not spoken here: clients get HTTP/1.1")
        return found

    def _header(self, name: str, nodes: tuple[yaml.Node, yaml.Node]) -> tuple[str, str]:
        where = f"http_server_config.headers.{name}"
        if name not in _HEADERS:
            raise self.error(nodes[0], where, f"cannot be set; known are {', '.join(_HEADERS)}")
        if nodes[1].value == "":  # a blank one is as good as none
            return name, ""
        text = self._text(nodes[1], where)
        if _HEADERS[name] and text not in _HEADERS[name]:
            raise self.error(nodes[1], where, f"is {text!r}, but {' or '.join(_HEADERS[name])} is wanted")
        if not text.isprintable() or not text.isascii():
            raise self.error(nodes[1], where, "has characters that no header may have")
        return name, text

    def _users(self) -> dict[bytes, bytes]:
        found = {}
        for name, (key, node) in self._mapping("basic_auth_users").items():
            where = f"basic_auth_users.{name}"
            stored = self._text(node, where).encode()
            if ":" in name:
                raise self.error(key, where, "has a colon, which no client can send in a name")
            try:
                cost(stored)
            except ValueError as error:
                raise self.error(node, where, str(error)) from None
            found[name.encode()] = stored
        return found

    def _mapping(self, name: str) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        _, node = self._top.get(name, (None, None))
        return {} if node is None or node.tag.endswith(":null") else dict(self.pairs(node, name))

    def _text(self, node: yaml.Node, where: str) -> str:
        return str(self._scalar(_TEXT, node, where))


def _any(*, text: str = "") -> str:
    return text


_TEXT = options(_any)["text"]
