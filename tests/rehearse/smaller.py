"""Which cases are smaller than one by one thing?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.rehearse.pairs import Case, cluster, possible
from vipwarden.node.keepalived.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLOCKS = re.compile(r"^( *)\w[^\n]*\{\n(?:.*\n)*?\1\}\n", re.MULTILINE)
_OPTIONS = re.compile(
    r"^ +(?:nopreempt|preempt_delay .*|down_timer_adverts .*|sync_group_\w+|vrrp_lower_\w+|vrrp_higher_\w+)\n",
    re.MULTILINE,
)
_SIMPLER = (
    (re.compile(r"(?<=    (?:rise|fall) )[23]$", re.MULTILINE), "1"),
    (re.compile(r"(?<=    state )MASTER$", re.MULTILINE), "BACKUP"),
    (re.compile(r" reverse$", re.MULTILINE), ""),
)
_GOES = re.compile(r" *(?:track_\w+|vrrp_sync_group|vrrp_instance VI_52) ")


def smaller(case: Case) -> list[Case]:
    """Return those that are still cases: with less on both nodes first, then with less on one of them."""
    found: dict[Case, None] = {}
    for fault in case.faults if len(case.faults) > 1 else ():
        found.setdefault(Case(case.confs, (fault,)))
    both = [dict(_less(text)) for text in case.confs]
    for what in both[0].keys() & both[1].keys():
        found.setdefault(case._replace(confs=(both[0][what], both[1][what])))
    for place, less in enumerate(both):
        for text in less.values():
            confs = [*case.confs]
            confs[place] = text
            found.setdefault(case._replace(confs=tuple(confs)))
    return [it for it in found if _is_case(it)]


def _less(text: str) -> Iterator[tuple[str, str]]:
    """Yield what is taken away, and the rest."""
    for block in _BLOCKS.finditer(text):
        for it in (block, *_inner(block, text)):
            if _GOES.match(it[0]):
                yield it[0].partition("weight")[0], text.replace(it[0], "", 1)
    for option in _OPTIONS.finditer(text):
        yield option[0], text[: option.start()] + text[option.end() :]
    for pattern, instead in _SIMPLER:
        for number, it in enumerate(pattern.finditer(text)):
            yield f"{pattern.pattern} {number}", text[: it.start()] + instead + text[it.end() :]


def _inner(block: re.Match[str], text: str) -> Iterator[re.Match[str]]:
    start = text.index("\n", block.start()) + 1
    yield from _BLOCKS.finditer(text, start, block.end() - 2)


def _is_case(case: Case) -> bool:
    made = cluster(case.confs, Version("2.2.7"))
    vrids = [sorted(it.vrid for it in node.instances) for node in made.nodes]
    named = all(it.name in text for it in case.faults if it.name for text in case.confs if it.tracker)
    whole = all(len(node.instances) == 2 or not node.groups for node in made.nodes)
    return vrids[0] == vrids[1] and whole and named and set(case.faults) <= set(possible(made))
