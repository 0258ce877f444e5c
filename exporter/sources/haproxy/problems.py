"""Which problems has a HAProxy?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.render.model import Problem, is_wrong, joined
from exporter.render.words import Mark, amount, count, number, span, things
from exporter.sources.haproxy.lines import backend_mark, frontend_mark, last_check, near_limit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.choice import Choice
    from exporter.sources.haproxy.lines import InstanceLines, Line
    from exporter.sources.haproxy.source import Instance

_NAMED = 3  # servers of a backend that are listed as problems
_NEAR = 0.8  # of a limit of connections
_OLD = 600  # seconds that a worker may finish its connections after a reload


def unread(instance: Instance) -> Iterator[Problem]:
    """Yield the failure of reading an instance."""
    if text := instance.failure or instance.lost:
        yield Problem(Mark("unknown", "not read"), joined("HAProxy", instance.name, by=" "), text, "haproxy")


def problems(instance: Instance, lines: InstanceLines, choice: Choice) -> Iterator[Problem]:
    """Yield the problems of its process, frontends and backends."""
    of = f" of {instance.name}" if instance.name else ""
    yield from _of_process(instance, f"HAProxy{of}")
    for line in lines.frontends:
        mark = frontend_mark(line)
        if is_wrong(mark) or near_limit(line):
            mark = mark if is_wrong(mark) else Mark("warn", "near limit")
            text = f"{amount(line['scur'])} of {amount(line['slim'])} sessions"
            yield Problem(mark, f"frontend {line['pxname']}{of}", text, line.key)
    for line in lines.backends:
        yield from _of_backend(line, of, by_design=choice.is_down_by_design(line["pxname"]))
        if waiting := number(line["qcur"]):
            text = f"{things(waiting, 'request waits', 'requests wait')} for a server"
            yield Problem(Mark("warn", "queue"), f"backend {line['pxname']}{of}", text, line.key)


def _of_process(instance: Instance, name: str) -> Iterator[Problem]:
    info = instance.report.info if instance.report else {}
    most = number(info.get("Maxconn"))
    if most and number(info.get("CurrConns")) > _NEAR * most:
        text = f"{amount(info['CurrConns'])} of {amount(info['Maxconn'])} connections"
        yield Problem(Mark("warn", "near limit"), name, text, "haproxy")
    process = instance.process
    if process is not None and process.old_age is not None and process.old_age > _OLD:
        text = f"{things(process.old_workers, 'worker')} from before a reload, the oldest for {span(process.old_age)}"
        yield Problem(Mark("warn", "old workers"), name, text, "haproxy")


def _of_backend(backend: Line, of: str, *, by_design: bool) -> Iterator[Problem]:
    """Yield a problem for a backend that is down, else for its servers, except those DOWN by design."""
    name, mark, servers = backend["pxname"], backend_mark(backend), backend.lines.servers(backend)
    if is_wrong(mark):
        results = sorted({joined(*last_check(line)) for line in servers if line.mark.tone == "bad"})
        text = joined(f"none of {things(len(servers), 'server')} is up", *results[:1])
        yield Problem(mark, f"backend {name}{of}", text, backend.key)
        return
    wrong = [line for line in servers if is_wrong(line.mark)]
    if by_design:
        wrong = [line for line in wrong if not line["status"].startswith("DOWN")]
    are_many = len(wrong) > _NAMED + 1
    for line in wrong[:_NAMED] if are_many else wrong:
        text = joined(*last_check(line), line.since)
        yield Problem(line.mark, f"server {name}/{line['svname']}{of}", text, line.key)
    if are_many:
        named = ", ".join(line["svname"] for line in wrong[:_NAMED])
        more = Mark(wrong[_NAMED].mark.tone, f"{count(len(wrong) - _NAMED)} more")
        text = f"besides {named}; {count(len(servers))} servers in all"
        yield Problem(more, f"servers of {name}{of}", text, backend.key)
