"""A check that gives the results of a list, and what an agent of this process has published."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vipwarden.core.result import Metric, Result, State
from vipwarden.state import verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.agent.drive import Inside
    from vipwarden.config.entry import Entry
    from vipwarden.net.net import Net


FAST = "check: port, host: 127.0.0.1, port: 1, interval: 0.1"


def states(inside: Inside) -> dict[str, str]:
    """Return the states of all verdicts but the agent's own."""
    found = verdict.read_all(f"{inside.folder}/verdict")
    return {one.name: str(one.result.state) for one in found if one.check != "agent"}


def value(inside: Inside, name: str) -> str:
    """Return what stands in a track file, or stood there when the agent was told to end."""
    if inside.tracks is not None:
        return inside.tracks.get(name, "")
    path = inside.folder / "track" / name
    return path.read_text().strip() if path.exists() else ""


class Script:
    """A check that gives one result after the other, and the last one from then on."""

    def __init__(self, *results: State | BaseException) -> None:
        self.results = list(results)
        self.runs = 0

    async def __call__(self, _net: Net, **_values: object) -> Result:
        """Give the next result."""
        result = self.results[min(self.runs, len(self.results) - 1)]
        self.runs += 1
        if isinstance(result, BaseException):
            raise result
        return Result(result, f"result {self.runs}", [Metric("load", self.runs)])

    def on(self, name: str) -> Callable[[list[Entry]], None]:
        """Put it in the place of the function of an entry."""

        def change(entries: list[Entry]) -> None:
            next(entry for entry in entries if entry.name == name).function = self

        return change
