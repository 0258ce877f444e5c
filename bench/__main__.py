"""Print the tables: ``python -m bench [TABLE ...] [--runs N]``, all of them where none is named."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

_NO_TABLES = ("__init__", "__main__", "handshake", "loaded", "measure", "rivals", "scrape")


def main() -> None:
    """Run the named tables, each a module of this folder with a ``main(runs)``."""
    tables = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in _NO_TABLES)
    parser = argparse.ArgumentParser("bench", description=__doc__)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=", ".join(tables))
    parser.add_argument("--runs", type=int, default=60, help="how often each command runs (default 60)")
    given = parser.parse_args()
    for table in given.tables or tables:
        if table not in tables:
            parser.error(f"there is no table {table!r}; there are {', '.join(tables)}")
        importlib.import_module(f"bench.{table}").main(given.runs)


if __name__ == "__main__":
    main()
