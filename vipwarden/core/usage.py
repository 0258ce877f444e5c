"""How is a check called? Its help, out of its signature and its docstring."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vipwarden.core.options import Option


def descriptions(function: Callable[..., object]) -> dict[str, str]:
    """Return what the docstring says of each option, by name."""
    lines = (line.strip().partition(": ") for line in (function.__doc__ or "").splitlines())
    return {name: text for name, colon, text in lines if colon and name in function.__annotations__}


def summary(function: Callable[..., object]) -> str:
    """Return the docstring up to the description of the options."""
    about = descriptions(function)
    lines = [line.strip() for line in (function.__doc__ or "").splitlines()]
    return "\n".join(line for line in lines if line.partition(": ")[0] not in about).strip()


def usage(
    program: str, function: Callable[..., object], front_end: Callable[..., object], known: Mapping[str, Option]
) -> str:
    """Return the help of one command: what it asks, and each option with its letters, default and meaning."""
    about = descriptions(function) | descriptions(front_end)
    lines = [f"usage: {program} [options]", "", summary(function), "", "options:"]
    for option in known.values():
        names = ", ".join([f"-{letter}" for letter in option.letters] + [option.flag])
        value = "" if option.is_flag else f" {option.kind.upper()}"
        notes = [about.get(option.name, "")]
        if option.required:
            notes.append("(required)")
        elif option.repeats:
            notes.append("(may be given several times)")
        elif not option.is_flag and option.default is not None:
            notes.append(f"(default {option.default})")
        lines.append(f"  {names}{value}")
        lines += textwrap.wrap(" ".join(notes), 100, initial_indent=" " * 8, subsequent_indent=" " * 8)
    return "\n".join(lines)
