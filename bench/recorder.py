"""What does the recorder of events cost: at rest, and for each event; and how soon does it show the last hour?"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from bench.loaded import BIN
from tests.events.make import recording, until
from tests.servers.haproxy import haproxy
from vipwarden.events.event import line
from vipwarden.events.hand import Hand
from vipwarden.events.segments import Segments

if TYPE_CHECKING:
    from tests.events.make import Recording

_REST = 120.0  # seconds
_SETTLE = 15.0  # seconds after the start, in which it looks often
_MOST_REST = 1.0  # ms of CPU a minute
_MOST_SHOWN = 0.3  # seconds
_BATCH, _BATCHES = 200, 50


def main(_runs: int) -> None:
    """Print the tables."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vipwarden-bench-")))
        runs = {name: stack.enter_context(recording(_node(stack, folder, name, many))) for name, many in _NODES}
        time.sleep(_SETTLE)
        before = {name: _cpu(run) for name, run in runs.items()}
        time.sleep(_REST)
        print(f"\nCPU of the recorder while nothing happens, ms a minute, over {_REST:.0f} s\n")
        for name, run in runs.items():
            spent = (_cpu(run) - before[name]) * 60e3 / _REST
            print(f"  {'met' if spent <= _MOST_REST else 'MISSED':<7} {name:<34}{spent:>7.2f} (<= {_MOST_REST})")
        _print_events(next(iter(runs.values())))
        _print_shown(folder)


_NODES = (("nothing to look at", -1), ("HAProxy with 4 servers", 4), ("HAProxy with 330 servers", 330))


def _node(stack: ExitStack, folder: Path, name: str, servers: int) -> Path:
    """Return the folder of a recorder, with a HAProxy of so many servers."""
    own = folder / name.replace(" ", "-")
    own.mkdir()
    if servers > 0:
        body = "backend be\n" + "".join(f" server s{number} 127.0.0.1:1\n" for number in range(servers))
        path = stack.enter_context(haproxy(body))
        (own / "haproxy.cfg").write_text(f"global\n stats socket {path}\n")
    return own


def _cpu(run: Recording) -> float:
    """Return the seconds of CPU of all threads of a recorder."""
    stats = Path(f"/proc/{run.process.pid}/task").glob("*/schedstat")
    return sum(int(path.read_text().split()[0]) for path in stats) / 1e9


def _print_events(run: Recording) -> None:
    """Show what an event costs the program that hands it over, and the recorder."""
    hand, begun, before = Hand("test", str(run.spool)), time.thread_time(), _cpu(run)
    for number in range(_BATCHES):
        for _ in range(_BATCH):
            hand.give("check", "web", of="port", state="OK", before="CRITICAL", text=str(number))
        hand.flush()
    many, given = _BATCH * _BATCHES, time.thread_time() - begun
    until(lambda: len(run.texts()) == many, run.process)
    print(f"\nCPU of an event in batches of {_BATCH}, us: handed over {given / many * 1e6:.1f}", end="")
    print(f", recorded {(_cpu(run) - before) / many * 1e6:.1f}")


def _print_shown(folder: Path) -> None:
    """Show how long the last ten minutes of a full record take."""
    segments = Segments(str(folder / "full" / "events"))
    many = 250_000
    for first in range(0, many, 1000):
        ago = [(many - number) * 0.1 for number in range(first, first + 1000)]
        words = {"of": "port", "state": "OK", "before": "CRITICAL", "text": "192.0.2.1:80 answers"}
        segments.add(b"".join(line("test", first, "check", "web", ago=it, **words) for it in ago))
    segments.close()
    size = sum(path.stat().st_size for path in (folder / "full" / "events").glob("*.jsonl")) >> 20
    env = {"PATH": os.environ["PATH"], "VIPWARDEN_STATE_DIR": str(folder / "full")}
    seconds = []
    for _ in range(5):
        begun = time.monotonic()
        command = [BIN / "vipwarden", "events", "--since", f"@{time.time() - 600:.0f}"]
        subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.monotonic() - begun)
    best = min(seconds)
    print(f"\n'vipwarden events --since', the last 10 minutes of {size} MiB\n")
    print(f"  {'met' if best <= _MOST_SHOWN else 'MISSED':<7} {best:.2f} s (<= {_MOST_SHOWN})")
