"""What becomes of a pair of directors when their real servers fail? Run in a guest, with a folder and names of faults.

A guest that computes slower gets longer intervals and fewer stages at a time: what is found out stays the same.
"""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

from cli import rehearse
from rehearse.stage import perform

_CONF = Path(__file__).with_suffix(".conf")
_TIMES = re.compile(r"^( *(?:delay_loop|delay_before_retry|connect_timeout|misc_timeout) )(\d+)$", re.MULTILINE)
_SCRIPT = "#!/bin/bash\nexec 3<>/dev/tcp/$1/$2\n"
_TOGETHER = 8  # stages in a guest that has a processor for itself
_WIDEST = 2.0
_SLICES = 400  # of some ms
_ALONE = 1.5  # what is slower shares its processor


def _nodes(folder: Path, wider: float) -> list[str]:
    """Write the nodes, and return them as the command takes them."""
    text = _TIMES.sub(lambda it: f"{it[1]}{int(it[2]) * wider:.1f}", _CONF.read_text("ascii"))
    nodes = []
    for name, priority in (("lb1", 150), ("lb2", 100)):
        place = folder / name / "etc/keepalived"
        place.mkdir(parents=True)
        (place / "keepalived.conf").write_text(text.replace("PRIORITY", str(priority)), encoding="ascii")
        (place / "connects.sh").write_text(_SCRIPT, encoding="ascii")
        (place / "connects.sh").chmod(0o755)
        nodes.append(f"{name}={folder / name}")
    return nodes


def _pace() -> float:
    """Return how many times as long as in its fastest moments this guest takes, where others take turns with it."""
    slices = []
    for _ in range(_SLICES):
        begun = time.monotonic()
        sum(range(200_000))
        slices.append(time.monotonic() - begun)
    found = sum(slices) / _SLICES / sorted(slices)[_SLICES // 20]
    return found if found > _ALONE else 1.0


if __name__ == "__main__":
    pace = _pace()
    perform._EACH = max(1, round(_TOGETHER / pace))
    wider = min(pace, _WIDEST)
    sys.stdout.write(f"pace {pace:.1f}: {perform._EACH} stages at a time, intervals times {wider:.1f}\n")
    sys.stdout.flush()
    faults = [word for it in sys.argv[2:] for word in ("--faults", it)]
    sys.exit(rehearse.main([*_nodes(Path(sys.argv[1]), wider), *faults, "--json"]))
