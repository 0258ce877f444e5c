"""Is a page what was wanted? Its fields, its text and the values in its JSON."""

from __future__ import annotations

from vipwarden.core.result import one_line
from vipwarden.protocol.http.options import Regex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vipwarden.protocol.http.json_value import JsonValue
    from vipwarden.protocol.http.page import Content

MOST_SEARCHED = 1048576


class WantedField(str):
    """A field that a response must have: NAME, or NAME: REGEX."""

    __slots__ = ()

    def __new__(cls, text: str) -> WantedField:
        """Build it from its text; raises ValueError with what is wanted."""
        name, _, regex = text.partition(":")
        if not name or not name.isascii() or " " in name or not name.isprintable():
            raise ValueError("a wanted header is written NAME or NAME: REGEX")
        Regex(regex.strip())
        return str.__new__(cls, text)

    def fault(self, page: Content) -> str:
        """Return how the header differs from what is wanted, or ""."""
        name, _, regex = self.partition(":")
        value = page.header.field(name.lower().encode())
        if not value and not page.header.has(name.lower().encode()):
            return f"no header {name}"
        if Regex(regex.strip()).compile().search(value.encode("latin-1")):
            return ""
        return f"header {name} is {one_line(value, 60)!r}, wanted {one_line(regex.strip(), 60)}"


class Wanted:
    """What a page must have, and must not; ``tests`` says in words what was looked at."""

    __slots__ = ("absent", "fields", "json", "regex", "text")

    def __init__(
        self,
        fields: Sequence[WantedField],
        text: str | None,
        regex: Regex | None,
        absent: Regex | None,
        json: Sequence[JsonValue],
    ) -> None:
        self.fields = fields
        self.text = text
        self.regex = regex
        self.absent = absent
        self.json = json

    def __bool__(self) -> bool:
        return bool(self.fields or self.text or self.regex or self.absent or self.json)

    def faults(self, page: Content) -> list[str]:
        """Return how a page differs from what is wanted."""
        content = bytes(page.content[:MOST_SEARCHED])
        faults = [field.fault(page) for field in self.fields]
        if self.text and self.text.encode("utf-8", "surrogateescape") not in content:
            faults.append(f"no {one_line(self.text, 60)!r} in {len(content)} bytes")
        if self.regex and not self.regex.compile().search(content):
            faults.append(f"regex missed in {len(content)} bytes")
        if self.absent and (match := self.absent.compile().search(content)):
            faults.append(f"--absent matched {one_line(match[0].decode('utf-8', 'replace'), 60)!r}")
        if self.json:
            faults += self._json_faults(bytes(page.content))
        return [fault for fault in faults if fault]

    def _json_faults(self, content: bytes) -> list[str]:
        from vipwarden.protocol.http.json_value import parse

        try:
            document = parse(content)
        except ValueError as error:
            return [str(error)]
        return [value.fault(document) for value in self.json]
