"""Does a maintenance forbid the restart of a failed service?"""

from __future__ import annotations

from vipwarden.net.oneshot import within
from vipwarden.state.maintained import read_all
from vipwarden.state.maintenance import chosen
from vipwarden.state.paths import maintenance


def no_restart(name: str, seconds: float) -> str:
    """Return why the service of this name is not restarted now, or "".

    A disk that does not list the records within so many seconds forbids it as well.
    """
    try:
        text = within(seconds, maintenance(root=True), lambda: _text(name))
    except OSError as error:
        text = str(error)
    return text and f"{text}, so no restart"


def _text(name: str) -> str:
    record = chosen(read_all(), name)
    return "" if record is None else record.text
