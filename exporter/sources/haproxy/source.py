"""What is the state of HAProxy's processes, frontends, listeners, backends and servers?

Names, labels and types are those of HAProxy's own endpoint; docs/exporter-haproxy.md lists the exceptions. Several
instances have the label ``haproxy_instance``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, partial
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING

from exporter.fetch import AuthFileError, user_and_password
from exporter.render.exposition import Family, Lines, measured
from exporter.render.history import Past
from exporter.source import AbsentError, Source
from exporter.sources.haproxy.history import History
from exporter.sources.haproxy.page import read as page
from exporter.sources.haproxy.processes import Process, Processes, process
from exporter.sources.haproxy.rows import Part
from vipwarden.core.result import one_line
from vipwarden.net.blocking import BlockingNet
from vipwarden.node.haproxy.conf import instances as configured
from vipwarden.node.haproxy.socket import BACKEND, HaproxyError, HaproxyMissingError, HaproxyRightError, Report, report
from vipwarden.node.haproxy.source import Access
from vipwarden.node.haproxy.source import Instance as Place
from vipwarden.node.haproxy.table import texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from exporter.choice import Choice
    from exporter.render.exposition import Metric
    from exporter.settings import Settings
    from exporter.sources.haproxy.processes import Answers
    from exporter.sources.haproxy.rows import Columns, Names

_MOST_PARTS = 256


@dataclass(slots=True)
class Instance:
    """One HAProxy: its report or a failure; ``label`` is empty if it is the only one.

    ``is_barred`` if this user or node could not ask: HAProxy itself may run.
    """

    label: tuple[str, ...]
    report: Report | None = None
    process: Process | None = None
    failure: str = ""
    is_barred: bool = False
    past: Past = field(default_factory=Past)

    @property
    def name(self) -> str:
        """Its name, "" if it is the only one."""
        return "".join(self.label)

    @property
    def lost(self) -> str:
        """How many rows of its table were left out, or ""."""
        if self.report is None or not self.report.table.lost:
            return ""
        number = self.report.table.lost
        rows = "1 row of 'show stat' is" if number == 1 else f"{number} rows of 'show stat' are"
        return f"{self.report.socket}: {rows} malformed and left out"


@dataclass(frozen=True, slots=True)
class Haproxies:
    """All instances, and the choice of series."""

    instances: Sequence[Instance]
    choice: Choice

    @property
    def failure(self) -> str:
        """The failures; the rest has series nevertheless."""
        failures = (instance.failure or instance.lost for instance in self.instances)
        return "; ".join(one_line(failure, 300) for failure in failures if failure)


def read(settings: Settings) -> Haproxies:
    """Ask all instances at the same time: a silent one takes no time from the others."""
    try:
        given = [Place(source.name, (source,)) for source in dict.fromkeys(settings.haproxy)]
        places = given or configured(settings.haproxy_conf)
    except HaproxyMissingError as error:
        raise AbsentError(error) from None
    except HaproxyRightError as error:
        return Haproxies([Instance((), failure=str(error), is_barred=True)], settings.haproxy_choice)
    instances = [Instance((place.name,) if len(places) > 1 else ()) for place in places]
    first, *others = [(*pair, settings) for pair in zip(places, instances, strict=True)]
    threads = [Thread(target=_ask, args=arguments, daemon=True) for arguments in others]
    for thread in threads:
        thread.start()
    _ask(*first)
    for thread in threads:
        thread.join()
    return Haproxies(instances, settings.haproxy_choice)


def _ask(place: Place, instance: Instance, settings: Settings) -> None:
    net = BlockingNet()
    net.begin(settings.timeout * 0.9)  # its error says more than the frame's
    try:
        access = place.access or _access(place, settings)
        report(net, place.sources, partial(page, access)).send(None)
    except StopIteration as end:
        answer: Report = end.value
        instance.report = answer
        instance.process = process(answer.info, settings.proc)
        instance.past = _history(place).take(monotonic(), answer.table)
    except HaproxyError as error:
        instance.failure, instance.is_barred = str(error), isinstance(error, HaproxyRightError)


_HISTORIES: dict[object, History] = {}


def _history(place: Place) -> History:
    key = place.name, place.sources
    if key not in _HISTORIES and len(_HISTORIES) >= _MOST_PARTS:
        _HISTORIES.clear()
    return _HISTORIES.setdefault(key, History())


def _access(place: Place, settings: Settings) -> Access:
    files = settings.haproxy_auth_file if any(source.is_page for source in place.sources) else ()
    try:
        return Access(user_and_password(files, place.name), settings.haproxy_ca_file)
    except AuthFileError as error:
        raise HaproxyRightError(str(error)) from None


class Encoder:
    """The series; keeps the labels of all rows as text from scrape to scrape."""

    def __init__(self) -> None:
        self._parts: dict[tuple[str, tuple[str, ...], Choice], Part] = {}
        self._names: dict[tuple[str, ...], Names] = {}
        self._processes = Processes()

    def series(self, facts: Haproxies) -> Iterator[Metric]:
        """Yield haproxy_up, the processes, the frontends, listeners, backends and servers."""
        names = ("haproxy_instance",) if len(facts.instances) > 1 else ()
        text = "Whether HAProxy could be read; absent without HAProxy, and without the right to ask."
        asked = [(it.label, it) for it in facts.instances if not it.is_barred]
        yield from measured(names, asked, ("haproxy_up", "gauge", text, lambda it: it.report is not None))
        answers = [(it.label, it.report, it.process) for it in facts.instances if it.report is not None]
        for family in self._processes.families(answers, names):
            if facts.choice.metric(family.name):
                yield family
        yield _by_design(answers, facts.choice, names)
        tables = [(label, cache(report.table.column)) for label, report, _ in answers]
        named = [(label, column, self._same(label, column)) for label, column in tables]
        for letter in "FLBS":
            made = [self._part(letter, label, facts.choice).lines(column, same) for label, column, same in named]
            for each in zip(*made, strict=True):
                name, kind, text, _ = each[0]
                yield Lines(name, kind, text, *(lines for *_, lines in each))

    def _same(self, label: tuple[str, ...], column: Columns) -> Names:
        """Return the columns that name the rows, as objects of the last scrape if they are equal."""
        names = (column("type"), column("pxname"), column("svname"))
        if self._names.get(label) != names:
            if len(self._names) >= _MOST_PARTS:
                self._names.clear()
            self._names[label] = names
        return self._names[label]

    def _part(self, letter: str, label: tuple[str, ...], choice: Choice) -> Part:
        key = (letter, label, choice)
        if key not in self._parts:
            if len(self._parts) >= _MOST_PARTS:
                self._parts.clear()
            self._parts[key] = Part(letter, label, choice)
        return self._parts[key]


def _by_design(answers: Answers, choice: Choice, names: tuple[str, ...]) -> Family:
    text = "Servers of it are DOWN by design (haproxy_down_by_design); the value is always 1."
    family = Family("haproxy_backend_down_by_design", "gauge", text, (*names, "proxy"))
    if choice.down_by_design is not None and choice.metric(family.name):
        for label, report, _ in answers:
            kinds, proxies = report.table.column("type"), report.table.column("pxname")
            for proxy in texts([proxy for kind, proxy in zip(kinds, proxies, strict=True) if kind == BACKEND.encode()]):
                if choice.is_down_by_design(proxy) and choice.row(proxy, None):
                    family.add(1, *label, proxy)
    return family


SOURCE = Source("haproxy", read, Encoder().series, up="haproxy_up", remembers=True, title="HAProxy", place=40)
