"""What does the agent answer HAProxy's agent-check? State and weight at once, in one line.

HAProxy takes words in any order, the last one where two contradict each other, and a text behind ``#``; a line without
its newline is ignored. Only ``ready`` undoes ``drain`` and ``maint``, and only ``up`` undoes ``down``.

Source: tcpcheck_agent_expect_reply() in HAProxy's src/tcpcheck.c; configuration.txt, "agent-check".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vipwarden.core.result import one_line
from vipwarden.state.paths import file_name
from vipwarden.state.verdict import DRAIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.door import Door
    from agent.owed import Owed
    from agent.spoken import Spoken
    from agent.watch import Watch

_MOST_NAME = 512  # bytes of a line with a name
_MOST_TEXT = 100  # characters behind the #
_HIGHEST = 256  # percent, to which HAProxy cuts a weight (SRV_UWGHT_MAX)


class AgentCheck:
    """Answers by what ``spoken`` says of a check, None for a name that is not configured."""

    def __init__(self, spoken: Callable[[str], tuple[Watch, Spoken] | None], owed: Owed) -> None:
        self._spoken = spoken
        self._owed = owed

    def __call__(self, door: Door, peer: str, data: bytearray) -> tuple[bytes, bool | None] | None:
        """Take the line that agent-send sends, if any; a door of one check needs none."""
        name = door.check
        if not name:
            line, newline, _ = data.partition(b"\n")
            if not newline:
                return None if len(data) <= _MOST_NAME else (b"down #the name of a check is too long\n", None)
            name = line.decode("utf-8", "replace").strip()
        data.clear()
        return self._line(name, f"{peer} {door.address.port} {file_name(name)}"), False

    def _line(self, name: str, who: str) -> bytes:
        answer = self._spoken(name)
        if answer is None:
            return _encoded(f"down #no check {name} is configured")
        said = answer[1]
        words = ["up" if said.verdict else "down"]
        if said.verdict and said.percent is not None:
            words.append(f"{min(said.percent, _HIGHEST)}%")
        if said.action:
            if self._owed.may_set(who):
                words.insert(0, "drain" if said.action == DRAIN else "maint")
        elif self._owed.must_undo(who):
            words.insert(0, "ready")
        if not said.verdict:
            words.append(f"#{said.state}: {said.text}")
        return _encoded(" ".join(words))


def _encoded(line: str) -> bytes:
    """Return a line of ASCII that ends, whatever the text of a check was."""
    head, mark, text = line.partition("#")
    text = one_line(text, _MOST_TEXT).encode("ascii", "replace").decode()
    return f"{head}{mark}{text}\n".encode("ascii", "replace")
