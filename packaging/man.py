"""Writes the man pages: of each command from its declaration, of the configuration from the signatures that read it.

python packaging/man.py CODE FOLDER
"""

from __future__ import annotations

import gzip
import os
import sys
from datetime import UTC, datetime
from inspect import cleandoc
from pathlib import Path

from commands import Command, commands, module
from launchers import SHELL

_SOURCE = Path(__file__).resolve().parent.parent
# the heading of a part of vipwarden.yaml, and the function whose signature reads it
_KEYS = {
    "checks: of every check": ("vipwarden.config.entry", "asked"),
    "checks: of one that is ready-made, in place of check": ("vipwarden.config.preset", "ready_made"),
    "checks: of one that is composed of others, in place of check": ("vipwarden.config.entry", "composed"),
    "checks: of both": ("vipwarden.config.entry", "judged"),
    "agent": ("agent.settings", "settings"),
    "panic: of each group": ("vipwarden.config.panic", "group"),
    "exporter": ("exporter.settings", "settings"),
    "notify": ("keepalived_scripts.notify.settings", "settings"),
}
_CODES = {
    "chk_service": "0 healthy; 1 everything else.",
    "chk_haproxy": "0 healthy; 1 everything else.",
    "chk_": "0 healthy; 1 everything else, this help too; with \\-\\-misc\\-dynamic weight + 2 for a WARNING.",
    "check_": "0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, by the guidelines of the Monitoring Plugins.",
}
# a whole vipwarden.yaml
EXAMPLE = """\
checks:
  haproxy:
    check: http_digest
    host: 127.0.0.1
    path: /-/alive
    status: 200
    interval: 1
    fall: 2
  web:
    check: port
    hosts: ["192.0.2.[11-12]", 2001:db8::11]
    ports: [80, 443]
    interval: 2
  node:
    all_of: [haproxy, web]
  database:
    check: mysql_ping
    host: 192.0.2.50
    defaults_file: /etc/vipwarden/mysql.cnf
    weight: "time 0.05:1 = 50:10, critical=0"
exporter:
  listen: 127.0.0.1:9877
notify:
  mail_to: [ops@example.org]
"""
_ALSO = ".SH SEE ALSO\n.BR vipwarden (1),\n.BR vipwarden.yaml (5),\n.BR keepalived.conf (5)\n"


def escaped(text: str) -> str:
    """Return a text that means itself in roff."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line[:1] in ("'", ".") else line for line in text.split("\n"))


def paragraphs(text: str) -> str:
    """Return paragraphs; lines that are indented or made of columns stay as they are."""
    done = []
    for block in text.split("\n\n"):
        lines = escaped(block)
        is_table = any("  " in line.strip() or line.startswith(" ") for line in block.split("\n"))
        done.append(f".nf\n{lines}\n.fi" if is_table else lines)
    return "\n.PP\n".join(done) + "\n"


def items(terms: list[tuple[str, str]]) -> str:
    """Return a list of terms and what they mean."""
    return "".join(f".TP\n.B {escaped(term)}\n{escaped(text)}\n" for term, text in terms)


def page(command: Command, section: int, head: str) -> str:
    """Return the page of a command."""
    name = command.page
    text = f'.TH "{name.upper()}" {section} {head}\n.SH NAME\n{escaped(name)} \\- {escaped(command.summary)}\n'
    text += f".SH SYNOPSIS\n.B {escaped(command.usage)}\n"
    if command.about:
        text += f".SH DESCRIPTION\n{paragraphs(command.about)}"
    for title, terms in command.sections.items():
        text += f".SH {title.upper()}\n{items(terms)}"
    starts = (command.name, command.name.partition("_")[0] + "_")
    codes = next((_CODES[start] for start in starts if start in _CODES), "")
    return f"{text}.SH EXIT STATUS\n{codes}\n{_ALSO}" if codes else text + _ALSO


def script_page(name: str, script: str, head: str) -> str:
    """Return the page of a shell script, from its first comment: a question, how it is called, the rest."""
    lines = script.partition("\n\n")[0].splitlines()[1:]
    comment = "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines if line.startswith("#"))
    about, usage, more = comment.split("\n\n")
    question = f"{about.partition('?')[0]}?"
    text = f'.TH "{name.upper()}" 8 {head}\n.SH NAME\n{escaped(name)} \\- {escaped(question)}\n'
    text += f".SH SYNOPSIS\n.B {escaped(usage.strip())}\n.SH DESCRIPTION\n"
    return f"{text}{paragraphs(about.removeprefix(question).strip())}.PP\n{paragraphs(more)}{_ALSO}"


def yaml_page(head: str) -> str:
    """Return the page of the configuration file."""
    options, registry, usage = (module(f"vipwarden.core.{name}") for name in ("options", "registry", "usage"))
    text = f'.TH "VIPWARDEN.YAML" 5 {head}\n.SH NAME\nvipwarden.yaml \\- configuration of vipwarden\n'
    text += ".SH SYNOPSIS\n.I /etc/vipwarden/vipwarden.yaml\n.SH DESCRIPTION\n"
    text += "Read by the agent, the exporter and notify. What is wrong is refused with file, line and key.\n"
    sections = {title: getattr(module(place), name) for title, (place, name) in _KEYS.items()}
    sections |= {f"checks: of check: {name}": registry.load(name) for name in registry.names()}
    for title, function in sections.items():
        about, known = usage.descriptions(function), options.options(function)
        terms = [(f"{name}:", usage.meaning(option, about.get(name, ""))) for name, option in known.items()]
        text += f".SH {title.upper()}\n{items(terms)}"
    weight = cleandoc(module("vipwarden.config.weight").Weight.__doc__).replace("``", "")
    text += f".SH WEIGHT\n{paragraphs(weight)}.SH EXAMPLE\n.nf\n{escaped(EXAMPLE)}.fi\n"
    also = ("vipwarden (1)", "vipwarden\\-agent (1)", "vipwarden\\-exporter (1)", "notify (8)", "keepalived.conf (5)")
    return f"{text}.SH SEE ALSO\n" + ",\n".join(f".BR {page}" for page in also) + "\n"


def write(folder: Path, name: str, section: int, text: str) -> None:
    """Write a page as distributions want it: compressed, with no time in it."""
    target = folder / f"man{section}" / f"{name}.{section}.gz"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(text.encode(), mtime=0))


def main(code: Path, folder: Path) -> None:
    """Write them all."""
    sys.path[:0] = [str(code), str(code / "vendor")]
    time = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), UTC)
    head = f'"{time:%Y-%m-%d}" "vipwarden {module("vipwarden").VERSION}" "vipwarden"'
    for command in commands(code):
        if command.name.count(" ") < 2:  # of a check by hand there is the page of its commands
            section = 8 if command.is_script else 1
            write(folder, command.page, section, page(command, section, head))
    for script in SHELL:
        name = Path(script).name
        write(folder, name, 8, script_page(name, (_SOURCE / script).read_text(), head))
    write(folder, "vipwarden.yaml", 5, yaml_page(head))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
