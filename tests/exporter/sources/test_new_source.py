"""Is a new source one folder? It is dropped into a copy, and has its series and its section on the page."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.commands import CODE

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "__init__.py": '"""How warm is the node?"""\n',
    "source.py": '''"""How warm is the node?"""

from exporter.render.exposition import Family
from exporter.source import Source


def series(degrees):
    warmth = Family("node_warmth_celsius", "gauge", "Temperature of the node.")
    warmth.add(degrees)
    yield warmth


SOURCE = Source("warmth", lambda settings: 41.5, series, up="warmth_up", title="Warmth", place=60)
''',
    "view.py": '''"""How warm is the node?"""

from exporter.render.model import Problem, Section
from exporter.render.words import Mark


class View:
    def show(self, look):
        problem = Problem(Mark("warn", "warm"), "the node", "over 40 degrees", "warmth")
        return Section({"degrees": look.facts("warmth")}, [problem], [("Sensors", 1, 1)])
''',
    "section.html": '<section id="warmth"><h2>Warmth</h2>It is {{ degrees }} degrees here.</section>\n',
}
_ASK = """
import json, pathlib, sys
from tests.exporter.running import ask, nowhere
print(json.dumps([one.body for one in ask(nowhere(pathlib.Path(sys.argv[1])), "/metrics", "/")]))
"""


def test_a_new_source_is_one_folder(tmp_path: Path) -> None:
    """Nothing else of the copy is touched."""
    copy = tmp_path / "copy"
    for package in ("exporter", "vipwarden", "tests"):
        shutil.copytree(CODE / package, copy / package, ignore=shutil.ignore_patterns("__pycache__", "lab"))
    folder = copy / "exporter" / "sources" / "warmth"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    line = [sys.executable, "-c", _ASK, str(tmp_path / "node")]
    done = subprocess.run(line, cwd=copy, check=True, capture_output=True, text=True, timeout=60)
    metrics, page = json.loads(done.stdout)
    assert "\nnode_warmth_celsius 41.5\n" in metrics
    assert "\nwarmth_up 1\n" in metrics
    assert 'success{collector="warmth"} 1' in metrics
    assert "It is 41.5 degrees here." in page
    assert '<a href="#warmth">Warmth</a>' in page
    assert "over 40 degrees" in page
    assert "<dt>Sensors</dt>" in page
