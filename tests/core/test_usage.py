"""Does the help of a command tell all that its options do?"""

from __future__ import annotations

import pytest

from tests.core.test_options import FRONT_ENDS
from vipwarden.core.options import options
from vipwarden.core.registry import load, names
from vipwarden.core.usage import descriptions, summary, usage


def question(*, where: str, often: tuple[str, ...] = (), quiet: bool = False, limit: int = 3) -> None:
    """Is it there?

    A paragraph: with a colon in it.
    The limit: is no option either.

    where: place to look at
    often: word to look for
    limit: how many of a very long list of things there may be before it is too much for anybody who has to read
    """


def test_the_help_of_a_function_is_made_of_its_docstring() -> None:
    """Letters, type, default and meaning of each option, wrapped."""
    assert usage("ask", question) == (
        "usage: ask [options]\n\nIs it there?\n\nA paragraph: with a colon in it.\n"
        "The limit: is no option either.\n\noptions:\n"
        "  --where STR\n        place to look at (required)\n"
        "  --often STR\n        word to look for (may be given several times)\n"
        "  --quiet\n"
        "  --limit INT\n        how many of a very long list of things there may be before it is too much for anybody "
        "who\n"
        "        has to read (default 3)"
    )


def test_prose_is_no_description() -> None:
    """Nor are lines about what is no option."""
    assert list(descriptions(question)) == ["where", "often", "limit"]
    assert summary(question).startswith("Is it there?\n\nA paragraph")


@pytest.mark.parametrize("front_end", FRONT_ENDS)
@pytest.mark.parametrize("check", names())
def test_the_help_of_every_command_has_every_option(check: str, front_end: object) -> None:
    """Once, with its meaning, in lines that fit a terminal that is not too narrow."""
    assert callable(front_end)
    function = load(check)
    known = options(function, front_end)
    text = usage(f"chk_{check}", function, front_end)
    lines = text.splitlines()
    assert text.isascii()
    assert all(len(line) <= 118 for line in lines)
    for option in known.values():
        [at] = [
            index for index, line in enumerate(lines) if f"{line} ".find(f"{option.flag} ") > 0 and line[:3].strip()
        ]
        assert lines[at + 1].startswith(" " * 8)
        assert (f"--{option.name.replace('_', '-')}" == lines[at].split()[-1]) is option.is_flag
        for letter in option.letters:
            assert f"-{letter}, " in lines[at]
    assert " None" not in text
    assert "object at" not in text
