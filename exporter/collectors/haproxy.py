"""How do HAProxy's frontends, backends and servers fare?

Names, labels and types are those of HAProxy's own Prometheus endpoint, so that dashboards made for it work. What a
row leaves empty has no sample, where that endpoint writes NaN.
"""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Literal

from checks.core.blocking import BlockingNet
from checks.node.haproxy import (
    BACKEND,
    FRONTEND,
    SERVER,
    HaproxyError,
    HaproxyMissingError,
    Report,
    discover,
    first_word,
    report,
)
from exporter.exposition import Family
from exporter.frame import AbsentError, Collector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from exporter.settings import Settings

_COUNTER: Literal["counter"] = "counter"
_GAUGE: Literal["gauge"] = "gauge"
# column, name, type, help, and which rows have it; times are in milliseconds in the columns
_COLUMNS = (
    ("qcur", "current_queue", _GAUGE, "Requests that wait in the queue.", "BS"),
    ("qmax", "max_queue", _GAUGE, "Most requests that ever waited in the queue.", "BS"),
    ("scur", "current_sessions", _GAUGE, "Sessions open now.", "FBS"),
    ("smax", "max_sessions", _GAUGE, "Most sessions that were ever open at once.", "FBS"),
    ("slim", "limit_sessions", _GAUGE, "Sessions that may be open at once.", "FBS"),
    ("stot", "sessions_total", _COUNTER, "Sessions since the process started.", "FBS"),
    ("bin", "bytes_in_total", _COUNTER, "Bytes of requests.", "FBS"),
    ("bout", "bytes_out_total", _COUNTER, "Bytes of responses.", "FBS"),
    ("dreq", "requests_denied_total", _COUNTER, "Requests that a rule denied.", "FB"),
    ("dresp", "responses_denied_total", _COUNTER, "Responses that a rule denied.", "FBS"),
    ("ereq", "request_errors_total", _COUNTER, "Requests that were invalid.", "F"),
    ("econ", "connection_errors_total", _COUNTER, "Connections to servers that failed.", "BS"),
    ("eresp", "response_errors_total", _COUNTER, "Responses that were invalid.", "BS"),
    ("wretr", "retry_warnings_total", _COUNTER, "Connections to servers that were tried again.", "BS"),
    ("wredis", "redispatch_warnings_total", _COUNTER, "Requests that were sent to another server instead.", "BS"),
    ("weight", "weight", _GAUGE, "Effective weight; of a backend the sum of its active servers.", "BS"),
    ("act", "active_servers", _GAUGE, "Active servers that are UP and have a weight.", "B"),
    ("bck", "backup_servers", _GAUGE, "Backup servers that are UP and have a weight.", "B"),
    ("chkfail", "check_failures_total", _COUNTER, "Checks that failed.", "S"),
    ("chkdown", "check_up_down_total", _COUNTER, "Changes from UP to DOWN.", "BS"),
    ("lastchg", "check_last_change_seconds", _GAUGE, "How long ago the state changed.", "BS"),
    ("downtime", "downtime_seconds_total", _COUNTER, "Time spent DOWN.", "BS"),
    ("check_duration", "check_duration_seconds", _GAUGE, "How long the last check took.", "S"),
    ("req_tot", "http_requests_total", _COUNTER, "HTTP requests.", "FB"),
)
_KINDS = (
    ("F", FRONTEND, "haproxy_frontend_", ("proxy",), ("DOWN", "UP")),
    ("B", BACKEND, "haproxy_backend_", ("proxy",), ("DOWN", "UP")),
    ("S", SERVER, "haproxy_server_", ("proxy", "server"), ("DOWN", "UP", "MAINT", "DRAIN", "NOLB")),
)
_CODES = ("1xx", "2xx", "3xx", "4xx", "5xx", "other")
_INFO = (
    ("Uptime_sec", "uptime_seconds", _GAUGE, "How long ago the process started."),
    ("Maxconn", "max_connections", _GAUGE, "Connections that the process may have open."),
    ("CurrConns", "current_connections", _GAUGE, "Connections open now."),
    ("CumConns", "connections_total", _COUNTER, "Connections since the process started."),
    ("CumReq", "requests_total", _COUNTER, "Requests since the process started."),
    ("Idle_pct", "idle_time_percent", _GAUGE, "Share of the last second that the process had nothing to do."),
    ("Stopping", "stopping", _GAUGE, "Whether the process is about to leave."),
    ("Start_time_sec", "start_time_seconds", _GAUGE, "When the process started, in seconds of the epoch."),
)


def read(settings: Settings) -> Report:
    """Ask HAProxy on its stats socket."""
    try:
        sockets = settings.haproxy_sockets or discover(settings.haproxy_conf)
    except HaproxyMissingError as error:
        raise AbsentError(error) from None
    net = BlockingNet()
    net.begin(settings.timeout * 0.9)  # so that what it says comes before what the frame would say
    try:
        report(net, sockets).send(None)
    except StopIteration as end:
        found: Report = end.value
        return found
    raise HaproxyError("asked for more than its network")


def families(facts: Report) -> Iterator[Family]:
    """Yield the process, then the frontends, the backends and the servers."""
    yield from _process(facts.info)
    for letter, kind, prefix, labels, states in _KINDS:
        rows = [((row["pxname"], row["svname"])[: len(labels)], row) for row in facts.of(kind)]
        status = Family(
            f"{prefix}status", _GAUGE, "1 for the state that it is in, 0 for the others.", (*labels, "state")
        )
        responses = Family(
            f"{prefix}http_responses_total", _COUNTER, "Responses by class of status.", (*labels, "code")
        )
        for own, row in rows:
            state = _state(row.get("status", ""), kind)
            for one in states:
                status.add(one == state, *own, one)
            for code in _CODES:
                _add(responses, row.get(f"hrsp_{code}"), 1, *own, code)
        yield from (status, responses)
        for column, name, type_, text, has in _COLUMNS:
            if letter in has:
                family = Family(prefix + name, type_, text, labels)
                for own, row in rows:
                    _add(family, row.get(column), 1000 if column == "check_duration" else 1, *own)
                yield family


def _process(info: dict[str, str]) -> Iterator[Family]:
    # the variables of dashboards are built from the start time; HAProxy before 2.5 does not tell it
    uptime = _number(info.get("Uptime_sec"))
    if uptime is not None:
        info = {"Start_time_sec": str(round(time()) - uptime), **info}
    build = Family("haproxy_process_build_info", _GAUGE, "Version of HAProxy; the value is always 1.", ("version",))
    build.add(1, info["Version"])
    yield build
    for key, name, type_, text in _INFO:
        family = Family(f"haproxy_process_{name}", type_, text)
        _add(family, info.get(key), 1)
        yield family


def _state(status: str, kind: str) -> str:
    word = first_word(status)
    if kind == FRONTEND:
        return "UP" if word in ("OPEN", "FULL") else "DOWN"
    return word


def _add(family: Family, text: str | None, divisor: int, *labels: str) -> None:
    value = _number(text)
    if value is not None:
        family.add(value / divisor if divisor > 1 else value, *labels)


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 20 else None


COLLECTOR = Collector("haproxy", read, families, up="haproxy_up")
