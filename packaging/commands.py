"""Which commands are there, and which options and arguments has each? Taken from their declarations."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, NamedTuple

from launchers import kind, launchers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Command(NamedTuple):
    """A command as it is typed, in one line, how it is called, its text, and terms with their meaning by section."""

    name: str
    summary: str
    usage: str
    about: str
    sections: dict[str, list[tuple[str, str]]]
    flags: list[str] = []
    values: list[str] = []  # the flags that take a value
    words: tuple[str, ...] = ()

    @property
    def is_script(self) -> bool:
        """Whether it is called by its path, by keepalived or by a monitoring system."""
        return kind(self.name.split()[0]) != "bin"

    @property
    def page(self) -> str:
        """The name of its man page."""
        own = self.name.startswith(("chk_", "check_", "vipwarden"))
        return self.name.replace(" ", "-") if own else f"vipwarden-{self.name}"


def module(name: str) -> Any:
    """Import a module of the code."""
    return importlib.import_module(name)


def commands(code: Path) -> Iterator[Command]:
    """Yield the commands of the code, which has to be in sys.path with its libraries, and the parts of vipwarden."""
    parts: dict[str, str] = module("cli.main").PARTS
    registry, usage = module("vipwarden.core.registry"), module("vipwarden.core.usage")
    for name in registry.names():
        check = registry.load(name)
        if f"chk_{name}" in launchers(code):
            yield declared(f"chk_{name}", "", check, module("keepalived_scripts.chk").front_end)
        yield declared(f"check_{name}", "", check, module("nagios_plugins.check").front_end)
        yield declared(f"vipwarden check {name}", "", check, module("cli.check").front_end)
    service = module("keepalived_scripts.service.options")
    for name in (*registry.names(), "handover", *service.PRESETS):
        yield declared(f"vipwarden snippet {name}", "", *module("cli.snippet").declared(name))
    for name, preset in service.PRESETS.items():
        yield declared(f"chk_{name}", parts[f"chk_{name}"], preset, service.front_end)
    scripts = "keepalived_scripts"
    lines = {"notify": module(f"{scripts}.notify.main").line, "realserver": module(f"{scripts}.realserver.main").main}
    own = parts.keys() - launchers(code).keys() - {"check", "maint", "snippet", "via"}
    for part, line in (lines | {part: module(f"cli.{part}").main for part in own}).items():
        yield declared(line.program, parts[part], *line.functions, arguments=usage.arguments_of(line.run))
    about = "checks of keepalived, LVS and HAProxy, by hand and all the time"
    yield listed("vipwarden", about, "PART", parts, "--version", "show the version")
    yield listed("vipwarden check", parts["check"], "NAME", registry.questions())
    for part in ("maint", "via"):
        texts = module(f"cli.{part}").ABOUT
        for name, line in module(f"cli.{part}").COMMANDS.items():
            yield declared(line.program, texts[name], *line.functions, arguments=usage.arguments_of(line.run))
        yield listed(f"vipwarden {part}", parts[part], "NAME", texts)
    yield listed("vipwarden snippet", parts["snippet"], "NAME", module("cli.snippet").known_names())


def listed(name: str, summary: str, word: str, items: dict[str, str], *more: str) -> Command:
    """Return a command whose first word names another one; ``more`` are further options and what they do."""
    known = {"--help": f"show this list; behind a {word} its options"} | dict([more] if more else [])
    sections = {"commands": [*items.items()], "options": [*known.items()]}
    return Command(name, summary, f"{name} {word} [options]", "", sections, words=(*items, *known))


def declared(name: str, summary: str, *functions: Callable[..., object], arguments: Any = ()) -> Command:
    """Return a command that has the options of some functions; its ``summary`` is by default the first one's."""
    usage = module("vipwarden.core.usage")
    known = module("vipwarden.core.options").options(*functions)
    about, text = usage.descriptions(*functions), usage.summary(functions[0])
    sections = {
        "arguments": [(usage.word(one), about.get(one.name, "")) for one in arguments],
        "options": [(usage.term(one), usage.meaning(one, about.get(one.name, ""))) for one in known.values()],
    }
    flags = {option: [*(f"-{x}" for x in option.letters), option.flag] for option in known.values()}
    return Command(
        name,
        summary or text.partition("\n")[0].rstrip("."),
        usage.line(name, arguments),
        text,
        {title: items for title, items in sections.items() if items},
        [flag for forms in flags.values() for flag in forms],
        [flag for option, forms in flags.items() if not option.is_flag for flag in forms],
        tuple(word for one in arguments for word in usage.choices(one)),
    )
