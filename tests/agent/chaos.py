"""Does a healthy verdict ever outlive its agent? Kills by the thousand, each followed until all files have failed.

    python -m tests.agent.chaos [COUNT] [WORKERS] [SEED]

Prints a table by kind, and leaves with 1 where a file stayed healthy beyond its limit, or where a loop stood still. By
a SEED it is the same havoc each time, and without load of its own, for where other tests run.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from contextlib import suppress

from tests.agent.havoc import KINDS, skipped
from tests.agent.life import HavocError, Life, fork

_START = 60.0  # seconds until all are healthy
_LATE = 10.0  # seconds beyond the limit after which a healthy file counts as left behind
_STALL = 8.0  # seconds: a loop that has not turned for so long waits for something; 10 are the deadline of a start
_GRACE = 0.5


def one(kind: str, load: float) -> dict[str, object]:
    """Do one kind of havoc, under load in such a share of all; return what came of it."""
    busy = random.random() < load
    quick = kind.startswith("watchdog stopped")
    life = Life(round(10 ** random.uniform(0, 2 if quick else 3)), random.randint(1, 10), _GRACE)
    burners = []
    found: dict[str, object] = {"kind": kind, "left": 0, "late": 0.0, "gap": 0.0, "trouble": ""}
    try:
        life.start()
        if not life.until(lambda: life.healthy() == life.count, _START):
            raise HavocError(f"{life.healthy()} of {life.count} became healthy: {life.log()}")
        burners = [fork(_burn) for _ in range(2 if busy else 0)]
        KINDS[kind][1](life)
        begun = time.monotonic()
        bound = max(life.limit, life.grace)
        life.until(lambda: not life.healthy(), bound + _LATE)
        found.update(left=life.healthy(), late=max(0.0, time.monotonic() - begun - bound), gap=life.gap)
        if life.gap > _STALL or found["left"]:
            found["trouble"] = f"{life.count} checks, loop stood for {life.gap:.1f} s: {life.log()}"
    except HavocError as error:
        found["trouble"] = str(error)
    finally:
        for pid in burners:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        life.close()
    return found


def _burn() -> None:
    while os.getppid() != 1:
        sum(range(10000))


def work(kinds: list[str], out: int, seed: int, load: float) -> None:
    """Do all of these, and write a line for each."""
    random.seed(seed)
    for kind in kinds:
        os.write(out, json.dumps(one(kind, load)).encode() + b"\n")


def main(count: int, workers: int, seed: int | None = None) -> int:
    """Do ``count`` of them in so many processes at once."""
    random.seed(seed)
    load = 0.5 if seed is None else 0.0
    missing = skipped()
    names = [kind for kind in KINDS if kind not in missing]
    shares = [KINDS[kind][0] for kind in names]
    chosen = (names + random.choices(names, shares, k=max(0, count - len(names))))[:count]
    random.shuffle(chosen)
    inlet, outlet = os.pipe()
    for number in range(workers):
        if os.fork() == 0:
            with suppress(KeyboardInterrupt):
                work(chosen[number::workers], outlet, random.getrandbits(60) + number, load)
            os._exit(0)
    os.close(outlet)
    rows: dict[str, list[dict[str, object]]] = {kind: [] for kind in names}
    bad = done = 0
    with os.fdopen(inlet) as lines, suppress(KeyboardInterrupt):  # the table of what was done so far
        for line in lines:
            found = json.loads(line)
            rows[found["kind"]].append(found)
            done += 1
            if done % 100 == 0:
                sys.stderr.write(f"{done} of {count}\n")
            if found["trouble"]:
                bad += 1
                sys.stdout.write(f"{found['kind']}: {found['trouble']}\n")
                sys.stdout.flush()
    for _ in range(workers):
        os.wait()
    sys.stdout.write(f"{'kind':<36}{'kills':>7}{'healthy left':>14}{'latest (s)':>12}{'loop stood (s)':>16}\n")
    everything = [one for some in rows.values() for one in some]
    for kind, some in [*rows.items(), ("all", everything)]:
        left = sum(bool(one["left"]) for one in some)
        late, gap = (max((float(str(one[key])) for one in some), default=0.0) for key in ("late", "gap"))
        sys.stdout.write(f"{kind:<36}{len(some):>7}{left:>14}{late:>12.2f}{gap:>16.2f}\n")
    for kind in sorted(missing):
        sys.stdout.write(f"{kind:<36}skipped: this machine has no such cgroup to write to\n")
    if len(everything) < count:
        sys.stdout.write(f"{count - len(everything)} were never done\n")
    return 1 if bad or len(everything) < count else 0


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    sys.exit(main(*given, *(10000, 4)[len(given) :]))
