"""What is the help of a command? Made of the signatures and docstrings of its functions."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from vipwarden.core.options import option_of, options

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FunctionType

    from vipwarden.core.options import Option


def descriptions(*functions: Callable[..., object]) -> dict[str, str]:
    """Return the descriptions of options and arguments in the docstrings, by name; a later function overrides."""
    about: dict[str, str] = {}
    for function in functions:
        lines = (line.strip().partition(": ") for line in (function.__doc__ or "").splitlines())
        about |= {name: text for name, colon, text in lines if colon and name in function.__annotations__}
    return about


def summary(function: Callable[..., object]) -> str:
    """Return the docstring up to the description of the options."""
    about = descriptions(function)
    first, _, rest = (function.__doc__ or "").partition("\n")
    lines = [first, *textwrap.dedent(rest).splitlines()]
    return "\n".join(line for line in lines if line.partition(": ")[0] not in about).strip()


def arguments_of(function: Callable[..., object]) -> list[Option]:
    """Return the positional parameters of the function of a command, as options without a flag; the last may repeat."""
    code_of: FunctionType = function  # type: ignore[assignment]
    code = code_of.__code__
    count = code.co_argcount
    least = count - len(code_of.__defaults__ or ())
    arguments = [option_of(code_of, name, index < least) for index, name in enumerate(code.co_varnames[:count])]
    if code.co_flags & 4:  # CO_VARARGS
        name = code.co_varnames[count + code.co_kwonlyargcount]
        arguments.append(option_of(code_of, name, required=not code_of.__annotations__[name].endswith(" | None")))
        arguments[-1].repeats = True
    for argument in arguments:
        argument.flag = argument.name.upper()
    return arguments


def word(argument: Option) -> str:
    """Return an argument as it stands in a line of usage."""
    text = "{" + ",".join(choices(argument)) + "}" if choices(argument) else argument.flag
    text += "..." if argument.repeats else ""
    return text if argument.required else f"[{text}]"


def choices(option: Option) -> tuple[str, ...]:
    """Return the values that there are, where its type names them."""
    return getattr(option.build, "choices", ())


def line(program: str, arguments: Sequence[Option] = ()) -> str:
    """Return how a command is called."""
    return " ".join([program, "[options]", *map(word, arguments)])


def term(option: Option) -> str:
    """Return an option with its letters, and the kind of its value."""
    names = ", ".join([*(f"-{letter}" for letter in option.letters), option.flag])
    return names if option.is_flag else f"{names} {option.kind.upper()}"


def default(option: Option) -> str:
    """Return the default as it could be written; nothing for a flag, and where there is none."""
    if option.is_flag or option.default is None:
        return ""
    if option.repeats:
        return ", ".join(map(str, option.default))  # type: ignore[call-overload]
    return f"{option.default:g}" if isinstance(option.default, float) else str(option.default)


def meaning(option: Option, about: str) -> str:
    """Return what an option is for, whether it is required or may be repeated, and its default."""
    written = default(option)
    notes = ["required"] if option.required else []
    notes += ["may be given several times"] if option.repeats else []
    notes += [f"default {written}"] if written else []
    return f"{about} ({'; '.join(notes)})".strip() if notes else about


def usage(program: str, *functions: Callable[..., object], arguments: Sequence[Option] = ()) -> str:
    """Return the help of a command that has the options of some functions; the first says what it does."""
    about = descriptions(*functions)
    lines = [f"usage: {line(program, arguments)}", "", summary(functions[0])]
    if arguments:
        lines += ["", "arguments:"]
        lines += [text for it in arguments for text in _entry(word(it), about.get(it.name, ""))]
    lines += ["", "options:"]
    for option in options(*functions).values():
        lines += _entry(term(option), meaning(option, about.get(option.name, "")))
    return "\n".join(lines)


def _entry(head: str, text: str) -> list[str]:
    return [f"  {head}", *textwrap.wrap(text, 100, initial_indent=" " * 8, subsequent_indent=" " * 8)]
