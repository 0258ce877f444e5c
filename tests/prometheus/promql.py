"""Which metrics, labels and values does an expression of PromQL use?"""

from __future__ import annotations

import re
from typing import NamedTuple

_STRING = r'"(?:[^"\\]|\\.)*"'
_SELECTOR = re.compile(rf"([a-zA-Z_:][a-zA-Z0-9_:]*)?\{{((?:{_STRING}|[^}}\"])*)\}}")
_MATCHER = re.compile(rf"([a-zA-Z_]\w*)\s*(=~|!~|!=|=)\s*({_STRING})")
_GROUPING = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_WORD = re.compile(r"(?<![\w:.$])([a-zA-Z_:][a-zA-Z0-9_:]*)(\s*\()?")
_KEYWORDS = {"and", "or", "unless", "bool", "offset", "group_left", "group_right"}
_AGGREGATIONS = {"sum", "min", "max", "count", "group", "avg"}  # their "by (...)" may come before the parenthesis


class Use(NamedTuple):
    """What an expression uses: metrics with their matchers (label, operator, value), and the labels of groupings."""

    metrics: dict[str, set[tuple[str, str, str]]]
    labels: set[str]


def used(expression: str) -> Use:
    """Take an expression apart; what is in comments and ranges does not count."""
    text = re.sub(r"#.*", "", expression)
    metrics: dict[str, set[tuple[str, str, str]]] = {}
    for name, matchers in _SELECTOR.findall(text):
        found = {(label, operator, value[1:-1]) for label, operator, value in _MATCHER.findall(matchers)}
        metrics.setdefault(name, set()).update(found)
    text = _SELECTOR.sub(lambda found: f" {found[1]} " if found[1] else " ", text)
    text = re.sub(rf"\[[^\]]*\]|{_STRING}", " ", text)
    labels = {label.strip() for _, inside in _GROUPING.findall(text) for label in inside.split(",") if label.strip()}
    text = _GROUPING.sub(" ", text)
    for name, call in _WORD.findall(text):
        if not call and name not in _KEYWORDS | _AGGREGATIONS:
            metrics.setdefault(name, set())
    return Use(metrics, labels)
