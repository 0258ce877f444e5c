"""How does argparse read a type of the checks? In its own words of what is wanted."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")


def built(build: Callable[[str], _T]) -> Callable[[str], _T]:
    """Return a type for argparse that shows why a value is refused."""

    def convert(text: str) -> _T:
        try:
            return build(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None

    return convert
