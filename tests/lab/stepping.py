"""Steps the clock of the guest by rehearsals: one to its end, one that is killed. Run by ``stepped.py`` in the guest.

    python -m tests.lab.stepping VIPWARDEN NODE NODE

It writes what the table said, and how far the clock was off afterwards, as one JSON object.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

_STEPPED = 1800  # seconds
_PATIENCE = 120.0
_NFT = Path("/usr/local/sbin/nft")
_NOTHING = """#!/bin/sh
echo '{"nftables": []}'
"""


def ahead() -> float:
    """Return the seconds that the clock is ahead of CLOCK_BOOTTIME."""
    readings = []
    for _ in range(9):
        before, now, after = (time.clock_gettime(it) for it in (time.CLOCK_BOOTTIME, 0, time.CLOCK_BOOTTIME))
        readings.append((after - before, now - (before + after) / 2))
    return min(readings)[1]


def until(right: float, *, stepped: bool) -> float:
    """Wait until the clock is stepped, or right; return how long that took."""
    begun = time.monotonic()
    while (abs(ahead() - right) > _STEPPED) is not stepped:
        if time.monotonic() - begun > _PATIENCE:
            raise TimeoutError(f"the clock is ahead by {ahead() - right} s")
        time.sleep(0.01)
    return time.monotonic() - begun


def main() -> None:
    """Rehearse, in a guest alone."""
    if "/guest/init" not in Path("/proc/1/cmdline").read_text("utf-8"):
        raise SystemExit("this machine is no guest of the lab: its clock is not stepped")
    if subprocess.run(["nft", "add table inet a; delete table inet a"], capture_output=True, check=False).returncode:
        _NFT.write_text(_NOTHING, encoding="ascii")  # User-Mode-Linux has no such tables: no port is looked at
        _NFT.chmod(0o755)
    command = [sys.argv[1], "rehearse", *sys.argv[2:], "--step-clock", "--faults", "clock"]
    right = ahead()
    ran = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False)
    if ran.returncode not in (0, 1):
        raise SystemExit(ran.stderr)
    found = {"code": ran.returncode, "said": ran.stdout, "errors": ran.stderr, "off": ahead() - right}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as killed:
        until(right, stepped=True)
        killed.kill()
    found |= {"right after": until(right, stepped=False), "off after kill": ahead() - right}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
