"""What does an old script or Nagios plugin say?

NRPE users: --run "/usr/lib/nagios/plugins/check_users -w 5 -c 10"
"""

from __future__ import annotations

from vipwarden.core.perfdata import perfdata
from vipwarden.core.result import CRITICAL, OK, UNKNOWN, Result, State, one_line
from vipwarden.core.values import Choice, Seconds
from vipwarden.core.words import Words
from vipwarden.net.stream import NetError
from vipwarden.node.process.program import run as run_program

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vipwarden.net.net import Net

LATER = ("vipwarden.net.file",)
_MOST_NOTES = 100
_MOST_TEXT = 400  # characters of a line


class Codes(Choice):
    """The meaning of an exit code: that of Nagios, or of a script for keepalived."""

    __slots__ = ()
    choices = ("nagios", "script")


_NAGIOS = Codes("nagios")


class Program(Words):
    """The absolute path of a program, and its arguments."""

    __slots__ = ()

    def __new__(cls, text: str) -> Program:
        """Build it from its text; raises ValueError with what is wanted."""
        words = Words(text)
        if not words[0].startswith("/"):
            raise ValueError("the absolute path of a program is wanted, and its arguments")
        if any("\0" in word for word in words):
            raise ValueError("no argument has a zero byte in it")
        return tuple.__new__(cls, words)


async def command(net: Net, *, run: Program, codes: Codes = _NAGIOS, timeout: Seconds = Seconds(10)) -> Result:
    """What does an old script or Nagios plugin say?

    Runs a program and takes over its exit code, text and performance data. At the deadline it is killed, with all that
    it has started in its process group. What it leaves running when it ends is killed as well.
    It runs without a shell, as the user who runs the check, with an empty standard input and a clean environment: PATH
    and LC_ALL=C.UTF-8.

    run: absolute path and arguments of the program, in one text
    codes: nagios: 0 to 3 are OK, WARNING, CRITICAL and UNKNOWN; script: 0 is OK, all others are CRITICAL
    timeout: deadline for the whole run in seconds
    """
    net.begin(timeout)
    name = one_line(run[0], 100)
    try:
        ended = await run_program(net, run)
    except NetError as error:
        return error.result(name)
    except OSError as error:
        return Result(UNKNOWN, f"cannot run {name}: {error.strerror}")
    first, numbers, notes = _split(ended.output.decode("utf-8", "replace"))
    if not first:
        first, _, notes = _split(ended.error.decode("utf-8", "replace").replace("|", "/"))
    state, how = _state(ended.code, codes)
    text = f"{name} {how}: {first}" if how and first else first or f"{name} {how or 'ended'} and said nothing"
    return Result(state, text, perfdata(numbers), notes=notes)


def _state(code: int, codes: Codes) -> tuple[State, str]:
    """Return the state of an exit code, and what is wrong with it."""
    odd = UNKNOWN if codes == "nagios" else CRITICAL
    if code < 0:
        return odd, f"was killed by signal {-code}"
    if codes == "nagios" and code <= UNKNOWN:
        return State(code), ""
    return (OK, "") if code == 0 else (odd, f"exited with {code}")


def _split(text: str) -> tuple[str, str, list[str]]:
    """Return the first line, the performance data and the other lines, as Nagios takes them apart.

    That is ``TEXT | NUMBERS`` in the first line, and below it ``MORE LINES | NUMBERS`` to the end.
    """
    first, _, rest = text.lstrip("\n").partition("\n")
    line, _, numbers = first.partition("|")
    more, _, others = rest.partition("|")
    notes = [one_line(note, _MOST_TEXT) for note in more.split("\n")]
    return one_line(line, _MOST_TEXT), f"{numbers} {others}".replace("\n", " "), list(filter(None, notes))[:_MOST_NOTES]
