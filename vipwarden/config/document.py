"""What did the operator configure? Reads the YAML file /etc/vipwarden/vipwarden.yaml.

The signature of the function that gets a mapping describes it, with the same types and names as on the command line.
Errors have file, line and key.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING

import yaml

from vipwarden.config.text import TAG, TextError, compose, is_null, read
from vipwarden.core.options import Option, UsageError, options
from vipwarden.core.result import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

PATH = "/etc/vipwarden/vipwarden.yaml"
SECTIONS = ("agent", "exporter", "notify", "panic")  # besides "checks"; each reader of the file takes its own
_MOST_MISTAKES = 50


class ConfigError(ValueError):
    """What is wrong with the configuration: a line for each mistake, which starts with file, line and key."""


class Mistakes:
    """Collects the mistakes of independent parts, so that an operator sees all of them at once."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep a ConfigError of the block for later."""
        try:
            yield
        except ConfigError as error:
            self._lines += str(error).splitlines()

    def end(self) -> None:
        """Raise a ConfigError with all mistakes."""
        if len(self._lines) > _MOST_MISTAKES:
            self._lines[_MOST_MISTAKES:] = [f"and {len(self._lines) - _MOST_MISTAKES} more"]
        if self._lines:
            raise ConfigError("\n".join(self._lines))


class Document:
    """A configuration file, or its text; ``sections`` are the keys that it may have besides ``checks``."""

    keys: tuple[str, ...] = ("checks",)  # always allowed

    def __init__(self, path: str, text: str | None = None, sections: Sequence[str] = ()) -> None:
        """Read the file (or the text, named ``path`` in errors); raises ConfigError."""
        self.path = path
        self._files: list[tuple[yaml.Node, str, str]] = []
        try:
            root = compose(path, read(path) if text is None else text)
        except TextError as error:
            raise ConfigError(str(error)) from None
        self.is_empty = root is None or is_null(root)
        self._top = {} if root is None or self.is_empty else dict(self.pairs(root, ""))
        mistakes = Mistakes()
        for key, (node, _) in self._top.items():
            with mistakes.kept():
                if key not in (*self.keys, *sections):
                    raise self.error(node, key, _unknown(key, (*self.keys, *sections)))
        mistakes.end()

    def top(self, name: str) -> yaml.Node | None:
        """Return the node of a top-level key, None if there is none."""
        node = self._top.get(name, (None, None))[1]
        return None if node is None or is_null(node) else node

    def section(self, name: str, function: Callable[..., object]) -> dict[str, object]:
        """Return the values of a section by the signature of a function; raises ConfigError."""
        node = self.top(name)
        return {} if node is None else self.values(self._top[name][0], node, name, options(function))

    def values(self, key: yaml.Node, node: yaml.Node, where: str, known: dict[str, Option]) -> dict[str, object]:
        """Return the values of a mapping by its options; raises ConfigError."""
        values: dict[str, object] = {}
        given = dict(self.pairs(node, where))
        mistakes = Mistakes()
        for name, (name_node, value) in given.items():
            with mistakes.kept():
                option = known.get(name)
                if option is None:
                    raise self.error(name_node, f"{where}.{name}", _unknown(name, known))
                values[name] = self._value(option, value, f"{where}.{name}")
                if name.endswith("_file") and isinstance(path := values[name], str):
                    self._files.append((value, f"{where}.{name}", path))
        missing = [name for name, option in known.items() if option.required and name not in given]
        with mistakes.kept():
            if missing:
                raise self.error(key, where, f"wants {' and '.join(missing)} as well")
        mistakes.end()
        return values

    def _value(self, option: Option, node: yaml.Node, where: str) -> object:
        if option.repeats:
            items = node.value if isinstance(node, yaml.SequenceNode) and node.value else [node]
            return tuple(self._scalar(option, item, where) for item in items)
        return self._scalar(option, node, where)

    def _scalar(self, option: Option, node: yaml.Node, where: str) -> object:
        if not isinstance(node, yaml.ScalarNode) or is_null(node) or not node.value:
            raise self.error(node, where, "wants one value")
        if option.is_flag:
            flag = yaml.SafeLoader.bool_values.get(node.value.lower())
            if flag is None or node.tag != TAG + "bool":
                raise self.error(node, where, f"is {node.value!r}, but wants true or false")
            return flag
        try:
            return option.build(node.value)
        except UsageError as error:  # has its own text
            raise self.error(node, where, str(error)) from None
        except ValueError as error:
            raise self.error(node, where, f"is {node.value!r}, but {error}") from None

    def pairs(self, node: yaml.Node, where: str) -> Iterator[tuple[str, tuple[yaml.Node, yaml.Node]]]:
        """Yield key, and key node with value node, of a mapping; each key once."""
        if not isinstance(node, yaml.MappingNode):
            raise self.error(node, where or "the file", "must be a mapping of keys to values")
        seen = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or not key.value:
                raise self.error(key, where or "the file", "has a key that is no text")
            if key.tag == TAG + "merge":
                what = "is YAML's merge key, which is not taken here: write out what it would merge"
                raise self.error(key, f"{where}.<<".lstrip("."), what)
            text = str(key.value)
            if text in seen:
                raise self.error(key, f"{where}.{text}".lstrip("."), "is given twice")
            seen.add(text)
            yield text, (key, value)

    def missing(self) -> list[str]:
        """Return a warning for each file that the sections read so far name (KEY_file) and that is not there."""
        return [
            str(self.error(node, where, f"is {path!r}: {why}"))
            for node, where, path in self._files
            if (why := _unseen(path))
        ]

    def error(self, node: yaml.Node, where: str, text: str) -> ConfigError:
        """Return an error with its place in the file."""
        return ConfigError(f"{self.path}:{node.start_mark.line + 1}: {one_line(f'{where} {text}')}")


def meant(name: str, known: Iterable[str]) -> str:
    """Return a question that names the known name most like ``name``, or ""."""
    close = get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _unknown(name: str, known: Iterable[str]) -> str:
    return f"is not known; known are {', '.join(known)}{meant(name, known)}"


def _unseen(path: str) -> str:
    """Return why a file cannot be found, or ""."""
    try:
        os.stat(path)  # noqa: PTH116 - a path from the operator
    except OSError as error:
        return error.strerror or str(error)
    return ""
