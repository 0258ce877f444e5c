"""How do new checks get into vipwarden.yaml, as a text in which nothing else changes?"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import yaml

from vipwarden.config.document import ConfigError
from vipwarden.config.text import TextError, compose, is_null

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convert.wanted import Value

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*|[0-9][0-9.-]*")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.@:-]*[A-Za-z0-9_]")
_WORDS = frozenset(("yes", "no", "on", "off", "true", "false", "null", "y", "n"))
HEAD = "# What vipwarden-agent checks: see vipwarden.yaml(5).\n"


class Entries:
    """The checks of a configuration file, and new ones; raises ConfigError."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self.new: dict[str, Mapping[str, Value]] = {}
        self._known: dict[str, str] = {}  # the new entries by their text
        try:
            root = compose(path, text)
        except TextError as error:
            raise ConfigError(str(error)) from None
        self._place: tuple[int, str] | None = None  # line before which entries are put, and their indent
        self.names: set[str] = set()
        if root is None or is_null(root):
            return
        if not isinstance(root, yaml.MappingNode) or root.flow_style:
            raise ConfigError(f"{path}:1: is no mapping of keys, one in a line, to which checks could be added")
        for key, value in root.value:
            if key.value == "checks":
                self._find(key, value)

    def _find(self, key: yaml.Node, value: yaml.Node) -> None:
        line = key.start_mark.line + 1
        if is_null(value):
            self._place = (line, "  ")
        elif isinstance(value, yaml.MappingNode) and not value.flow_style and value.start_mark.line >= line:
            self._place = (line, " " * value.value[0][0].start_mark.column)
            self.names = {name.value for name, _ in value.value if isinstance(name, yaml.ScalarNode)}
        else:
            raise ConfigError(f"{self.path}:{line}: checks is in braces: write one check in a line, to add others")

    def add(self, name: str, entry: Mapping[str, Value]) -> str:
        """Add a check and return its name; a check that is there already, with the same keys, is not added again."""
        known = json.dumps(entry, sort_keys=True)
        if known in self._known:
            return self._known[known]
        free, count = name, 1
        while free in self.names or free in self.new:
            count += 1
            free = f"{name}-{count}"
        self.new[free] = entry
        self._known[known] = free
        return free

    def one(self, name: str) -> None:
        """Add a check whose track file always holds 1, and is written again where it is lost."""
        if name not in self.names:
            self.new[name] = {"check": "file_state", "file": "/", "weight": "critical=1", "syslog": False}

    def edits(self) -> list[tuple[int, int, str]]:
        """Return where the text changes, and what stands there then."""
        if not self.new:
            return []
        newline = "\r\n" if self.text.partition("\n")[0].endswith("\r") else "\n"
        line, indent = self._place or (-1, "  ")
        made = [written for name, entry in self.new.items() for written in _lines(name, entry, indent)]
        lines = self.text.splitlines(keepends=True)
        if line < 0:
            made[:0] = ["checks:"] if lines else [HEAD.rstrip("\n"), "checks:"]
            line = len(lines)
        at = sum(map(len, lines[:line]))
        begin = newline if at and not self.text[:at].endswith("\n") else ""
        return [(at, at, begin + "".join(f"{text}{newline}" for text in made))]


def _lines(name: str, entry: Mapping[str, Value], indent: str) -> list[str]:
    lines = [f"{indent}{name if _NAME.fullmatch(name) else json.dumps(name)}:"]
    for key, value in entry.items():
        if isinstance(value, list):
            lines += [f"{indent}  {key}:", *(f"{indent}    - {_scalar(item)}" for item in value)]
        else:
            lines.append(f"{indent}  {key}: {_scalar(value)}")
    return lines


def _scalar(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else json.dumps(text)
