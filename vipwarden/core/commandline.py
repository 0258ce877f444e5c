"""How does a command read its arguments? By the signature of the function that it runs, as a check does.

A keyword-only parameter of the function is an option, a positional parameter a word of the command line, ``*name`` one
word or more (with ``T | None`` any number). The docstring is the help. packaging/commands.py makes man pages and
completion of the same declaration.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from vipwarden.core.options import UsageError, complete, options, parse
from vipwarden.core.usage import arguments_of, usage, word

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def show_help(*, help: bool = False) -> None:  # noqa: A002 - the option's name
    """Add the option that every command has.

    help: show this text
    """


class CommandLine:
    """A command that runs a function with what its command line says, and leaves with what that returns."""

    __slots__ = ("first", "functions", "program", "refused", "run")

    def __init__(
        self,
        program: str,
        run: Callable[..., int],
        *others: Callable[..., object],
        refused: int = 2,
        first: bool = False,
    ) -> None:
        """Name it as it is typed; ``others`` add their options, ``refused`` is the exit code of a wrong command line.

        With ``first`` all options stand before the first word. The function gets only what the command line gives:
        a default is that of its signature.
        """
        self.program = program
        self.run = run
        self.functions = (run, *others, show_help)
        self.refused = refused
        self.first = first

    def __call__(self, arguments: Sequence[str]) -> int:
        """Run it and return its exit code; a UsageError of the function counts as a wrong command line."""
        try:
            return self.call(arguments)
        except UsageError as error:
            sys.stderr.write(f"{self.program}: {error}; see {self.program} --help\n")
            return self.refused

    def call(self, arguments: Sequence[str]) -> int:
        """Run it and return its exit code; raises UsageError."""
        known = options(*self.functions)
        words: list[str] = []
        values: dict[str, Any] = parse(known, arguments, words, first=self.first)
        if values.pop("help", False):
            sys.stdout.write(usage(self.program, *self.functions, arguments=arguments_of(self.run)) + "\n")
            return 0
        return self.run(*self._words(words), **complete(known, values))

    def _words(self, words: list[str]) -> list[object]:
        """Return the words of the command line as the function wants them; raises UsageError."""
        wanted = arguments_of(self.run)
        missing = [argument for argument in wanted[len(words) :] if argument.required]
        if missing:
            raise UsageError(f"wanted as well: {', '.join(map(word, missing))}")
        if wanted and wanted[-1].repeats:
            wanted += [wanted[-1]] * (len(words) - len(wanted))
        if len(words) > len(wanted):
            raise UsageError(f"{words[len(wanted)]!r} belongs to no option")
        return [argument.value(text) for argument, text in zip(wanted, words, strict=False)]


def by_name(
    program: str,
    arguments: Sequence[str],
    known: Callable[[], Mapping[str, str]],
    run: Callable[[str, Sequence[str]], int],
    refused: int,
) -> int:
    """Run a command whose first word is a name, with the rest, and return its exit code; without a name list them."""
    try:
        if arguments and arguments[0] not in ("-h", "--help"):
            return run(arguments[0], arguments[1:])
        names = known()
        width = max(map(len, names)) + 2
        lines = "".join(f"  {name:<{width}}{about}\n" for name, about in names.items())
        sys.stdout.write(f"usage: {program} NAME [options]\n\n{lines}\n{program} NAME --help lists its options.\n")
    except (UsageError, ImportError) as error:  # the libraries of a check may be missing
        sys.stderr.write(f"{program}: {error}; see {program} --help\n")
        return refused
    return 0
