"""What did the operator configure? Reads the one YAML file, /etc/vipwarden/vipwarden.yaml.

Every mapping in it is read by the signature of the function that it will be passed to, with the same types and
words as on the command line. What is wrong is refused with the file, the line and the key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from checks.core.options import Option, UsageError, options
from checks.core.registry import load
from checks.core.result import one_line
from checks.core.values import Seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from checks.core.registry import Check

PATH = "/etc/vipwarden/vipwarden.yaml"
SECTIONS = ("exporter", "notify")  # beside "checks"; each reader of the file takes its own
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

    keys: tuple[str, ...] = ("checks",)  # that it may have in any case; none in a file of another kind

    def __init__(self, path: str, text: str | None = None, sections: Sequence[str] = ()) -> None:
        """Read the file (or the text, named ``path`` in errors); raises ConfigError."""
        self.path = path
        root = _compose(path, _read(path) if text is None else text)
        self._top = {} if root is None or _is_null(root) else dict(self._pairs(root, ""))
        for key, (node, _) in self._top.items():
            if key not in (*self.keys, *sections):
                raise self._error(node, key, f"is not known; known are {', '.join((*self.keys, *sections))}")

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
            items = node.value if isinstance(node, yaml.SequenceNode) and node.value else [node]
            return tuple(self._one(option, item, where) for item in items)
        return self._one(option, node, where)

    def _one(self, option: Option, node: yaml.Node, where: str) -> object:
        if not isinstance(node, yaml.ScalarNode) or _is_null(node) or not node.value:
            raise self._error(node, where, "wants one value")
        if option.is_flag:
            flag = yaml.SafeLoader.bool_values.get(node.value.lower())
            if flag is None or node.tag != _TAG + "bool":
                raise self._error(node, where, f"is {node.value!r}, but wants true or false")
            return flag
        try:
            return option.build(node.value)
        except UsageError as error:  # in the type's own words
            raise self._error(node, where, str(error)) from None
        except ValueError as error:
            raise self._error(node, where, f"is {node.value!r}, but {error}") from None

    def _pairs(self, node: yaml.Node, where: str) -> Iterator[tuple[str, tuple[yaml.Node, yaml.Node]]]:
        """Yield the pairs of a mapping by key, each key once."""
        if not isinstance(node, yaml.MappingNode):
            raise self._error(node, where or "the file", "must be a mapping of keys to values")
        seen = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or not key.value:
                raise self._error(key, where or "the file", "has a key that is no text")
            text = str(key.value)
            if text in seen:
                raise self._error(key, f"{where}.{text}".lstrip("."), "is given twice")
            seen.add(text)
            yield text, (key, value)

    def _error(self, node: yaml.Node, where: str, text: str) -> ConfigError:
        return ConfigError(f"{self.path}:{node.start_mark.line + 1}: {one_line(f'{where} {text}')}")


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a path from the operator
            raw = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if len(raw) > _MOST_BYTES:
        raise ConfigError(f"{path}: is longer than {_MOST_BYTES >> 20} MiB")
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: is not UTF-8 text: {error.reason}") from None


def _compose(path: str, text: str) -> yaml.Node | None:
    try:
        loader = yaml.SafeLoader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(f"{path}:{line}: is not YAML: a character that it does not allow") from None
    try:
        return loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        line, problem = (error.problem_mark or loader).line, error.problem
    except RecursionError:
        line, problem = loader.line, "nested too deeply"
    except (ValueError, OverflowError) as error:  # PyYAML's own, of an escape or a version beyond all bounds
        line, problem = loader.line, str(error)
    raise ConfigError(f"{path}:{line + 1}: is not YAML: {problem}")


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == _TAG + "null"
