"""Writes what is derived from the code: for a new check there is nothing else to write than its file and its test.

    python packaging/generate.py [--check]

setup.cfg (the commands of a plain wheel), the definitions for Nagios, Icinga and NRPE, docs/metrics.md, and the
generated parts of the pages in docs/. With --check it writes nothing, names what is stale, and ends with 1. Launchers,
man pages and completion are in no file of the tree: make setup and the packages make them.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(1, str(ROOT))

import clients  # noqa: E402
import metrics  # noqa: E402
import pages  # noqa: E402
from launchers import entry_points  # noqa: E402


def setup_cfg() -> str:
    """Return setup.cfg with the commands that there are."""
    text = (ROOT / "setup.cfg").read_text("utf-8")
    lines = "".join(f"    {name} = {place}\n" for name, place in entry_points(ROOT).items())
    return re.sub(r"(?<=^console_scripts =\n)(    .*\n)+", lines, text, flags=re.MULTILINE)


def main() -> None:
    """Write what is stale, or name it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, name what is stale")
    given = parser.parse_args()
    texts = {"setup.cfg": setup_cfg(), "docs/metrics.md": metrics.metrics(), **pages.pages(), **clients.files()}
    stale = {ROOT / name: text for name, text in texts.items()}
    stale = {path: text for path, text in stale.items() if not path.exists() or path.read_text("utf-8") != text}
    for path, text in stale.items():
        print(f"{path.relative_to(ROOT)}{' is stale: make generate' if given.check else ''}")
        if not given.check:
            path.write_text(text, "utf-8")
    sys.exit(bool(given.check and stale))


if __name__ == "__main__":
    main()
