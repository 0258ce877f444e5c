"""What becomes of a cluster when a line of keepalived.conf is changed?"""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from rehearse.instance import advert_interval
from rehearse.model.cluster import SCRIPT
from rehearse.numbers import milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from rehearse.model.cluster import Cluster, Group, Instance, Link, Node, Script


class ChangeError(ValueError):
    """There is no such setting, or nothing has it."""


class Change(NamedTuple):
    """``[NODE:][NAME.]KEY=VALUE``: all nodes and all names where none is given."""

    node: str
    name: str
    key: str
    value: str

    def __str__(self) -> str:
        node = f"{self.node}:" if self.node else ""
        return f"{node}{f'{self.name}.' if self.name else ''}{self.key}={self.value}"


def change(text: str) -> Change:
    """Return a change of its text; raises ChangeError."""
    left, equals, value = str(text).partition("=")
    node, _, rest = left.rpartition(":")
    name, _, key = rest.rpartition(".")
    if not equals or not value or not key:
        raise ChangeError("a change is [NODE:][NAME.]KEY=VALUE, such as weight=-60 or lb2:VI_1.priority=120")
    if key not in KEYS:
        near = get_close_matches(key, KEYS, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ChangeError(f"{key!r} cannot be changed{hint} There are {', '.join(KEYS)}")
    KEYS[key](value)
    return Change(node, name, key, value)


def apply(cluster: Cluster, wanted: Change) -> Cluster:
    """Return the cluster with a change; raises ChangeError where nothing has what is to be changed."""
    names = [node.name for node in cluster.nodes]
    if wanted.node and wanted.node not in names:
        raise ChangeError(f"there is no node {wanted.node}: there are {', '.join(names)}")
    nodes = tuple(_node(it, wanted) if wanted.node in ("", it.name) else it for it in cluster.nodes)
    if all(one is other for one, other in zip(nodes, cluster.nodes, strict=True)):
        raise ChangeError(f"{wanted}: nothing has this name and this setting")
    return replace(cluster, nodes=nodes)


def _node(node: Node, wanted: Change) -> Node:
    key, value = wanted.key, KEYS[wanted.key](wanted.value)
    if key == "weight":
        return _weigh(node, wanted, int(value))
    if key in _SCRIPT_KEYS:
        hit = {name: it for name, it in node.scripts.items() if wanted.name in ("", name)}
        if not hit:
            return node
        return replace(node, scripts={**node.scripts, **{name: _script(it, key, value) for name, it in hit.items()}})
    if key == "sync_group_tracking_weight":
        hits = [it for it in node.groups if wanted.name in ("", it.name)]
        groups = tuple(replace(it, is_weighted=bool(value)) if it in hits else it for it in node.groups)
        return replace(node, groups=groups) if hits else node
    named = [it for it in node.instances if wanted.name in ("", it.name)]
    instances = tuple(_instance(it, key, value) if it in named else it for it in node.instances)
    return replace(node, instances=instances) if named else node


def _weigh(node: Node, wanted: Change, weight: int) -> Node:
    """Change the weights of what is tracked by a name, of all scripts without one."""
    hits = 0

    def links(given: tuple[Link, ...]) -> tuple[Link, ...]:
        nonlocal hits
        mine = [it for it in given if (it.name == wanted.name if wanted.name else it.kind == SCRIPT)]
        hits += len(mine)
        return tuple(replace(it, weight=weight) if it in mine else it for it in given)

    def changed(it: Instance | Group) -> Instance | Group:
        return replace(it, links=links(it.links))

    made = replace(
        node,
        instances=tuple(map(changed, node.instances)),  # type: ignore[arg-type]
        groups=tuple(map(changed, node.groups)),  # type: ignore[arg-type]
    )
    return made if hits else node


def _script(script: Script, key: str, value: int) -> Script:
    if key == "interval":
        same = script.timeout == script.interval
        return replace(script, interval=value, timeout=value if same else script.timeout)
    if key == "timeout":
        return replace(script, timeout=value)
    return replace(script, rise=value) if key == "rise" else replace(script, fall=value)


def _instance(it: Instance, key: str, value: int) -> Instance:
    if key == "nopreempt":
        return replace(it, nopreempt=bool(value) and not it.is_master)
    if key == "state":
        return replace(it, is_master=bool(value), nopreempt=it.nopreempt and not value)
    if key == "advert_int":
        return replace(it, interval=advert_interval(value, it.version))
    if key == "preempt_delay":
        return replace(it, preempt_delay=0 if it.is_master or it.nopreempt else value)
    if key == "priority":
        return replace(it, priority=value)
    if key == "version":
        secret = ("", "") if value == 3 else it.secret
        return replace(it, version=value, secret=secret, interval=advert_interval(it.interval, value))
    return replace(it, down_adverts=value)


def _number(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            raise ChangeError(f"{text!r} is no whole number from {low} to {high}")
        return value

    return read


def _seconds(text: str) -> int:
    value = milliseconds(text, 0)
    if not value:
        raise ChangeError(f"{text!r} is no number of seconds")
    return value


def _word(**words: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if text not in words:
            raise ChangeError(f"{text!r} is none of {', '.join(words)}")
        return words[text]

    return read


_SCRIPT_KEYS = ("interval", "timeout", "rise", "fall")
_YES = _word(yes=1, no=0)
KEYS: dict[str, Callable[[str], int]] = {
    "weight": _number(-254, 254),
    "priority": _number(1, 255),
    "advert_int": _seconds,
    "version": _number(2, 3),
    "down_timer_adverts": _number(1, 100),
    "state": _word(MASTER=1, BACKUP=0),
    "nopreempt": _YES,
    "preempt_delay": _seconds,
    "interval": _seconds,
    "timeout": _seconds,
    "rise": _number(1, 1000),
    "fall": _number(1, 1000),
    "sync_group_tracking_weight": _YES,
}
