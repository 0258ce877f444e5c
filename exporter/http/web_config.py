"""How is the exporter secured? Reads a web configuration file of Prometheus' exporter-toolkit.

https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md
Settings that look secure and are not are refused, also where the toolkit accepts them.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exporter.http.auth import cost
from exporter.http.stamp import stamp
from exporter.http.tls import TlsError, tls_server_config
from exporter.http.words import CLIENTS, Duration
from vipwarden.config.document import ConfigError, Document
from vipwarden.core.options import Option, options
from vipwarden.core.values import Count

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping

    import yaml

    from exporter.http.stamp import Stamp

# header: its allowed values, () for any
_HEADERS: Mapping[str, tuple[str, ...]] = {
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
    "Content-Security-Policy": (),
}
_MOST_BYTES = 4 << 20
_NO_TIME, _ONE = Duration("0"), Count(1)
_ANY = Option("text", "str", str, repeats=False, required=True, default=None)


def http_server_config(*, http2: bool = True) -> bool:
    """Return whether HTTP/2 is on: the section of this name, without headers."""
    return http2


def rate_limit(*, interval: Duration = _NO_TIME, burst: Count = _ONE) -> tuple[float, int]:
    """Return seconds between requests, 0 for no limit, and the burst: the section of this name."""
    return interval, burst


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """The content of a web configuration, empty without one.

    ``guards`` names all protection: keys that are set, and demands on clients. ``prints`` are digests of the files of
    TLS.
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


class WebConfig(Document):
    """A web configuration file; paths in it are relative to its folder."""

    keys = ("tls_server_config", "http_server_config", "basic_auth_users", "rate_limit")

    def __init__(self, path: str, files: dict[str, Stamp]) -> None:
        """Read it; raises ConfigError. Adds the stamps of all files that it reads to ``files``."""
        files[path] = stamp(path)
        if Path(path).exists() and not Path(path).is_file():  # a FIFO would hold up everything
            raise ConfigError(f"{path}: is no regular file")
        super().__init__(path)
        if self.is_empty:
            raise ConfigError(f"{path}: is empty; for neither TLS nor passwords write {{}}")
        self.files = files
        self.warnings: list[str] = []

    def web(self) -> Web:
        """Return its content; raises ConfigError."""
        tls = self._paths(self.section("tls_server_config", tls_server_config))
        prints = frozenset(self._prints(tls) if tls else ())  # before use: a change in between is seen next time
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
                # one of several users may go, and a certificate may move from a file into this one
                yield section if section == "basic_auth_users" else f"{section}.{name.removesuffix('_file')}"
        wanted = CLIENTS[tls.get("client_auth_type", "NoClientCert")]
        words = "is asked for and verified", "must be there"
        yield from (f"a client's certificate {word}" for word, is_set in zip(words, wanted, strict=True) if is_set)

    def _prints(self, tls: dict[str, Any]) -> Iterator[bytes]:
        yield blake2b(repr(sorted(tls.items())).encode("utf-8", "surrogatepass")).digest()
        for path in self.files.keys() - {self.path}:
            with suppress(OSError), open(path, "rb") as file:  # noqa: PTH123 - a regular file, see _paths()
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
        headers: dict[str, str] = {}
        where = "http_server_config"
        for name, (key, node) in self._mapping(where).items():
            if name == "headers":
                given = [self._header(*pair) for pair in self.pairs(node, f"{where}.headers")]
                headers = {header: text for header, text in given if text}
            elif name != "http2":
                raise self.error(key, f"{where}.{name}", "is not known; known are http2, headers")
            elif self._scalar(options(http_server_config)["http2"], node, f"{where}.http2"):
                self.warnings.append(f"{self.path}: http2 is not spoken here: clients get HTTP/1.1")
        return headers

    def _header(self, name: str, nodes: tuple[yaml.Node, yaml.Node]) -> tuple[str, str]:
        where = f"http_server_config.headers.{name}"
        if name not in _HEADERS:
            raise self.error(nodes[0], where, f"cannot be set; known are {', '.join(_HEADERS)}")
        if nodes[1].value == "":  # as none
            return name, ""
        text = self._text(nodes[1], where)
        if _HEADERS[name] and text not in _HEADERS[name]:
            raise self.error(nodes[1], where, f"is {text!r}, but {' or '.join(_HEADERS[name])} is wanted")
        if not text.isprintable() or not text.isascii():
            raise self.error(nodes[1], where, "has characters that are not allowed in a header")
        return name, text

    def _users(self) -> dict[bytes, bytes]:
        users = {}
        for name, (key, node) in self._mapping("basic_auth_users").items():
            where = f"basic_auth_users.{name}"
            stored = self._text(node, where).encode()
            if ":" in name:
                raise self.error(key, where, "has a colon, which no client can send in a name")
            try:
                cost(stored)
            except ValueError as error:
                raise self.error(node, where, str(error)) from None
            users[name.encode()] = stored
        return users

    def _mapping(self, name: str) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        _, node = self._top.get(name, (None, None))
        return {} if node is None or node.tag.endswith(":null") else dict(self.pairs(node, name))

    def _text(self, node: yaml.Node, where: str) -> str:
        return str(self._scalar(_ANY, node, where))
