"""Does a command line in an option mean what it would mean to a shell?"""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vipwarden.core.words import Words


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=5))
def test_what_was_quoted_for_a_shell_comes_out_as_it_was(words: list[str]) -> None:
    """Whatever the words hold."""
    assert list(Words(shlex.join(words))) == words


@given(st.text(alphabet="ab \t'\"\\", max_size=30))
def test_words_are_those_of_a_shell_or_an_error(text: str) -> None:
    """The standard library's splitter agrees, and refuses the same."""
    try:
        expected = shlex.split(text)
    except ValueError:
        with pytest.raises(ValueError, match=r"closed|escapes"):
            Words(text)
        return
    if not expected or not expected[0]:
        with pytest.raises(ValueError, match="wanted"):
            Words(text)
    else:
        assert list(Words(text)) == expected


@pytest.mark.parametrize("text", ["a | b", "a && b", "a > /dev/null", "a; b", "echo $HOME", "a `b`", "(a)", "a <b"])
def test_what_only_a_shell_could_do_is_refused(text: str) -> None:
    """It would silently become a plain word of the command."""
    with pytest.raises(ValueError, match=r"no shell runs this"):
        Words(text)


def test_quoted_it_is_a_plain_word() -> None:
    """A regular expression needs a dollar sign."""
    assert Words("process --argument 'x$|y'") == ("process", "--argument", "x$|y")
