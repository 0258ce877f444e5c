"""What has a checker or a script asked so far, in the words of our checks, or why is it left alone?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from vipwarden.config.trial import contradiction
from vipwarden.core.options import UsageError, complete, options
from vipwarden.core.registry import load

if TYPE_CHECKING:
    from typing import Any

Value: TypeAlias = "str | list[str] | bool"


class LeftError(Exception):
    """It is left alone; the text is the reason."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A check and its options as vipwarden.yaml has them."""

    check: str
    options: dict[str, Value]

    def proved(self) -> Asked:
        """Return it where the check takes these options; raises LeftError."""
        function = load(self.check)
        known = options(function)
        values: dict[str, Any] = {}
        for name, value in self.options.items():
            try:
                texts = value if isinstance(value, list) else [value]
                built = [option if option is True else known[name].build(str(option)) for option in texts]
            except (ValueError, UsageError) as error:
                raise LeftError(f"{name} {value}: {error}") from None
            values[name] = tuple(built) if known[name].repeats else built[0]
        if why := contradiction(function, complete(known, values)):
            raise LeftError(why)
        return self

    def words(self) -> list[str]:
        """Return the options as a chk_ command takes them."""
        words = []
        for name, value in self.options.items():
            flag = f"--{name.replace('_', '-')}"
            for text in value if isinstance(value, list) else [value]:
                words += [flag] if text is True else [flag, str(text)]
        return words


@dataclass(slots=True)
class Wanted:
    """What is asked at which times in seconds: ``interval`` between runs, ``pause`` between runs that fail.

    All of ``checks`` must be healthy. ``service`` are the arguments of chk_service, for a script that restarts.
    """

    checks: list[Asked]
    name: str
    interval: float
    timeout: float
    fall: int = 1
    rise: int = 1
    pause: float = 0
    notes: list[str] = field(default_factory=list)
    service: tuple[str, ...] = ()
