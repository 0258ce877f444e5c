"""Which options does a command take? Those of its function's signature, for command line and YAML.

A keyword-only parameter is an option: its annotation is a type that is built from a text, and a missing default makes
it required. ``bool`` is a flag, ``tuple[T, ...]`` may be given several times, ``T | None`` may be left out. An
underscore at the end of a name, which a Python keyword needs, is not written. CONTRIBUTING.md has all rules.
"""

from __future__ import annotations

from vipwarden.core.result import number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import FunctionType

# The letters of shared option names: those of the Monitoring Plugins guidelines, else of genhash and check_mysql. Of
# several names the first that a command has gets the letter. OWN_LETTERS {letter: name} of a module overrides these,
# and OWN_DEFAULTS {name: value} of a front end the defaults of the check.
LETTERS = {
    "H": ("host",),
    "p": ("port",),
    "P": ("port",),
    "4": ("ipv4",),
    "6": ("ipv6",),
    "w": ("warning",),
    "c": ("critical",),
    "t": ("timeout",),
    "S": ("tls",),
    "s": ("send", "socket"),
    "e": ("expect", "status"),
    "r": ("regex",),
    "u": ("path", "user"),
    "V": ("virtualhost", "version"),
    "f": ("defaults_file",),
    "g": ("group",),
    "d": ("database",),
    "n": ("ignore_auth",),
    "C": ("command",),
    "a": ("argument",),
    "v": ("verbose",),
    "h": ("help",),
}


# texts that a help names so
File = str
Folder = str


class UsageError(ValueError):
    """A command line or a value that is refused; the text says what was given and what is wanted."""


class Option:
    """One option: ``name`` as in Python and YAML, ``flag`` as on the command line."""

    __slots__ = ("build", "default", "flag", "kind", "letters", "name", "repeats", "required", "texts")

    def __init__(
        self, name: str, kind: str, build: Callable[[str], object], repeats: bool, required: bool, default: object
    ) -> None:
        self.name = name
        self.kind = kind
        self.build = build
        self.repeats = repeats
        self.required = required
        self.default = default
        self.flag = "--" + name.removesuffix("_").replace("_", "-")
        self.letters: tuple[str, ...] = ()
        self.texts: list[str] = []  # as the operator wrote it

    @property
    def is_flag(self) -> bool:
        """Whether it has no value."""
        return self.kind == "bool"

    def value(self, text: str) -> object:
        """Build the value from a text; raises UsageError."""
        try:
            return self.build(text)
        except UsageError:  # in the type's own words: a password must not be repeated
            raise
        except ValueError as error:
            raise UsageError(f"{self.flag} {text!r}: {error}") from None


def options(*functions: Callable[..., object]) -> dict[str, Option]:
    """Return the options of functions by name, in the order of their signatures; a later function overrides."""
    known = {}
    own: dict[str, str] = {}
    other: dict[str, object] = {}
    for function in functions:
        code_of: FunctionType = function  # type: ignore[assignment]
        code, defaults = code_of.__code__, code_of.__kwdefaults__ or {}
        first = code.co_argcount
        for name in code.co_varnames[first : first + code.co_kwonlyargcount]:
            known[name] = option_of(code_of, name, name not in defaults, defaults.get(name))
        own.update(code_of.__globals__.get("OWN_LETTERS", ()))
        other.update(code_of.__globals__.get("OWN_DEFAULTS", ()))
    for name in other.keys() & known.keys():
        known[name].default = other[name]
    for letter, names in {**LETTERS, **{letter: (name,) for letter, name in own.items()}}.items():
        owner = next((known[name] for name in names if name in known), None)
        if owner is not None:
            owner.letters += (letter,)
    return known


def option_of(function: FunctionType, name: str, required: bool, default: object = None) -> Option:
    """Return the option that a parameter is."""
    kind = str(function.__annotations__[name]).removesuffix(" | None")
    repeats = kind.startswith("tuple[")
    kind = kind.removeprefix("tuple[").removesuffix(", ...]")
    return Option(name, kind, function.__globals__.get(kind) or _BUILTIN[kind], repeats, required, default)


_BUILTIN: dict[str, Callable[[str], object]] = {"str": str, "int": int, "float": number, "bool": bool}


def parse(
    known: Mapping[str, Option], arguments: Sequence[str], words: list[str] | None = None, *, first: bool = False
) -> dict[str, object]:
    """Return the values that a command line gives; raises UsageError at the first thing that is wrong.

    What belongs to no option is appended to ``words``; without that list it is refused, as is ``--``. With ``first``
    all options stand before the first word.
    """
    by_flag = {option.flag: option for option in known.values()}
    by_letter = {letter: option for option in known.values() for letter in option.letters}
    values: dict[str, object] = {}
    rest = iter(arguments)
    for argument in rest:
        if argument == "--" and words is not None:
            words += rest
        elif argument.startswith("--"):
            flag, equals, text = argument.partition("=")
            option = by_flag.get(flag)
            if option is None:
                raise UsageError(f"there is no option {flag!r}")
            if option.is_flag and equals:
                raise UsageError(f"{flag} takes no value")
            _store(values, option, text if equals else None, rest)
        elif len(argument) > 1 and argument[0] == "-":
            _letters(values, by_letter, argument[1:], rest)
        elif words is not None:
            words.append(argument)
            if first:
                words += rest
        else:
            raise UsageError(f"{argument!r} belongs to no option")
    return values


def complete(known: Mapping[str, Option], values: dict[str, object]) -> dict[str, object]:
    """Return the values where nothing that is required is missing; raises UsageError."""
    missing = [option for option in known.values() if option.required and option.name not in values]
    if missing:
        raise UsageError(
            "wanted as well: " + ", ".join("/".join((*(f"-{x}" for x in o.letters), o.flag)) for o in missing)
        )
    return values


def _letters(values: dict[str, object], by_letter: Mapping[str, Option], letters: str, rest: object) -> None:
    """Read ``-v``, ``-46``, ``-p80`` or ``-p`` and its value."""
    for index, letter in enumerate(letters):
        option = by_letter.get(letter)
        if option is None:
            raise UsageError(f"there is no option {'-' + letter!r}")
        if not option.is_flag:
            _store(values, option, letters[index + 1 :] or None, rest)
            return
        _store(values, option, None, rest)


def _store(values: dict[str, object], option: Option, text: str | None, rest: object) -> None:
    if option.is_flag:
        if option.name == "verbose":  # the one flag that counts
            values["verbose"] = int(str(values.get("verbose", 0))) + 1
        else:
            values[option.name] = True
        option.texts.append("yes")
        return
    if text is None:
        text = next(rest, None)  # type: ignore[call-overload]
    if not text:  # an empty value comes of a variable that was never set, and must not switch a test off
        raise UsageError(f"{option.flag} wants a value")
    option.texts.append(text)
    if option.repeats:
        before = values.get(option.name, ())
        values[option.name] = (*before, option.value(text))  # type: ignore[misc]
    elif option.name in values:
        raise UsageError(f"{option.flag} is given twice")
    else:
        values[option.name] = option.value(text)
