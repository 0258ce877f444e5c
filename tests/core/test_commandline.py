"""Does a command get the words and options that its function declares, and nothing else?"""

from __future__ import annotations

import sys

import pytest

from vipwarden.core.commandline import CommandLine
from vipwarden.core.options import UsageError
from vipwarden.core.values import Choice, Count

OWN_LETTERS = {"l": "level", "p": "level"}  # -p goes before the shared letter of a port


class Action(Choice):
    """What is to be done."""

    __slots__ = ()
    choices = ("start", "stop")


def service(action: Action, *unit: str, level: Count = Count(3), port: Count | None = None, as_: str = "") -> int:
    """Start or stop units.

    action: what to do
    unit: name of a unit
    level: how far
    port: where
    as_: for whom
    """
    sys.stdout.write(f"{action} {unit} {level} {port} {as_}\n")
    return 7


def page(file: str = "", *, quiet: bool = False) -> int:
    """Show a page.

    file: page to show
    quiet: show nothing
    """
    if file == "wrong":
        raise UsageError("this is no page")
    sys.stdout.write(f"{file} {quiet}\n")
    return 0


def also(*, colour: bool = False) -> None:
    """Add an option.

    colour: in colour
    """


def event(*word: str | None, state: str = "") -> int:
    """Pass an event on.

    word: its words
    state: state
    """
    sys.stdout.write(f"{word} {state}\n")
    return 0


SERVICE = CommandLine("service", service)
EVENT = CommandLine("event", event, first=True)
PAGE = CommandLine("page", page, refused=3)


@pytest.mark.parametrize(
    ("line", "out"),
    [
        ("start a", "start ('a',) 3 None "),
        ("-l 5 stop a b", "stop ('a', 'b') 5 None "),
        ("stop a --as root -p4 b", "stop ('a', 'b') 4 None root"),
        ("start --port 1 -- -l --level", "start ('-l', '--level') 3 1 "),
    ],
)
def test_words_and_options_may_stand_in_any_order(line: str, out: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Behind ``--`` there are words alone; the exit code is the function's own."""
    assert SERVICE(line.split()) == 7
    assert capsys.readouterr() == (f"{out}\n", "")


@pytest.mark.parametrize(
    ("line", "out"),
    [
        ("", "() "),
        ("INSTANCE V1 MASTER 1", "('INSTANCE', 'V1', 'MASTER', '1') "),
        ("--state=A own --state B", "('own', '--state', 'B') A"),
        ("--state A -- --own", "('--own',) A"),
        ("own -- -x", "('own', '--', '-x') "),
    ],
)
def test_options_may_have_to_stand_first(line: str, out: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What follows the first word belongs to somebody else."""
    assert EVENT(line.split()) == 0
    assert capsys.readouterr() == (f"{out}\n", "")


@pytest.mark.parametrize(
    ("command", "line", "text"),
    [
        (SERVICE, "", "service: wanted as well: {start,stop}, UNIT...; see service --help"),
        (SERVICE, "start", "service: wanted as well: UNIT...; see service --help"),
        (SERVICE, "go a", "service: ACTION 'go': start or stop is wanted; see service --help"),
        (SERVICE, "start a -l x", "service: --level 'x': a whole number from 0 up is wanted; see service --help"),
        (PAGE, "a b", "page: 'b' belongs to no option; see page --help"),
        (PAGE, "--quie", "page: there is no option '--quie'; see page --help"),
        (PAGE, "wrong", "page: this is no page; see page --help"),
    ],
)
def test_what_is_refused_is_named_in_one_line(
    command: CommandLine, line: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the way to the help, and the exit code that the command has for it."""
    assert command(line.split()) == command.refused
    assert capsys.readouterr() == ("", f"{text}\n")


def test_the_help_has_words_and_options(capsys: pytest.CaptureFixture[str]) -> None:
    """Those of every function, in their order."""
    assert CommandLine("page", page, also)(["--help"]) == 0
    assert capsys.readouterr().out == (
        "usage: page [options] [FILE]\n\nShow a page.\n\narguments:\n  [FILE]\n        page to show\n\noptions:\n"
        "  --quiet\n        show nothing\n  --colour\n        in colour\n  -h, --help\n        show this text\n"
    )
