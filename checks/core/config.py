"""What did the operator configure? Reads the one YAML file, /etc/vipwarden/vipwarden.yaml.

Every mapping in it is read by the signature of the function that it will be passed to, with the same types and
words as on the command line. What is wrong is refused with the file, the line and the key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from checks.core.options import Option, UsageError, options
from checks.core.registry import load
from checks.core.values import Seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from checks.core.registry import Check

PATH = "/etc/vipwarden/vipwarden.yaml"
_MOST_BYTES = 4 << 20
_TAG = "tag:yaml.org,2002:"


class ConfigError(ValueError):
    """A configuration that cannot be; the text begins with file, line and key."""


class Entry:
    """One configured check: its ``name``, the function to call with ``values``, and its interval in seconds."""

    __slots__ = ("check", "function", "interval", "name", "timeout", "values")

    def __init__(self, name: str, check: str, function: Check, values: dict[str, object], interval: float) -> None:
        self.name = name
        self.check = check
        self.function = function
        self.values = values
        self.interval = interval
        default = options(function)["timeout"].default
        self.timeout = float(str(values.get("timeout") or min(float(str(default)), interval)))
        values["timeout"] = self.timeout


def entry(*, check: str, interval: Seconds = Seconds(5)) -> None:
    """Add the keys that every check has in the file.

    check: which check it is
    interval: seconds from the start of one run to the start of the next, from 0.1
    """


class Document:
    """A configuration file, or a text in its place; ``sections`` are the keys that it may have beside ``checks``."""

    def __init__(self, path: str, text: str | None = None, sections: Sequence[str] = ()) -> None:
        """Read the file (or the text, named ``path`` in errors); raises ConfigError."""
        self.path = path
        try:
            if text is None:
                with open(path, encoding="utf-8") as file:  # noqa: PTH123 - a path from the operator
                    text = file.read(_MOST_BYTES)
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path}: is not UTF-8 text: {error.reason} at byte {error.start}") from None
        except yaml.MarkedYAMLError as error:
            line = (error.problem_mark.line + 1) if error.problem_mark else 0
            raise ConfigError(f"{path}:{line}: is not YAML: {error.problem}") from None
        except yaml.YAMLError as error:
            raise ConfigError(f"{path}: is not YAML: {' '.join(str(error).split())}") from None
        self._top = {} if root is None else dict(self._pairs(root, ""))
        for key, (node, _) in self._top.items():
            if key not in ("checks", *sections):
                raise self._error(node, key, f"is not known; known are {', '.join(('checks', *sections))}")

    def checks(self) -> list[Entry]:
        """Return the configured checks; raises ConfigError."""
        node = self._top.get("checks", (None, None))[1]
        if node is None or _is_null(node):
            return []
        return [self._entry(name, key, value) for name, (key, value) in self._pairs(node, "checks")]

    def section(self, name: str, function: Callable[..., object]) -> dict[str, object]:
        """Return the values of one section for the function whose signature describes it; raises ConfigError."""
        key, node = self._top.get(name, (None, None))
        if key is None or node is None or _is_null(node):
            return {}
        return self._values(key, node, name, options(function))

    def _entry(self, name: str, key: yaml.Node, node: yaml.Node) -> Entry:
        where = f"checks.{name}"
        chosen = next((value for text, (_, value) in self._pairs(node, where) if text == "check"), None)
        if not isinstance(chosen, yaml.ScalarNode):
            raise self._error(key, where, "has no check: say which one it is, such as check: port")
        try:
            function = load(chosen.value)
        except UsageError as error:
            raise self._error(chosen, f"{where}.check", str(error)) from None
        own = options(function)
        values = self._values(key, node, where, {**own, **options(entry)})
        values.pop("check")
        interval = values.pop("interval", Seconds(5))
        made = Entry(name, chosen.value, function, values, float(str(interval)))
        if made.interval < 0.1:
            raise self._error(key, f"{where}.interval", "is below 0.1 s")
        if made.timeout > made.interval:
            raise self._error(
                key, f"{where}.timeout", f"is {made.timeout:g} s, above the interval of {made.interval:g} s"
            )
        return made

    def _values(self, key: yaml.Node, node: yaml.Node, where: str, known: dict[str, Option]) -> dict[str, object]:
        values: dict[str, object] = {}
        for name, (name_node, value) in self._pairs(node, where):
            option = known.get(name)
            if option is None:
                raise self._error(name_node, f"{where}.{name}", f"is not known; known are {', '.join(known)}")
            values[name] = self._value(option, value, f"{where}.{name}")
        missing = [name for name, option in known.items() if option.required and name not in values]
        if missing:
            raise self._error(key, where, f"wants {' and '.join(missing)} as well")
        return values

    def _value(self, option: Option, node: yaml.Node, where: str) -> object:
        if option.repeats:
            items = node.value if isinstance(node, yaml.SequenceNode) else [node]
            return tuple(self._one(option, item, where) for item in items)
        return self._one(option, node, where)

    def _one(self, option: Option, node: yaml.Node, where: str) -> object:
        if not isinstance(node, yaml.ScalarNode) or _is_null(node):
            raise self._error(node, where, "wants one value")
        if option.is_flag:
            if node.tag != _TAG + "bool":
                raise self._error(node, where, f"is {node.value!r}, but wants true or false")
            return bool(yaml.SafeLoader.bool_values[node.value.lower()])
        try:
            return option.build(node.value)
        except ValueError as error:
            raise self._error(node, where, f"is {node.value!r}, but {error}") from None

    def _pairs(self, node: yaml.Node, where: str) -> Iterator[tuple[str, tuple[yaml.Node, yaml.Node]]]:
        """Yield the pairs of a mapping by key, each key once."""
        if not isinstance(node, yaml.MappingNode):
            raise self._error(node, where or "the file", "must be a mapping of keys to values")
        seen = set()
        for key, value in node.value:
            text = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
            if text in seen:
                raise self._error(key, f"{where}.{text}".lstrip("."), "is given twice")
            seen.add(text)
            yield text, (key, value)

    def _error(self, node: yaml.Node, where: str, text: str) -> ConfigError:
        return ConfigError(f"{self.path}:{node.start_mark.line + 1}: {where} {text}")


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == _TAG + "null"
