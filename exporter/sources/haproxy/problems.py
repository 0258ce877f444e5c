"""Which problems has a HAProxy? One cause is one problem: many backends, a host, a backend, or a server."""

from __future__ import annotations

from collections import Counter, defaultdict
from operator import itemgetter
from typing import TYPE_CHECKING

from exporter.render.model import BACKEND, CHECK, FEW_TOLD, GONE, HALF, SERVER, SPARE, Problem, is_wrong, joined, named
from exporter.render.words import SEVERITY, Mark, amount, count, number, span, things
from exporter.sources.haproxy.lines import backend_mark, frontend_mark, is_half, is_up, last_check, near_limit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from exporter.choice import Choice
    from exporter.sources.haproxy.lines import InstanceLines, Line
    from exporter.sources.haproxy.source import Instance

_MANY = 8  # backends without a server: as many problems are open
_NEAR = 0.8  # of a limit of connections
_OLD = 600  # seconds that a worker may finish its connections after a reload


def unread(instance: Instance) -> Iterator[Problem]:
    """Yield the failure of reading an instance."""
    if text := instance.failure or instance.lost:
        mark = unread_mark(instance)
        rank = GONE if mark.tone == "bad" else CHECK
        yield Problem(mark, joined("HAProxy", instance.name, by=" "), text, "haproxy", rank)


def unread_mark(instance: Instance) -> Mark:
    """Return the state of an instance that was not read: red, unless it was this exporter that could not ask."""
    return Mark("bad", "no answer") if instance.failure and not instance.is_barred else Mark("unknown", "not read")


def problems(instance: Instance, lines: InstanceLines, choice: Choice) -> Iterator[Problem]:
    """Yield the problems of its process, frontends, hosts and backends."""
    of = f" of {instance.name}" if instance.name else ""
    yield from _of_process(instance, f"HAProxy{of}")
    for line in lines.frontends:
        mark = frontend_mark(line)
        if is_wrong(mark) or near_limit(line):
            rank = BACKEND if mark.tone == "bad" else HALF
            mark = mark if is_wrong(mark) else Mark("warn", "near limit")
            text = f"{amount(line['scur'])} of {amount(line['slim'])} sessions"
            yield Problem(mark, f"frontend {line['pxname']}{of}", text, line.key, rank)
    by_design = {line.counted[1] for line in lines.backends if choice.is_down_by_design(line["pxname"])}
    hosts = _lost_hosts([line for line in lines.all_servers if line.counted[1] not in by_design])
    told = {line.key for lost in hosts.values() for line in lost}
    dead = _many_dead(lines)
    own: set[bytes] = set()
    if dead and (len(hosts) > FEW_TOLD or any(line.key not in told for line in _wrong(dead))):
        yield _of_many(dead, lines, of)
        own = {line.counted[1] for line in dead}
        hosts = {host: lost for host, lost in hosts.items() if any(line.counted[1] not in own for line in lost)}
    for host, lost in hosts.items():
        yield _of_host(host, lost, of)
    for line in (line for line in lines.backends if line.counted[1] not in own):
        yield from _of_backend(line, of, told, by_design=line.counted[1] in by_design)


def _of_process(instance: Instance, name: str) -> Iterator[Problem]:
    info = instance.report.info if instance.report else {}
    most = number(info.get("Maxconn"))
    if most and number(info.get("CurrConns")) > _NEAR * most:
        text = f"{amount(info['CurrConns'])} of {amount(info['Maxconn'])} connections"
        yield Problem(Mark("warn", "near limit"), name, text, "haproxy", HALF)
    process = instance.process
    if process is not None and process.old_age is not None and process.old_age > _OLD:
        text = f"{things(process.old_workers, 'worker')} from before a reload, the oldest for {span(process.old_age)}"
        yield Problem(Mark("warn", "old workers"), name, text, "haproxy")


def _many_dead(lines: InstanceLines) -> list[Line]:
    """Return the backends without a server if they are many, and at least half of all."""
    serving = [line for line in lines.backends if lines.servers(line)]
    dead = [line for line in serving if is_wrong(backend_mark(line, half=False))]
    return dead if len(dead) > _MANY and 2 * len(dead) >= len(serving) else []


def _wrong(backends: Sequence[Line]) -> Iterator[Line]:
    return (line for backend in backends for line in backend.lines.servers(backend) if is_wrong(line.mark))


def _of_many(dead: Sequence[Line], lines: InstanceLines, of: str) -> Problem:
    """Return the problem of many backends: a link, a route or a release is the cause."""
    results = Counter(joined(line["check_status"].removeprefix("* "), last_check(line)[1]) for line in _wrong(dead))
    result, times = max(results.items(), key=itemgetter(1), default=("", 0))
    why = f"{result} ({count(times)} times)" if times > 1 else result
    text = joined(f"no server is up in {named([line['pxname'] for line in dead])}", why, _queue(*dead))
    serving = sum(bool(lines.servers(line)) for line in lines.backends)
    number_ = f"all {count(serving)}" if len(dead) == serving else f"{count(len(dead))} of {count(serving)}"
    return Problem(Mark("bad", "DOWN"), f"{number_} backends{of}", text, dead[0].key, BACKEND)


def _queue(*backends: Line) -> str:
    waiting = sum(number(line["qcur"]) for line in backends)
    return f"{things(waiting, 'request waits', 'requests wait')} for a server" if waiting else ""


def _lost_hosts(servers: Sequence[Line]) -> dict[str, list[Line]]:
    """Return the hosts whose servers are DOWN, all of them and in several backends."""
    down = {line.host for line in servers if line.mark.tone == "bad"} - {""}
    lines: dict[str, list[Line]] = defaultdict(list)
    for line in servers if down else ():
        if line.mark.tone != "maint" and line.host in down:
            lines[line.host].append(line)
    return {
        host: found
        for host, found in lines.items()
        if all(line.mark.tone == "bad" for line in found) and len({line.counted[1] for line in found}) > 1
    }


def _of_host(host: str, lost: Sequence[Line], of: str) -> Problem:
    places = {line.counted[1]: line for line in lost}
    dead = sorted(name for name, line in places.items() if is_wrong(backend_mark(line.backend, half=False)))
    none = f"no server is up in {named([places[name]['pxname'] for name in dead])}" if dead else ""
    text = joined(f"all its servers in {count(len(places))} backends are DOWN", none, *last_check(lost[0]))
    return Problem(Mark("bad", "DOWN"), f"host {host}{of}", text, lost[0].key, BACKEND if dead else HALF)


def _of_backend(backend: Line, of: str, told: set[str], *, by_design: bool) -> Iterator[Problem]:
    """Yield a problem for a backend that is down, for its servers, or for its queue; not those DOWN by design."""
    name, servers = backend["pxname"], backend.lines.servers(backend)
    where, mark = f"backend {name}{of}", backend_mark(backend, half=False)
    wrong = [line for line in servers if is_wrong(line.mark)]
    queue = _queue(backend)
    if is_wrong(mark):
        if not wrong or any(line.key not in told for line in wrong):
            results = sorted({joined(*last_check(line)) for line in wrong if line.mark.tone == "bad"})
            text = joined(f"none of {things(len(servers), 'server')} is up", *results[:1], queue)
            yield Problem(mark, where, text, backend.key, BACKEND)
        return
    if by_design:
        wrong = [line for line in wrong if not line["status"].startswith("DOWN")]
    wrong = sorted((line for line in wrong if line.key not in told), key=lambda line: SEVERITY[line.mark.tone])
    if wrong:
        rank = HALF if is_half(servers) else SPARE if all(line["bck"] == "1" for line in wrong) else SERVER
        if len(wrong) == 1:
            text = joined(*last_check(wrong[0]), f"for {wrong[0].since}" if wrong[0].since else "", queue)
            yield Problem(wrong[0].mark, f"server {name}/{wrong[0]['svname']}{of}", text, wrong[0].key, rank)
            return
        up = sum(is_up(line.mark) for line in servers)
        lost, failing = (
            [line["svname"] for line in wrong if is_up(line.mark) == is_there] for is_there in (False, True)
        )
        text = joined(
            f"without {named(lost)}" if lost else "",
            f"checks begin to fail of {named(failing)}" if failing else "",
            *last_check(wrong[0]),
            queue,
        )
        mark = Mark(wrong[0].mark.tone, f"{count(up)} of {count(len(servers))} up")
        yield Problem(mark, where, text, backend.key, rank)
    elif queue:
        yield Problem(Mark("warn", "queue"), where, queue, backend.key, HALF)
