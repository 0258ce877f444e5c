"""What do Nagios, Icinga and NRPE need to know of the checks? Written from the signatures, so that nothing is missing.

    python packaging/clients.py [--into FOLDER] [--plugins FOLDER]

Writes packaging/nagios/vipwarden.cfg, packaging/icinga/vipwarden.conf and packaging/nrpe/vipwarden.cfg, and the tables
of docs/icinga.md and docs/nagios.md between their marks. Only NRPE must be told where the plugins lie.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

from nagios_plugins.check import front_end  # noqa: E402
from vipwarden.core.options import options  # noqa: E402
from vipwarden.core.registry import load, names  # noqa: E402
from vipwarden.core.usage import descriptions, summary  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

    from vipwarden.core.options import Option

PLUGINS = "/usr/lib64/nagios/plugins"
_HEAD = "written by packaging/clients.py from the checks' signatures: make clients"
_LEFT_OUT = ("help", "version", "password")  # the last is always refused: it stands in a defaults file
_LIMIT = 60  # seconds until Icinga ends a plugin; each plugin ends itself long before that

# Nagios by places in the argument: name, plugin, options, and what it is for
SHORT = (
    ("process_running", "process", "-C '$ARG1$'", "NAME"),
    ("port_time", "port", "-H '$HOSTADDRESS$' -p '$ARG1$' -w '$ARG2$' -c '$ARG3$'", "PORTS!WARNING!CRITICAL"),
    ("http_page", "http_digest", "-H '$HOSTADDRESS$' -p '$ARG1$' -u '$ARG2$' -e '$ARG3$'", "PORT!PATH!STATUSES"),
    ("http_right", "http_digest", "-H '$HOSTADDRESS$' -p '$ARG1$' -u '$ARG2$' --digest '$ARG3$'", "PORT!PATH!DIGEST"),
    ("mysql_login", "mysql_ping", "-H '$HOSTADDRESS$' -f '$ARG1$'", "DEFAULTS_FILE"),
    ("mysql_alive", "mysql_ping", "-H '$HOSTADDRESS$' -p '$ARG1$' -n", "PORT"),
)

# NRPE takes no arguments, as it should be; -t stays below the 10 s after which check_nrpe gives up
NRPE = {
    "keepalived": "check_process -C keepalived -t 8",
    "haproxy": "check_process -C haproxy -t 8",
    "http": "check_port -H 127.0.0.1 -p 80 -w 0.5 -c 2 -t 8",
    "https": "check_port -H 127.0.0.1 -p 443 -w 0.5 -c 2 -t 8",
    "page": "check_http_digest -H 127.0.0.1 -u /health -w 0.5 -c 2 -t 8",
    "mysql": "check_mysql_ping -f /etc/vipwarden/mysql.cnf -w 0.5 -c 2 -t 8",
}


def known(check: str) -> tuple[dict[str, Option], dict[str, str], str]:
    """Return the options of a check's plugin that may be given, what is said of each, and what the check asks."""
    function = load(check)
    found = {name: one for name, one in options(function, front_end).items() if name not in _LEFT_OUT}
    return found, descriptions(function) | descriptions(front_end), summary(function).partition("\n")[0]


def variable(check: str, option: Option) -> str:
    """Return the name of Icinga's variable for an option."""
    return f"vipwarden_{check}_{option.name}"


def icinga() -> str:
    """Return the CheckCommands for Icinga's template library."""
    text = f"/* {_HEAD}\n * Every variable: docs/icinga.md */\n\n"
    text += 'if (!globals.contains("VipwardenPluginDir")) {\n\tconst VipwardenPluginDir = PluginDir\n}\n'
    for check in names():
        found, about, asks = known(check)
        text += f'\n// {asks}\nobject CheckCommand "vipwarden_{check}" {{\n'
        text += '\timport "ipv4-or-ipv6"\n\n' if "host" in found else ""
        text += f'\tcommand = [ VipwardenPluginDir + "/check_{check}" ]\n\ttimeout = {_LIMIT}s\n\n\targuments = {{\n'
        for option in found.values():
            lines = [*_value(check, option, found), f"description = {_quoted(about[option.name])}"]
            text += f'\t\t"{option.flag}" = {{\n' + "".join(f"\t\t\t{line}\n" for line in lines) + "\t\t}\n"
        text += "\t}\n\n"
        if "host" in found:
            text += f'\tvars.{variable(check, found["host"])} = "$check_address$"\n'
        text += f"\tvars.{variable(check, found['timeout'])} = {_default(found['timeout'])}\n}}\n"
    return text


def _value(check: str, option: Option, found: dict[str, Option]) -> list[str]:
    macro = f'"${variable(check, option)}$"'
    if option.name == "verbose":  # the one that counts
        return [f"set_if = {macro}", "skip_key = true", f'value = {{{{ "-" + "vvv".substr(0, macro({macro})) }}}}']
    if option.is_flag:
        return [f"set_if = {macro}"]
    lines = [f"value = {macro}"]
    if option.name == "host" and "socket" in found:
        lines.insert(0, f'set_if = {{{{ !macro("${variable(check, found["socket"])}$") }}}}')
    if option.repeats:
        lines.append("repeat_key = true")
    if option.required:
        lines.append("required = true")
    return lines


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _default(option: Option) -> str:
    default = option.default
    return f"{default:g}" if isinstance(default, float) else str(default)


def nagios() -> str:
    """Return the command definitions for Nagios."""
    text = f"# {_HEAD}\n# How to use them: docs/nagios.md. $USER1$ is the folder of the plugins, as in resource.cfg.\n"
    for check in names():
        found, _, asks = known(check)
        text += f"\n# {asks}\n"
        if "host" in found:
            text += _command(check, f"$USER1$/check_{check} -H '$HOSTADDRESS$' $ARG1$")
            text += _command(f"{check}_at", f"$USER1$/check_{check} -H '$ARG1$' $ARG2$")
        else:
            text += _command(check, f"$USER1$/check_{check} $ARG1$")
    text += "\n# Short forms, each of their arguments a macro\n"
    return text + "".join(_command(name, f"$USER1$/check_{check} {line}") for name, check, line, _ in SHORT)


def _command(name: str, line: str) -> str:
    name = f"check_vipwarden_{name}"
    return f"define command {{\n    command_name    {name}\n    command_line    {line}\n}}\n"


def nrpe(plugins: str) -> str:
    """Return command lines for NRPE on a node."""
    text = f"# {_HEAD}\n# No argument comes from outside (dont_blame_nrpe=0): change the lines to what the node runs.\n"
    return text + "".join(f"command[check_vipwarden_{name}]={plugins}/{line}\n" for name, line in NRPE.items())


def icinga_tables() -> str:
    """Return the variables of each CheckCommand."""
    text = ""
    for check in names():
        found, about, asks = known(check)
        text += f"\n### vipwarden_{check}: {asks[0].lower()}{asks[1:]}\n\n"
        text += "| variable | option | meaning |\n|---|---|---|\n"
        for option in found.values():
            cell = about[option.name].replace("\\", "\\\\").replace("|", "\\|")
            text += f"| `{variable(check, option)}` | `{option.flag}` | {cell}{_note(option, found)} |\n"
    return text


def _note(option: Option, found: dict[str, Option]) -> str:
    if option.name == "host":
        return f"; `$check_address$` by default{', none with a socket' if 'socket' in found else ''}"
    if option.name == "verbose":
        return "; a number from 0 to 3"
    if option.is_flag:
        return "; true or false"
    if option.repeats:
        return "; a text or an array"
    return f" (default {_default(option)})" if option.default not in (None, ()) else ""


def nagios_tables() -> str:
    """Return each command of Nagios with its arguments."""
    text = "\n| check_command | runs |\n|---|---|\n"
    for check in names():
        if "host" in known(check)[0]:
            text += f"| `check_vipwarden_{check}!OPTIONS` | `check_{check} -H HOSTADDRESS OPTIONS` |\n"
            text += f"| `check_vipwarden_{check}_at!HOST!OPTIONS` | `check_{check} -H HOST OPTIONS` |\n"
        else:
            text += f"| `check_vipwarden_{check}!OPTIONS` | `check_{check} OPTIONS` |\n"
    for name, check, line, given in SHORT:
        for number, word in enumerate(given.split("!"), 1):
            line = line.replace(f"'$ARG{number}$'", word)  # noqa: PLW2901 - word by word
        plain = line.replace("'$HOSTADDRESS$'", "HOSTADDRESS")
        text += f"| `check_vipwarden_{name}!{given}` | `check_{check} {plain}` |\n"
    return text


def between_marks(page: str, table: str) -> str:
    """Return a page with what stands between its marks replaced."""
    marked = re.compile(r"(<!-- written by make clients -->\n).*(\n<!-- end -->)", re.DOTALL)
    if not marked.search(page):
        sys.exit("clients: the page has lost the marks of its table")
    return marked.sub(lambda found: f"{found[1]}{table}{found[2]}", page)


def main() -> None:
    """Write all that depends on the signatures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, default=ROOT, help="where packaging/ and docs/ are written")
    parser.add_argument("--plugins", default=PLUGINS, help="where the plugins lie, for NRPE")
    given = parser.parse_args()
    pages: dict[str, Callable[[], str]] = {"docs/icinga.md": icinga_tables, "docs/nagios.md": nagios_tables}
    texts = {page: between_marks((ROOT / page).read_text(), table()) for page, table in pages.items()}
    texts["packaging/icinga/vipwarden.conf"] = icinga()
    texts["packaging/nagios/vipwarden.cfg"] = nagios()
    texts["packaging/nrpe/vipwarden.cfg"] = nrpe(given.plugins)
    for path, text in texts.items():
        target = given.into / path
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_name(f".{target.name}.new")
        aside.write_text(text)
        aside.replace(target)
        print(target)


if __name__ == "__main__":
    main()
