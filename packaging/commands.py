"""What does each command say of itself? Its --help, taken apart, for the man pages and the completion."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from launchers import kind, launchers

if TYPE_CHECKING:
    from pathlib import Path

_HEADING = re.compile(r"(options|positional arguments):")
_PART = re.compile(r"  (\w+)  +(\S.*)")


class Item(NamedTuple):
    """An option or a word of the command line: ``term`` as it is written, and what it means."""

    term: str
    text: str

    @property
    def flags(self) -> list[str]:
        """The option without its value, in each of its forms."""
        return [word.split()[0] for word in self.term.split(", ") if word.startswith("-")]

    @property
    def takes_value(self) -> bool:
        """Whether a word follows."""
        return " " in self.term.split(", ")[-1]


class Help(NamedTuple):
    """The help of one command: as it is typed, in one line, how it is used, and the rest in paragraphs and items."""

    name: str
    summary: str
    usage: str
    about: str
    sections: dict[str, list[Item]]
    more: str

    @property
    def is_script(self) -> bool:
        """Whether it is called by its path, by keepalived or by a monitoring system."""
        return kind(self.name.split()[0]) != "bin"

    @property
    def page(self) -> str:
        """The name of its man page."""
        own = self.name.startswith(("chk_", "check_", "vipwarden"))
        return self.name.replace(" ", "-") if own else f"vipwarden-{self.name}"


def constant(path: Path, name: str) -> object:
    """Return the value of a constant of a module, without importing it."""
    for statement in ast.parse(path.read_text()).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == name:
            return ast.literal_eval(statement.value)
    raise SystemExit(f"{path} has no {name}")


def helps(code: Path) -> list[Help]:
    """Return the help of all commands, and of the parts of vipwarden that are none themselves, by name."""
    parts = constant(code / "vipwarden" / "main.py", "PARTS")
    assert isinstance(parts, dict)
    known = launchers(code)
    parts["vipwarden"] = "checks of keepalived, LVS and HAProxy, by hand and all the time"
    wanted = [(name, *place) for name, place in known.items()]
    wanted += [(f"vipwarden {part}", "cli.main", "") for part in parts if part not in known]
    with ThreadPoolExecutor() as pool:
        return sorted(pool.map(lambda one: _help(code, *one, parts), wanted))


def _help(code: Path, name: str, module: str, check: str, parts: dict[str, str]) -> Help:
    command, *part = name.split()
    function, call = ("main", f"{check!r}, sys.argv[1:]") if check else ("entry", "")
    path = [str(code), str(code / "vendor")]
    program = f"import sys; sys.path[:0] = {path!r}; sys.argv[0] = {command!r}; "
    said = subprocess.run(
        [
            sys.executable,
            "-ISB",
            "-c",
            f"{program}from {module} import {function}; {function}({call})",
            *part,
            "--help",
        ],
        capture_output=True,
        check=False,
        text=True,
        env={"COLUMNS": "1000", "NO_COLOR": "1", "LC_ALL": "C.UTF-8"},
    )
    if not said.stdout.startswith("usage: "):
        raise SystemExit(f"{name} --help says {said.stdout + said.stderr!r}")
    return parse(name, parts.get(part[0] if part else command, ""), said.stdout)


def parse(name: str, summary: str, text: str) -> Help:
    """Take a help text apart; ``summary`` is by default its own first sentence."""
    usage, _, rest = text.partition("\n\n")
    sections: dict[str, list[Item]] = {}
    before, after = [], []
    items = None
    for line in rest.splitlines():
        part = _PART.fullmatch(line)
        if _HEADING.fullmatch(line):
            items = sections.setdefault(line.rstrip(":"), [])
        elif part and (items is None or "commands" in sections):
            items = sections.setdefault("commands", [])
            items.append(Item(*part.groups()))
        elif items is not None and re.match("  [^ ]", line):
            term, _, meaning = line.strip().partition("  ")
            items.append(Item(term, meaning.strip()))
        elif items and line.startswith("   "):
            items[-1] = Item(items[-1].term, f"{items[-1].text} {line.strip()}".strip())
        else:
            (before if items is None else after).append(line)
    about, more = ("\n".join(lines).strip() for lines in (before, after))
    first = re.split(r"(?<=[?.])\s", about.replace("\n", " "))[0]
    return Help(name, summary or first.rstrip("."), usage.removeprefix("usage: "), about, sections, more)
