"""What does the page say to the operator who opens it, and what first?"""

from __future__ import annotations

from pathlib import Path
from time import localtime, strftime
from typing import TYPE_CHECKING, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from exporter.collectors.checks import Checks
from exporter.collectors.haproxy import Haproxies
from exporter.collectors.ipvs import Ipvs
from exporter.collectors.vip import Vips
from exporter.view import CheckRow, FrontendRow, Group, VipRow, backends, check_row, frontends, service_group, vip_row
from exporter.words import SEVERITY, SIGNS, Mark, span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from checks.node.haproxy import Report
    from exporter.frame import Outcome
    from exporter.settings import Settings

_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TITLES = {"vip": "keepalived", "vrrp": "VRRP", "checks": "checks", "haproxy": "HAProxy", "ipvs": "IPVS"}


class Problem(NamedTuple):
    """Something that is wrong: where, and what."""

    mark: Mark
    where: str
    text: str


class Node:
    """Everything that the page shows."""

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        self.outcomes = outcomes
        self.why = {one.collector.name: one.failure or one.absence for one in outcomes}
        self.failed = {one.collector.name for one in outcomes if one.failure}
        self.vips: list[VipRow] = []
        self.checks: list[CheckRow] = []
        self.frontends: list[FrontendRow] = []
        self.backends: list[Group] = []
        self.services: list[Group] = []
        self.haproxy: Report | None = None
        for one in outcomes:
            if isinstance(one.facts, Vips):
                self.vips = [vip_row(vip, is_held) for vip, is_held in one.facts.held]
            elif isinstance(one.facts, Checks):
                self.checks = sorted(map(check_row, one.facts.verdicts), key=_by_severity)
            elif isinstance(one.facts, Haproxies) and one.facts.reports:
                self.haproxy = one.facts.reports[0]
                self.frontends = [row for report in one.facts.reports for row in frontends(report)]
                self.backends = [group for report in one.facts.reports for group in backends(report)]
            elif isinstance(one.facts, Ipvs):
                self.services = [service_group(service) for service in one.facts.services]
        self.problems = sorted(self._problems(), key=_by_severity)

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing that could be wrong, which is no good news either."""
        return not (self.vips or self.checks or self.haproxy or self.services or self.problems)

    def _problems(self) -> Iterator[Problem]:
        for one in self.outcomes:
            if one.failure:
                yield Problem(Mark("unknown", "not read"), _TITLES[one.collector.name], one.failure)
        for check in self.checks:
            if check.mark.tone != "good":
                yield Problem(check.mark, check.name, check.text)
        for frontend in self.frontends:
            if frontend.mark.tone in ("bad", "warn"):
                yield Problem(frontend.mark, f"frontend {frontend.name}", f"{frontend.sessions} sessions open")
        for backend in self.backends:
            if backend.mark.tone == "bad":
                yield Problem(backend.mark, f"backend {backend.name}", backend.text)
            for server in backend.servers:
                if server.mark.tone in ("bad", "warn", "unknown"):
                    yield Problem(server.mark, f"server {backend.name}/{server.name}", server.text)
        for service in self.services:
            if service.mark.tone == "bad":
                text = f"{len(service.servers)} real servers, none of them with a weight above 0"
                yield Problem(service.mark, f"IPVS {service.name}", text if service.servers else "no real servers")


def page(outcomes: Sequence[Outcome], settings: Settings) -> bytes:
    """Return the HTML."""
    text = _ENVIRONMENT.get_template("page.html").render(
        node=Node(outcomes),
        name=settings.node,
        version=settings.version,
        time=strftime("%Y-%m-%d %H:%M:%S %Z", localtime()),
        signs=SIGNS,
        span=span,
        uptime=_uptime,
    )
    return text.encode("utf-8", "replace")  # names of files need not be Unicode


def _uptime(report: Report) -> str:
    text = report.info.get("Uptime_sec", "")
    return span(float(text)) if text.isdecimal() and len(text) < 12 else "?"


def _by_severity(row: CheckRow | Problem) -> int:
    return SEVERITY.index(row.mark.tone)
