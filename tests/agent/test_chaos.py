"""Does nothing stay healthy after havoc? A sample of `make chaos`, which does it by the thousand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SAMPLE = 16


def test_a_sample_of_all_kinds_of_havoc() -> None:
    """Each kind at least once, in processes of their own; the table is in the report when one fails."""
    line = [sys.executable, "-m", "tests.agent.chaos", str(SAMPLE), "8", "1"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=110, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stdout + done.stderr
