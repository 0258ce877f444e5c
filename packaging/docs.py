"""Which options and metrics are there? The tables of the documentation, written from the code.

    python packaging/docs.py [--check]

Writes docs/metrics.md, and the tables of options between their marks in docs/checks/. With --check it writes nothing,
names what is not as the code has it, and ends with 1.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

from cli import check as person  # noqa: E402
from exporter import frame  # noqa: E402
from exporter.http.counts import Counts  # noqa: E402
from exporter.registry import COLLECTORS  # noqa: E402
from exporter.render.exposition import Family  # noqa: E402
from exporter.sources.checks import source as checks  # noqa: E402
from exporter.sources.haproxy import source as haproxy  # noqa: E402
from exporter.sources.haproxy.filters import Choice  # noqa: E402
from exporter.sources.haproxy.names import CODES, COLUMNS, INFO  # noqa: E402
from exporter.sources.haproxy.process import Process  # noqa: E402
from exporter.sources.haproxy.rows import TYPES  # noqa: E402
from exporter.sources.ipvs import source as ipvs  # noqa: E402
from exporter.sources.vip import source as vip  # noqa: E402
from exporter.sources.vrrp import source as vrrp  # noqa: E402
from exporter.sources.vrrp.series import Vrrp  # noqa: E402
from keepalived_scripts import chk  # noqa: E402
from nagios_plugins import check as plugin  # noqa: E402
from vipwarden.core.options import options  # noqa: E402
from vipwarden.core.registry import load, names  # noqa: E402
from vipwarden.core.usage import descriptions, summary  # noqa: E402
from vipwarden.node.haproxy.socket import Report  # noqa: E402
from vipwarden.node.haproxy.table import Table as Stats  # noqa: E402
from vipwarden.node.ipvs.read import COUNTERS, Service, Table, Totals  # noqa: E402
from vipwarden.node.ipvs.table import Columns  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from exporter.render.exposition import Metric
    from vipwarden.core.options import Option

BEGIN, END = "<!-- {}: written by packaging/docs.py -->", "<!-- end -->"
_HEAD = """\
# Metrics

<!-- written by packaging/docs.py -->

Every series that the exporter can have, by the collector that reads it: name, type, labels and help are the code's
own. Where they come from and which rights that takes: [keepalived, IPVS and checks](exporter-keepalived.md),
[HAProxy](exporter-haproxy.md). What to alert on: [alerts](alerts.md).

- A source that is not there, or that cannot be read, has no series. No old value is ever told.
- In the text format an `untyped` metric stands as it is here; in OpenMetrics its type is `unknown`.
- `haproxy_*` has the label `haproxy_instance` as well where more than one HAProxy is configured.
- HAProxy tells what its version knows: a column or line that it does not have is no series.
"""


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a table of Markdown."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |\n" for line in lines)


def options_of(*functions: Callable[..., object]) -> str:
    """Return the table of the options that functions have, --help left out."""
    about = {name: text for function in functions for name, text in descriptions(function).items()}
    rows = []
    for option in options(*functions).values():
        if option.name == "help":
            continue
        flags = ", ".join(f"`{flag}`" for flag in (*(f"-{letter}" for letter in option.letters), option.flag))
        kind = "" if option.is_flag else f" {option.kind.upper()}"
        default = "" if option.default is None or option.is_flag or option.repeats else f"`{_default(option)}`"
        notes = "required" if option.required else "may be repeated" if option.repeats else default
        rows.append((f"{flags}{kind}", notes, _text(about[option.name])))
    return table(("option", "default", "meaning"), rows)


def _default(option: Option) -> str:
    default = option.default
    return f"{default:g}" if isinstance(default, float) else str(default)


def _text(text: str) -> str:
    """Return a text with its backslashes and angle brackets as Markdown shows them."""
    return re.sub(r"(\\\S+)", r"`\1`", text).replace("<", "&lt;")


def tables() -> dict[Path, dict[str, str]]:
    """Return what stands between the marks of each page, by the name of the mark."""
    found = {
        ROOT / "docs" / "checks" / f"{name}.md": {
            "question": summary(load(name)) + "\n",
            "options": options_of(load(name)),
        }
        for name in names()
    }
    front_ends: dict[str, Callable[..., object]] = {
        "chk_": chk.front_end,
        "check_": plugin.front_end,
        "vipwarden check": person.front_end,
    }
    found[ROOT / "docs" / "checks" / "README.md"] = {
        name: options_of(front_end) for name, front_end in front_ends.items()
    }
    return found


def everything() -> Iterator[tuple[str, list[Metric]]]:
    """Yield each collector, and the families that it has on a node that has everything."""
    outcomes = [frame.Outcome(one, 0.1) for one in COLLECTORS]
    own = frame.families(outcomes, "1", Counts().families(web_is_current=True, connections=0))
    ups = {one.up for one in COLLECTORS if one.up}
    yield "exporter", [one for one in own if one.name not in ups]
    up = [one for one in own if one.name in ups]
    yield "vip", list(vip.families(vip.Vips([], [])))
    yield "vrrp", list(vrrp.COLLECTOR.families(Vrrp(up=True, source="json")))
    yield "checks", list(checks.families(checks.Checks([])))
    told = list(haproxy.COLLECTOR.families(haproxy.Haproxies([_haproxy()], Choice())))
    yield "haproxy", told
    known = {one.name for one in told}
    yield "ipvs", [one for one in up if one.name not in known] + list(ipvs.families(_ipvs()))


def _haproxy() -> haproxy.One:
    header = ["pxname", "svname", "type", "status", "check_status", "check_code", "agent_status", "addr", "tracked"]
    header += [f"hrsp_{code}" for code in CODES]
    header += [name for name in dict.fromkeys(one.column for one in COLUMNS) if name not in header]
    fields = []
    for kind in TYPES.values():
        row = dict.fromkeys(header, "1") | {"pxname": "p", "svname": "s", "type": kind, "status": "UP"}
        row |= {"check_status": "L4OK", "agent_status": "L7OK"}
        fields += [value.encode() for value in row.values()]
    info = {one.key: "1" for one in INFO} | {"Version": "3", "node": "n", "description": "d"}
    report = Report("s", info, Stats(header, fields), [("t", "ip", "1", "1")])
    return haproxy.One((), report, Process(1, 1, 1, 1, 1, 1))


def _ipvs() -> Table:
    columns = Columns([("192.0.2.21", "80")], ["Route"], [1], [1], [1], [1], [range(1, 2)] * len(COUNTERS))
    service = Service("TCP", "192.0.2.1", 80, "", "wrr", False, columns, [1] * len(COUNTERS))
    return Table([service], Totals([1] * len(COUNTERS)), "netlink")


def labels(metric: Metric) -> tuple[str, ...]:
    """Return the names of its labels."""
    if isinstance(metric, Family):
        return metric.labels
    first = metric.lines().decode().partition("\n")[0]
    return tuple(re.findall(r'[{,]([a-z_]+)="', first))


def metrics() -> str:
    """Return the page of the metrics."""
    parts = [_HEAD]
    for collector, families in everything():
        rows = []
        for one in families:
            named = ", ".join(labels(one))
            rows.append((f"`{one.name}`", one.kind, named, _text(one.help)))
        title = "The exporter itself" if collector == "exporter" else f"Collector `{collector}`"
        parts.append(f"## {title}\n\n{table(('metric', 'type', 'labels', 'meaning'), rows)}")
    return "\n".join(parts)


def pages() -> dict[Path, str]:
    """Return each page as the code has it."""
    found = {ROOT / "docs" / "metrics.md": metrics()}
    for path, parts in tables().items():
        text = path.read_text(encoding="utf-8") if path.exists() else _new(path.stem)
        for mark, wanted in parts.items():
            begin = BEGIN.format(mark)
            pattern = f"({re.escape(begin)}\n).*?({re.escape(END)})"
            text, times = re.subn(pattern, lambda hit, w=wanted: f"{hit[1]}\n{w}\n{hit[2]}", text, flags=re.DOTALL)  # type: ignore[misc]
            if times != 1:
                sys.exit(f"{path.relative_to(ROOT)}: the mark {begin} is wanted once, not {times} times")
        found[path] = text
    return found


def _new(name: str) -> str:
    """Return the page of a check that has none yet."""
    marks = [f"{BEGIN.format(mark)}\n{END}\n" for mark in ("question", "options")]
    rest = "and those that [every check has](README.md#options-of-chk_)."
    return f"# {name}\n\n{marks[0]}\n## Options\n\n{marks[1]}\n{rest}\n"


def main() -> None:
    """Write the pages, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, name what is stale")
    given = parser.parse_args()
    stale = [path for path, text in pages().items() if not path.exists() or path.read_text("utf-8") != text]
    for path in stale:
        if given.check:
            print(f"{path.relative_to(ROOT)} is not as the code has it: python packaging/docs.py")
        else:
            path.write_text(pages()[path], encoding="utf-8")
    sys.exit(bool(given.check and stale))


if __name__ == "__main__":
    main()
