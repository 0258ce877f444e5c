"""How is the page written? A summary, and below it the section of each source that has a view.

Views and templates are loaded for the first page: scrapes do without.
"""

from __future__ import annotations

from hashlib import blake2b
from importlib import import_module
from pathlib import Path
from time import time as now
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from exporter.registry import FOLDER
from exporter.render.model import CHECK, MOST_ROWS, Problem, Room, Section, severity
from exporter.render.words import SEVERITY, SIGNS, Mark, count, moment, things
from exporter.source import Look

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.peers import Sight
    from exporter.settings import Settings
    from exporter.source import Outcome, View

_HERE = Path(__file__).parent
# the name changes with the file: a browser never mixes the script of one version with the style of another
_STATIC = {
    path.name: f"static/{path.name}?{blake2b(path.read_bytes(), digest_size=6).hexdigest()}"
    for path in (_HERE / "static").glob("*.*")
}
_ENVIRONMENT = Environment(
    loader=FileSystemLoader([_HERE / "templates", FOLDER]),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.globals.update(signs=SIGNS, static=_STATIC, count=count, things=things)
MOST_PROBLEMS = 60
_FIRST_PROBLEMS = 8  # the others are folded
_MOST_FIND = 100


class Page:
    """Writes pages; keeps the views, which remember earlier pages."""

    def __init__(self) -> None:
        self._views: dict[str, View | None] = {}

    def write(
        self, outcomes: Sequence[Outcome], settings: Settings, find: str = "", peers: Sequence[Sight] = ()
    ) -> bytes:
        """Return the HTML, only with names that contain ``find``."""
        find = find.strip()[:_MOST_FIND]
        room = Room(find)
        look = Look(outcomes, settings, room, peers)
        problems: list[Problem] = []
        tiles: list[tuple[str, int, int]] = []
        notes: list[str] = []
        sections: list[tuple[str, str, Markup]] = []
        for outcome in outcomes:
            name, section = outcome.source.name, Section({})
            if view := self._view(name):
                section = view.show(look)
                sections.append((name, outcome.source.title or name, _written(outcome, section, find)))
            problems += section.problems
            tiles += section.tiles
            notes += [section.note] if section.note else []
            if outcome.failure and not section.tells_failure:
                mark = Mark("unknown", "not read")
                problems.append(Problem(mark, outcome.source.title or name, outcome.failure, name, CHECK))
        tiles = [tile for tile in tiles if tile[2]]
        calm = "good" if tiles else "idle"  # nothing that could be wrong is no good news either
        text = _ENVIRONMENT.get_template("page.html").render(
            problems=sorted(problems, key=severity),
            tone=min((problem.mark.tone for problem in problems), key=SEVERITY.__getitem__, default=calm),
            tiles=tiles,
            notes=notes,
            sections=sections,
            outcomes=outcomes,
            name=settings.node,
            version=settings.version,
            find=find,
            hidden=room.hidden,
            time=moment(now()),
            first_problems=_FIRST_PROBLEMS,
            most_problems=MOST_PROBLEMS,
            most_rows=MOST_ROWS,
        )
        return text.encode("utf-8", "replace")  # names of files need not be Unicode

    def _view(self, name: str) -> View | None:
        """Return the view of a source, None if it has none."""
        if name not in self._views:
            exists = (FOLDER / name / "view.py").exists()
            self._views[name] = import_module(f"exporter.sources.{name}.view").View() if exists else None
        return self._views[name]


def _written(outcome: Outcome, section: Section, find: str) -> Markup:
    template = _ENVIRONMENT.get_template(f"{outcome.source.name}/section.html")
    why = outcome.failure or outcome.absence
    return Markup(template.render(section.values, find=find, why=why, failed=bool(outcome.failure)))  # noqa: S704
