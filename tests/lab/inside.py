"""Plays scenarios inside of the guest: each with the tutorial's script first and with ours after.

    python -m tests.lab.inside SHARED GUEST SCENARIO...

Several guests may be given the same scenarios: each takes those that no other has claimed. A row for each side
goes to SHARED/GUEST/rows as one line of JSON, and how slow the guest is to SHARED/GUEST/pace.
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import time
import traceback
from pathlib import Path

from tests.lab import scenarios
from tests.lab.case import ALL, Case, Scenario
from tests.lab.cluster import SCRIPTS, bridges
from tests.lab.pace import factor

_REPOSITORY = Path(__file__).parents[2]


def prepare() -> None:
    """Install what every host has: our commands where packages put them, and the stand-in for systemctl."""
    for folder in ("/lab", "/usr/local/lab", SCRIPTS):
        Path(folder).mkdir(parents=True, exist_ok=True)
    for program in (Path(__file__).parent / "bin").iterdir():
        target = Path("/usr/local/lab", program.name)
        target.write_bytes(program.read_bytes())
        target.chmod(0o755)
    own = ["--python", sys.executable, "--code", ".", "--libraries", sysconfig.get_path("purelib")]
    command = [sys.executable, "packaging/launchers.py", *own, SCRIPTS]
    subprocess.run(command, cwd=_REPOSITORY, check=True, stdout=subprocess.DEVNULL)
    bridges()


def play(scenario: Scenario, *, ours: bool) -> dict[str, str | float]:
    """Play one side of a scenario and return its row; a failure is told in it."""
    row: dict[str, str | float] = {"scenario": scenario.name, "side": "ours" if ours else "tutorial", "problem": ""}
    begun = time.monotonic()
    with Case(ours=ours, seconds=scenario.seconds) as case:
        try:
            row["what"] = scenario.play(case)
            case.watched()
        except Exception as error:  # noqa: BLE001 - the others are to be played all the same
            where = "" if isinstance(error, AssertionError) else traceback.format_exc()
            row["problem"] = f"{error}\n{where}{_logs(case)}"
        try:
            case.stop_probe()
            row.update(case.seen())
            told = case.explained()
            row["explained"] = told.words
            row["problem"] = "\n".join(filter(None, (str(row["problem"]), told.problem)))
        except Exception:  # noqa: BLE001
            row["problem"] = f"{row['problem']}\n{traceback.format_exc()}"
    row["seconds"] = round(time.monotonic() - begun, 1)
    return row


def _logs(case: Case) -> str:
    """Return the end of what keepalived logged on each host, and what our checks said last."""
    tails = ((name, case.log(name).splitlines()[-25:]) for name in case.hosts)
    told = "\n".join(f"--- keepalived on {name}:\n" + "\n".join(lines) for name, lines in tails if lines)
    return f"{told}\n--- verdicts:\n{case.verdicts()}"


def main() -> None:
    """Play what nobody else plays."""
    shared, guest, names = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
    scenarios.load()
    (shared / guest / "pace").write_text(f"{factor()}\n")
    prepare()
    with (shared / guest / "rows").open("a") as rows:
        for name in names:
            try:
                (shared / f"claimed-{name}").mkdir()
            except FileExistsError:
                continue
            for ours in (False, True):
                rows.write(json.dumps(play(ALL[name], ours=ours)) + "\n")
                rows.flush()


if __name__ == "__main__":
    main()
