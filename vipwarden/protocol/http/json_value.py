"""Does a JSON document have a value at a path?"""

from __future__ import annotations

from vipwarden.core.result import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container
    from typing import Any

MOST_BYTES = 1048576  # a document of 1 MiB takes some 20 ms and 30 MB


class JsonValue(str):
    """A path, or PATH=VALUE: names between dots, positions in brackets, as in checks[0].state=ok.

    A name with a dot, a bracket or an equals sign stands in brackets and quotes: ["a.b"].
    """

    __slots__ = ()

    def __new__(cls, text: str) -> JsonValue:
        """Build it from its text; raises ValueError with what is wanted."""
        made = str.__new__(cls, text)
        if not made.split_path()[0] and not text.startswith(("$", ".")):
            raise ValueError("a JSON path is written status, checks[0].state or PATH=VALUE")
        return made

    def split_path(self) -> tuple[list[str | int], str | None]:
        """Return the steps of the path, and the value if there is one; raises ValueError."""
        steps: list[str | int] = []
        rest = self.removeprefix("$")
        while rest and rest[0] != "=":
            if rest[0] == "[":
                step, rest = _bracket(rest)
                steps.append(step)
                continue
            rest = rest.removeprefix(".")
            end = min((at for at in map(rest.find, ".[=") if at >= 0), default=len(rest))
            if end:
                steps.append(rest[:end])
            elif steps or rest[:1] not in ("", "[", "="):
                raise ValueError("a JSON path has a name between two dots")
            rest = rest[end:]
        return steps, rest[1:] if rest else None

    def fault(self, document: Any) -> str:
        """Return how a document differs from what is wanted, or ""."""
        steps, wanted = self.split_path()
        path = self if wanted is None else self[: -len(wanted) - 1] or "$"
        for step in steps:
            if step not in _steps(document):
                return f"no {one_line(path, 60)} in the JSON"
            document = document[step]
        if wanted is None or _equal(document, wanted):
            return ""
        return f"{one_line(path, 60)} is {_shown(document)}, wanted {one_line(wanted, 60)}"


def _steps(value: Any) -> Container[object]:
    """Return the names or positions that a value has."""
    return value if isinstance(value, dict) else range(-len(value), len(value)) if isinstance(value, list) else ()


def _bracket(text: str) -> tuple[str | int, str]:
    """Return the step in brackets at the start of a text, and what follows."""
    if text[1:2] in ("'", '"'):
        name, quote, rest = text[2:].partition(text[1] + "]")
        if quote:
            return name, rest
    else:
        number, bracket, rest = text[1:].partition("]")
        digits = number.removeprefix("-")
        if bracket and digits.isascii() and digits.isdigit() and len(digits) < 10:
            return int(number), rest
    raise ValueError('brackets of a JSON path hold a position or a name in quotes: [0] or ["a.b"]')


def _equal(value: Any, wanted: str) -> bool:
    if isinstance(value, str):
        return value == wanted
    try:
        return _parsed(wanted) == value and isinstance(value, bool) is (wanted in ("true", "false"))
    except ValueError:
        return False


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'an array'} of {len(value)}"
    if value is None or isinstance(value, bool):
        return str(value).lower().replace("none", "null")
    return one_line(repr(value), 60)


def _number(digits: str) -> int | float:
    return int(digits) if len(digits) < 20 else float(digits)  # an int of a million digits takes minutes


def _parsed(text: str) -> Any:
    import json

    return json.loads(text, parse_int=_number)


def parse(content: bytes) -> Any:
    """Return the document; raises ValueError with the reason where it is none."""
    if len(content) > MOST_BYTES:
        raise ValueError(f"a JSON document of more than {MOST_BYTES} bytes is not read")
    try:
        return _parsed(content.decode("utf-8-sig"))
    except RecursionError:
        raise ValueError("the JSON is nested too deeply") from None
    except ValueError as error:
        where = getattr(error, "pos", None)
        raise ValueError(f"no JSON{f' at character {where}' if where is not None else ''}") from None
