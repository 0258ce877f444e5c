"""What do the pages of the documentation say of the checks? Questions, tables of options and the indexes.

The page of a check is prose around generated parts; a check that has no page yet gets one of these parts.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from markdown import filled, part, shown, table

from cli import check as person
from keepalived_scripts import chk
from nagios_plugins import check as plugin
from vipwarden.core.options import options
from vipwarden.core.registry import load, names
from vipwarden.core.usage import default, descriptions, summary, term

if TYPE_CHECKING:
    from collections.abc import Callable

_ROOT = Path(__file__).resolve().parent.parent
_NEW = f"""\
# {{}}

{part("question")}

## Options

{part("options")}

and the [options that every check has](README.md#options-of-chk_).
"""


def options_of(*functions: Callable[..., object]) -> str:
    """Return the table of the options that functions have, --help left out."""
    about = descriptions(*functions)
    rows = []
    for option in options(*functions).values():
        if option.name == "help":
            continue
        flags, _, kind = term(option).partition(f"{option.flag} ")
        flags = ", ".join(f"`{flag}`" for flag in (flags + option.flag * bool(kind)).split(", "))
        note = f"`{default(option)}`" if default(option) else ""
        note = "required" if option.required else "may be repeated" if option.repeats else note
        rows.append((f"{flags} {kind}".strip(), note, shown(about[option.name])))
    return table(("option", "default", "meaning"), rows)


def parts() -> dict[str, dict[str, str]]:
    """Return the generated parts of each page by its path, and by their marks."""
    questions = {name: summary(load(name)) for name in names()}
    texts = {
        f"docs/checks/{name}.md": {"question": f"{text}\n", "options": options_of(load(name))}
        for name, text in questions.items()
    }
    front_ends = {"chk_": chk.front_end, "check_": plugin.front_end, "vipwarden check": person.front_end}
    texts["docs/checks/README.md"] = {name: options_of(front_end) for name, front_end in front_ends.items()}
    rows = [(f"[{name}]({name}.md)", text.partition("\n")[0]) for name, text in questions.items()]
    texts["docs/checks/README.md"]["checks"] = table(("check", "question"), rows)
    for page, folder, comma in (("docs/README.md", "checks", ", "), ("docs/zh-CN/README.md", "../checks", "、")):
        texts[page] = {"checks": comma.join(f"[{name}]({folder}/{name}.md)" for name in questions)}
    return texts


def pages() -> dict[str, str]:
    """Return each page as the checks are now."""
    texts = {}
    for name, wanted in parts().items():
        path = _ROOT / name
        text = path.read_text("utf-8") if path.exists() else _NEW.format(path.stem)
        texts[name] = filled(name, text, wanted)
    return texts
