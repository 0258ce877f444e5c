"""How many checks does one agent bear, how late are they, and what happens where 10 000 servers are lost at once?"""

from __future__ import annotations

import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench.loaded import agent, cpu
from bench.rivals import PORT, TARGETS, config, wait, web
from vipwarden.core.result import OK
from vipwarden.state import paths
from vipwarden.state.verdict import read_all

if TYPE_CHECKING:
    from collections.abc import Iterator

_FALL = 3
_PORTS = 100  # of each of the 100 addresses that are lost
_LOST = PORT + 2 * TARGETS


def main(runs: int) -> None:
    """Print both tables; more runs make no difference."""
    del runs
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vipwarden-bench-", dir="/dev/shm")))
        stack.enter_context(web(folder))
        tcp = f"check: port, hosts: 127.0.0.1, ports: {PORT}-{PORT + TARGETS - 1}"
        _more_and_more(tcp)
        _all_at_once(folder, tcp)


def _more_and_more(tcp: str) -> None:
    print("\nMore and more TCP checks, each once a second\n")
    print(f"  {'checks':>7}{'done a second':>15}{'us a check':>12}{'cores':>7}{'p99 late, ms':>14}{'MB':>7}")
    found = {}
    for many in (1000, 2000, 5000, 10_000):
        with agent(config(tcp, many // TARGETS, 1.0), settle=3) as running:
            window = found[many] = running.measure(3)
        print(
            f"  {many:>7}{window.checks / window.seconds:>15.0f}{window.each:>12.1f}"
            f"{window.cpu / window.seconds:>7.2f}{window.late * 1000:>14.1f}{window.memory:>7.1f}"
        )
    each = (found[10_000].memory - found[1000].memory) / 9  # kB
    _judge(found[10_000].checks / found[10_000].seconds >= 9900, "10 000 checks a second")
    _judge(max(found[many].late for many in (1000, 2000, 5000)) <= 0.05, "p99 late <= 50 ms up to 5000 a second")
    _judge(found[10_000].memory <= 80, "10 000 checks in <= 80 MB")
    _judge(each <= 5, f"memory for each check above 1000: {each:.2f} kB (<= 5)")
    _judge(found[10_000].each <= 1.2 * found[1000].each, "cost linear in checks")


def _all_at_once(folder: Path, living: str) -> None:
    """Lose 10 000 servers while 1000 checks of others go on, and see when the agent says so of the last one."""
    lost = f"check: port, hosts: '127.0.1.[1-100]', ports: {_LOST}-{_LOST + _PORTS - 1}"
    text = f"{config(living, 5, 1.0)}  lost: {{{lost}, interval: 1, fall: {_FALL}, agent_loss_after: 10}}\n"
    with _doomed(folder) as server, agent(text, settle=4) as running:
        folder_of_verdicts = paths.verdicts(str(running.runtime))
        own = running.own(0)
        begun, used, runs = time.time(), cpu(running.process.pid), own[1]["runs"]
        server.kill()
        server.wait()
        late = []
        while own[1]["unhealthy"] < 100 * _PORTS and time.time() < begun + 30:
            own = running.own(own[0])
            late.append(own[1]["late_p99"])
        used, runs = cpu(running.process.pid) - used, own[1]["runs"] - runs
        verdicts = read_all(folder_of_verdicts)
    seen = [verdict.since - begun for verdict in verdicts if verdict.result.state != OK]
    print(f"\n10 000 servers are lost at once, at an interval of 1 s and fall {_FALL}, while 1000 live\n")
    print(f"  seen: {len(seen)}, the first after {min(seen):.2f} s, the last after {max(seen):.2f} s")
    each = used / runs * 1e6
    print(f"  {each:.1f} us of CPU a check meanwhile, so {each * 0.011:.2f} cores for 11 000 a second")
    print(f"  p99 late of all 11 000 checks, by second: {', '.join(f'{value * 1000:.0f}' for value in late)} ms")
    _judge(len(seen) == 100 * _PORTS and max(seen) <= _FALL + 1, "all seen within fall x interval + 1 s")
    _judge(max(late) <= 0.05, "p99 late <= 50 ms meanwhile")


@contextmanager
def _doomed(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the web server that is lost, on 100 ports of all addresses."""
    listens = " ".join(f"listen {_LOST + number};" for number in range(_PORTS))
    file = folder / "doomed.conf"
    file.write_text(
        f"daemon off; master_process off; user root; pid {folder}/doomed.pid; error_log {folder}/error;\n"
        f"events {{ worker_connections 8192; }}\nhttp {{ access_log off; server {{ {listens} }} }}\n"
    )
    with subprocess.Popen(["nginx", "-c", str(file), "-e", f"{folder}/error"]) as server:
        try:
            wait(_LOST)
            yield server
        finally:
            server.kill()


def _judge(good: bool, text: str) -> None:
    print(f"  {'met' if good else 'MISSED':<7} {text}")
