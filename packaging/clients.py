"""What do Nagios, Icinga and NRPE need to know of the checks? Written from the signatures, so nothing is missing.

The docstring of a check's module may add, each on a line of its own, a short form for Nagios, whose words are its
arguments in their order, and command lines for NRPE on a node:

    Nagios port_time!PORTS!WARNING: -p PORTS -w WARNING
    NRPE http: -H 127.0.0.1 -p 80

Only NRPE needs the folder of the plugins, which packages replace.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from markdown import filled, table

from nagios_plugins.check import front_end
from vipwarden.core.options import options
from vipwarden.core.registry import load, names
from vipwarden.core.usage import default, descriptions, summary

if TYPE_CHECKING:
    from vipwarden.core.options import Option

PLUGINS = "/usr/lib64/nagios/plugins"
_ROOT = Path(__file__).resolve().parent.parent
_HEAD = "written from the checks' signatures: make generate"
_LEFT_OUT = ("help", "version", "password")  # the last is always refused: it stands in a defaults file
_LIMIT = 60  # seconds until Icinga ends a plugin; each plugin ends itself long before that
_NRPE_LIMIT = "-t 8"  # below the 10 s after which check_nrpe gives up


class Short(NamedTuple):
    """A command of the docstring of a check: its arguments, and the options of the plugin with these in them."""

    name: str
    check: str
    arguments: list[str]
    options: str


def shorts(client: str) -> list[Short]:
    """Return the commands that the checks have for a client, Nagios or NRPE."""
    commands = []
    for check in names():
        text = sys.modules[load(check).__module__].__doc__ or ""
        for name, line in re.findall(rf"^{client} (\S+): (.+)$", text, re.MULTILINE):
            word, *arguments = name.split("!")
            if word in (*(names() if client == "Nagios" else ()), *(command.name for command in commands)):
                sys.exit(f"checks/{check}.py: {client} {word} is the name of another command")
            commands.append(Short(word, check, arguments, line))
    return commands


def known(check: str) -> tuple[dict[str, Option], dict[str, str], str]:
    """Return the options of a check's plugin that may be given, their meaning, and what the check asks."""
    function = load(check)
    plugin = {name: one for name, one in options(function, front_end).items() if name not in _LEFT_OUT}
    return plugin, descriptions(function, front_end), summary(function).partition("\n")[0]


def variable(check: str, option: Option) -> str:
    """Return the name of Icinga's variable for an option."""
    return f"vipwarden_{check}_{option.name}"


def icinga() -> str:
    """Return the CheckCommands for Icinga's template library."""
    text = f"/* {_HEAD}\n * Every variable: docs/icinga.md */\n\n"
    text += 'if (!globals.contains("VipwardenPluginDir")) {\n\tconst VipwardenPluginDir = PluginDir\n}\n'
    for check in names():
        plugin, about, asks = known(check)
        text += f'\n// {asks}\nobject CheckCommand "vipwarden_{check}" {{\n'
        text += '\timport "ipv4-or-ipv6"\n\n' if "host" in plugin else ""
        text += f'\tcommand = [ VipwardenPluginDir + "/check_{check}" ]\n\ttimeout = {_LIMIT}s\n\n\targuments = {{\n'
        for option in plugin.values():
            lines = [*_value(check, option, plugin), f"description = {_quoted(about[option.name])}"]
            text += f'\t\t"{option.flag}" = {{\n' + "".join(f"\t\t\t{line}\n" for line in lines) + "\t\t}\n"
        text += "\t}\n\n"
        if "host" in plugin:
            text += f'\tvars.{variable(check, plugin["host"])} = "$check_address$"\n'
        text += f"\tvars.{variable(check, plugin['timeout'])} = {default(plugin['timeout'])}\n}}\n"
    return text


def _value(check: str, option: Option, plugin: dict[str, Option]) -> list[str]:
    macro = f'"${variable(check, option)}$"'
    if option.name == "verbose":  # the one that counts
        return [f"set_if = {macro}", "skip_key = true", f'value = {{{{ "-" + "vvv".substr(0, macro({macro})) }}}}']
    if option.is_flag:
        return [f"set_if = {macro}"]
    lines = [f"value = {macro}"]
    if option.name == "host" and "socket" in plugin:
        lines.insert(0, f'set_if = {{{{ !macro("${variable(check, plugin["socket"])}$") }}}}')
    if option.repeats:
        lines.append("repeat_key = true")
    if option.required:
        lines.append("required = true")
    return lines


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def nagios() -> str:
    """Return the command definitions for Nagios."""
    text = f"# {_HEAD}\n# How to use them: docs/nagios.md. $USER1$ is the folder of the plugins, as in resource.cfg.\n"
    for check in names():
        plugin, _, asks = known(check)
        text += f"\n# {asks}\n"
        if "host" in plugin:
            text += _command(check, f"$USER1$/check_{check} -H '$HOSTADDRESS$' $ARG1$")
            text += _command(f"{check}_at", f"$USER1$/check_{check} -H '$ARG1$' $ARG2$")
        else:
            text += _command(check, f"$USER1$/check_{check} $ARG1$")
    text += "\n# Short forms, each of their arguments a macro\n"
    for short in shorts("Nagios"):
        line = short.options
        for number, word in enumerate(short.arguments, 1):
            line = re.sub(rf"\b{word}\b", f"'$ARG{number}$'", line)
        host = "-H '$HOSTADDRESS$' " if "host" in known(short.check)[0] else ""
        text += _command(short.name, f"$USER1$/check_{short.check} {host}{line}")
    return text


def _command(name: str, line: str) -> str:
    name = f"check_vipwarden_{name}"
    return f"define command {{\n    command_name    {name}\n    command_line    {line}\n}}\n"


def nrpe() -> str:
    """Return command lines for NRPE on a node."""
    text = f"# {_HEAD}\n# No argument comes from outside (dont_blame_nrpe=0): change the lines to what the node runs.\n"
    for short in shorts("NRPE"):
        text += f"command[check_vipwarden_{short.name}]={PLUGINS}/check_{short.check} {short.options} {_NRPE_LIMIT}\n"
    return text


def icinga_tables() -> str:
    """Return the variables of each CheckCommand."""
    text = ""
    for check in names():
        plugin, about, asks = known(check)
        text += f"\n### vipwarden_{check}: {asks[0].lower()}{asks[1:]}\n\n"
        text += "| variable | option | meaning |\n|---|---|---|\n"
        for option in plugin.values():
            cell = about[option.name].replace("\\", "\\\\").replace("|", "\\|")
            text += f"| `{variable(check, option)}` | `{option.flag}` | {cell}{_note(option, plugin)} |\n"
    return text


def _note(option: Option, plugin: dict[str, Option]) -> str:
    if option.name == "host":
        return f"; `$check_address$` by default{', none with a socket' if 'socket' in plugin else ''}"
    if option.name == "verbose":
        return "; a number from 0 to 3"
    if option.is_flag:
        return "; true or false"
    if option.repeats:
        return "; a text or an array"
    return f" (default {default(option)})" if default(option) else ""


def nagios_table() -> str:
    """Return each command of Nagios with its arguments."""
    rows = []
    for check in names():
        if "host" in known(check)[0]:
            rows.append((f"`check_vipwarden_{check}!OPTIONS`", f"`check_{check} -H HOSTADDRESS OPTIONS`"))
            rows.append((f"`check_vipwarden_{check}_at!HOST!OPTIONS`", f"`check_{check} -H HOST OPTIONS`"))
        else:
            rows.append((f"`check_vipwarden_{check}!OPTIONS`", f"`check_{check} OPTIONS`"))
    for short in shorts("Nagios"):
        host = "-H HOSTADDRESS " if "host" in known(short.check)[0] else ""
        name = "!".join([short.name, *short.arguments])
        rows.append((f"`check_vipwarden_{name}`", f"`check_{short.check} {host}{short.options}`"))
    return table(("check_command", "runs"), rows)


def nrpe_table() -> str:
    """Return each command of NRPE."""
    rows = [(f"`check_vipwarden_{one.name}`", f"`check_{one.check} {one.options}`") for one in shorts("NRPE")]
    return table(("command", "runs"), rows)


def files() -> dict[str, str]:
    """Return each file, and each page with its tables, by its path."""
    pages = {"docs/icinga.md": {"variables": icinga_tables()}}
    pages["docs/nagios.md"] = {"commands": nagios_table(), "NRPE": nrpe_table()}
    texts = {page: filled(page, (_ROOT / page).read_text("utf-8"), parts) for page, parts in pages.items()}
    texts["packaging/icinga/vipwarden.conf"] = icinga()
    texts["packaging/nagios/vipwarden.cfg"] = nagios()
    texts["packaging/nrpe/vipwarden.cfg"] = nrpe()
    return texts
