"""What does one run of each check cost beside a bare interpreter? The options are those of the check's own test."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from pathlib import Path

from bench.measure import Case, interleave
from vipwarden.core.registry import names

BIN = Path(sys.executable).parent
_MOST = 1.6  # times the CPU of a bare interpreter
# None: TLS loads ssl and reads CAs, and a command starts a program
_OTHER = {"port": 1.2, "http_digest": 1.3, "process": 1.4, "mysql_ping": 1.4, "tls": None, "command": None}
_MEMORY = 12 << 10  # KiB


def main(runs: int) -> None:
    """Print a line for each check."""
    print("\nOne run of each check beside `python3 -I -S -c pass` (medians of interleaved runs)\n")
    print(f"  {'':<22}{'CPU ms':>8}{'bare':>8}{'ratio':>8}{'wanted':>8}{'wall ms':>9}{'MB':>7}")
    for name in names():
        if name == "verdict":  # of a resident agent: the table "agent" has it
            continue
        bare, case = _measured(name, runs)
        ratio, most = case.cpu_ms / bare.cpu_ms, _OTHER.get(name, _MOST)
        verdict = "told" if most is None else "met" if ratio <= most else "MISSED"
        verdict += ", memory MISSED" if most is not None and case.memory > _MEMORY else ""
        print(
            f"  {case.name:<22}{case.cpu_ms:>8.2f}{bare.cpu_ms:>8.2f}{ratio:>8.2f}{most or '':>8}"
            f"{case.wall_ms:>9.2f}{case.memory / 1024:>7.1f}  {verdict}"
        )


def _measured(name: str, runs: int) -> tuple[Case, Case]:
    own = importlib.import_module(f"tests.checks.test_{name}")
    with tempfile.TemporaryDirectory(prefix="vipwarden-bench-", dir="/dev/shm") as folder:
        os.environ["VIPWARDEN_RUNTIME_DIR"] = f"{folder}/run"
        Path(folder, "own").mkdir()
        with own.healthy(Path(folder, "own")) as options:
            cases = [Case("bare", f"{BIN}/python -I -S -c pass"), Case(f"chk_{name}", f"{BIN}/chk_{name} {options}")]
            interleave(cases, runs)
    return cases[0], cases[1]
