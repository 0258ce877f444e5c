"""How is the page written? A summary, and below it the section of each source that has a view.

Views and templates are loaded for the first page: scrapes do without.
"""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b
from importlib import import_module
from pathlib import Path
from time import time as now
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from exporter.registry import FOLDER
from exporter.render.model import ALL, CHECK, MOST_ROWS, Problem, Room, Section, severity
from exporter.render.table import NOTHING
from exporter.render.words import SEVERITY, SIGNS, Mark, count, moment, plain, things, zone
from exporter.source import Look
from vipwarden.core.result import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from exporter.peers import Sight
    from exporter.render.choices import Choices
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
    finalize=lambda value: plain(value) if type(value) is str else value,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.globals.update(signs=SIGNS, static=_STATIC, count=count, things=things, nothing=NOTHING)
MOST_PROBLEMS = 60
_FIRST_PROBLEMS = 8  # the others are folded
_FEW_ROWS = 8  # of a section without chips
_MOST_STATES = 12


class Page:
    """Writes pages; keeps the views, which remember earlier pages; ``note`` is Frame.note()."""

    def __init__(self, note: Callable[..., None] = lambda *_: None) -> None:
        self._views: dict[str, View | None] = {}
        self._note = note

    def write(
        self, outcomes: Sequence[Outcome], settings: Settings, choices: Choices = ALL, peers: Sequence[Sight] = ()
    ) -> bytes:
        """Return the HTML as the reader chose."""
        room = Room(choices)
        look = Look(outcomes, settings, room, peers)
        when = now()
        problems: list[Problem] = []
        parts: list[Section] = []
        written: list[tuple[str, str, Markup]] = []
        for outcome in outcomes:
            name, section = outcome.source.name, Section({})
            title = outcome.source.title or name
            if view := self._view(name):
                room.section, before, bug = title, room.shown, ""
                try:
                    section = view.show(look)
                    if section.values and (room.shown > before or not choices.is_narrow):
                        written.append((name, title, _written(outcome, section, choices)))
                except Exception as error:  # noqa: BLE001 - a bug in one view must not cost the others their sections
                    bug = one_line(f"{type(error).__name__}: {error}")
                    problems.append(Problem(Mark("unknown", "not shown"), title, bug, "summary", CHECK))
                self._note(name, bug, "page of ")
                parts.append(section)
            problems += section.problems
            if outcome.failure and not section.tells_failure:
                problems.append(Problem(Mark("unknown", "not read"), title, outcome.failure, name, CHECK))
        tiles = [tile for section in parts for tile in section.tiles if tile[2]]
        calm = "good" if tiles else "idle"  # nothing that could be wrong is no good news either
        text = _ENVIRONMENT.get_template("page.html").render(
            problems=sorted(problems, key=severity),
            tone=min((problem.mark.tone for problem in problems), key=SEVERITY.__getitem__, default=calm),
            roles=[role for section in parts for role in section.roles],
            tiles=tiles,
            notes=[section.note for section in parts if section.note],
            sections=written,
            outcomes=outcomes,
            name=settings.node,
            version=settings.version,
            choices=choices,
            chips=list(_chips(room)),
            hidden=room.hidden,
            shown=room.shown,
            time=moment(when),
            zone=zone(when),
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


def _chips(room: Room) -> Iterator[tuple[str, list[tuple[str, str, int]]]]:
    """Yield the sections that are large, or narrowed by a state, and the states of their rows, the worst first."""
    sections: dict[str, Counter[str]] = {}
    tones: dict[str, str] = {}  # that of most rows
    for (section, state, tone), number in reversed(room.states.most_common()):
        sections.setdefault(section, Counter())[state] += number
        tones[state] = tone
    for section, states in sorted(sections.items()):
        if states.total() > _FEW_ROWS or room.choices.state.casefold() in map(str.casefold, states):
            worst = sorted(states, key=lambda state: (SEVERITY[tones[state]], -states[state]))
            yield section, [(state, tones[state], states[state]) for state in worst[:_MOST_STATES]]


def _written(outcome: Outcome, section: Section, choices: Choices) -> Markup:
    template = _ENVIRONMENT.get_template(f"{outcome.source.name}/section.html")
    known = {"why": outcome.failure or outcome.absence, "failed": bool(outcome.failure), "narrow": choices.is_narrow}
    return Markup(template.render(section.values, **known))  # noqa: S704 - escaped
