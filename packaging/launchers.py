"""Writes the commands: launchers that start in about the time of a bare interpreter.

A console script of pip imports the site module and re before our first line. A launcher starts an isolated interpreter
(-I) without site (-S), with the folders that it needs, and calls one function.

    python packaging/launchers.py --python PYTHON --code FOLDER [--libraries FOLDER] BIN

Packages put them into folders of their own, --plugins and --scripts, and reach the code by a link, --current: during an
upgrade each run sees one whole version (packaging/setup.sh). That may be the version before or after its own, so module
and function of a command never change.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

_LAUNCHER = """\
#!{python} -IS{flags}
import sys
{path}
from {module} import {function}
{function}({check})
"""
_BUNDLE = """

try:  # all modules at once: keepalived_scripts/bundle.py
    from marshal import loads
    from posix import open, read
    bundle = f"{{sys.path[0]}}/__pycache__/{name}.{{sys.implementation.cache_tag}}"
    load, entries = loads(read(open(bundle, 0), 1 << 20))
    type(lambda: 0)(load, {{}})(sys.path[0], entries)
except Exception:  # there is none, or half of one: one by one
    pass"""
_FIXED = "sys.path[:0] = {folders!r}"
_LINKED = """\
from posix import readlink
code = readlink({link!r})
sys.path[:0] = [{folders}]"""


# Commands that are no front end of one check: module and first argument, if any.
_SCRIPTS = {
    "chk_service": ("keepalived_scripts.service.main", "service"),
    "chk_haproxy": ("keepalived_scripts.service.main", "haproxy"),
    "notify": ("keepalived_scripts.notify.main", ""),
    "realserver": ("keepalived_scripts.realserver.main", ""),
    "vipwarden": ("cli.main", ""),
}
SHELL = ("keepalived_scripts/chk_verdict",)  # needs no interpreter of ours


def launchers(code: Path) -> dict[str, tuple[str, str]]:
    """Return module and check of each command by its name: two for each check, and the others."""
    commands = {}
    for check in sorted(path.stem for path in (code / "checks").glob("[!_]*.py")):
        commands[f"check_{check}"] = ("nagios_plugins.check", check)
        if f"keepalived_scripts/chk_{check}" not in SHELL:
            commands[f"chk_{check}"] = ("keepalived_scripts.chk", check)
    return commands | _SCRIPTS  # a script whose name a check has too goes before it


def entry_points(code: Path) -> dict[str, str]:
    """Return the commands of a plain wheel by name, each with its function; other names are too common for a PATH."""
    names = sorted(name for name in launchers(code) if name.startswith(("chk_", "check_")))
    return {"vipwarden": "cli.main:entry"} | {name: f"cli.entry:{name}" for name in names}


def kind(name: str) -> str:
    """Return which folder a command belongs into: plugins, scripts (keepalived's) or bin."""
    return "bin" if name == "vipwarden" else "plugins" if name.startswith("check_") else "scripts"


def write(target: Path, text: str) -> None:
    """Write one executable aside and rename it, so that no run ever meets half of it."""
    aside = target.with_name(f".{target.name}.new")
    aside.write_text(text)
    aside.chmod(0o755)
    aside.replace(target)


def main() -> None:
    """Write every launcher into one folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", required=True, help="the interpreter, by its whole path")
    parser.add_argument("--code", type=Path, required=True, help="the folder that holds checks/ and the others")
    parser.add_argument("--libraries", type=Path, help="the folder of the vendored or installed libraries")
    parser.add_argument("--current", help="the link that will lead to the code, with its libraries in vendor/")
    parser.add_argument("--flags", default="", help="more one-letter flags of the interpreter, such as B")
    parser.add_argument("--plugins", type=Path, help="where to write check_NAME, if not into BIN")
    parser.add_argument("--scripts", type=Path, help="where to write what keepalived runs, if not into BIN")
    parser.add_argument("bin", type=Path, help="where to write them")
    given = parser.parse_args()
    if not given.python.startswith("/") or shlex.quote(given.python) != given.python or len(given.python) > 200:
        sys.exit(f"launchers: {given.python!r} cannot stand in a #! line")
    folders = {"bin": given.bin, "plugins": given.plugins or given.bin, "scripts": given.scripts or given.bin}
    code = given.code.resolve()
    libraries = given.libraries and given.libraries.resolve()
    for script in SHELL:
        write(folders["scripts"] / script.rpartition("/")[2], (code / script).read_text())
    for name, (module, check) in launchers(code).items():
        # what keepalived runs needs no library at all
        alone = name.startswith("chk_") or name == "realserver"
        if given.current:
            path = _LINKED.format(link=given.current, folders="code" if alone else "code, code + '/vendor'")
        else:
            path = _FIXED.format(folders=[str(folder) for folder in (code, None if alone else libraries) if folder])
        if name.startswith("chk_"):
            path += _BUNDLE.format(name=name)
        function, call = ("main", f"{check!r}, sys.argv[1:]") if check else ("entry", "")
        text = _LAUNCHER.format(
            python=given.python, flags=given.flags, path=path, module=module, function=function, check=call
        )
        write(folders[kind(name)] / name, text)
    sys.stdout.write(f"{len(launchers(code)) + len(SHELL)} commands in {given.bin}\n")


if __name__ == "__main__":
    main()
