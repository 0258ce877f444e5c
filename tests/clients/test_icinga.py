"""Does a real Icinga see with our template library what there is to see, and pass every variable on?"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from nagios_plugins.check import front_end
from tests.clients.icinga import Icinga
from tests.clients.node import ADDRESS, CONSTANT, PORT, PROGRAM, folder, plugins, until, web
from tests.clients.test_definitions import ASIDE
from tests.clients.variables import CRITICAL, OK, TLS_PORT, UNKNOWN, Row, Value, rows
from tests.commands import CODE
from tests.servers.certificate import self_signed
from tests.servers.mariadb import mariadb
from vipwarden.core.options import options
from vipwarden.core.registry import load, names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

LIBRARY = CODE / "packaging" / "icinga" / "vipwarden.conf"
NODE = f'object Host "node" {{\n  check_command = "passive"\n  address = "{ADDRESS}"\n}}\n'


@pytest.fixture(scope="module")
def where() -> Iterator[Path]:
    """Install the plugins."""
    with folder() as made:
        plugins(made)
        yield made


def _service(name: str, check: str, variables: Mapping[str, Value], interval: float) -> str:
    text = f'object Service "{name}" {{\n  host_name = "node"\n  check_command = "vipwarden_{check}"\n'
    text += f"  check_interval = {interval}\n  retry_interval = {interval}\n  max_check_attempts = 1\n"
    for variable, value in variables.items():
        text += f"  vars.vipwarden_{check}_{variable} = {json.dumps(value)}\n"
    return text + "}\n"


def test_a_server_that_stops_and_comes_back_is_seen_by_the_api(where: Path) -> None:
    """OK, CRITICAL, OK with perfdata; the plugins lie where VipwardenPluginDir says."""
    services: dict[str, tuple[str, dict[str, Value]]] = {
        "port": ("port", {"port": PORT, "warning": 5, "critical": "8"}),
        "page": ("http_digest", {"port": PORT, "regex": "cheap"}),
        "process": ("process", {"command": PROGRAM, "warning": "1:1"}),
    }
    wrong = _service("wrong", "port", {"port": 70000}, CONSTANT) + _service("empty", "port", {"port": ""}, CONSTANT)
    objects = NODE + wrong + "".join(_service(name, *of, 0.5) for name, of in services.items())
    constants = f'const PluginDir = "/nonexistent"\nconst VipwardenPluginDir = "{where}/plugins"'
    icinga = Icinga(where / "states", LIBRARY, constants, objects)

    def all_are(state: int) -> bool:
        seen = icinga.results()
        return all(name in seen and seen[name]["state"] == state for name in services)

    def told() -> str:
        return f"{icinga.log()}\n{icinga.results()}"

    (where / "web").mkdir()
    with icinga.running():
        with web(where / "web"):
            icinga.check_all()
            until(lambda: all_are(OK) and len(icinga.results()) == len(services) + 2, tell=told)
            well = icinga.results()
        until(lambda: all_are(CRITICAL), tell=told)
        ill = icinga.results()
        with web(where / "web"):
            until(lambda: all_are(OK), tell=told)

    assert well["port"]["command"][0] == f"{where}/plugins/check_port"
    (time,) = well["port"]["performance_data"]
    assert re.fullmatch(r"time=[0-9.]+s;5;8;0;10", time)
    assert [one.partition("=")[0] for one in well["page"]["performance_data"]] == ["size", "time"]
    assert "regex matched" in well["page"]["output"]
    age, processes, rss = well["process"]["performance_data"]
    assert (processes, age[:4], rss[:4]) == ("processes=1;1:1;1:;0", "age=", "rss=")
    assert ill["port"]["output"].startswith(f"PORT CRITICAL - {ADDRESS}:{PORT} is closed (Connection refused)")
    assert ill["process"]["performance_data"] == ["processes=0;1:1;1:;0"]
    assert list((icinga.folder / "run" / "verdict").iterdir())  # Icinga hands its environment on
    for name, words in (("wrong", "--port '70000': ports are numbers"), ("empty", "--port wants a value")):
        assert (well[name]["state"], words in well[name]["output"]) == (UNKNOWN, True), well[name]


def test_every_variable_reaches_the_command_line(where: Path) -> None:
    """One service for each option: the command that ran, in any order, and its exit code; by Icinga's own PluginDir."""
    page = where / "table"
    page.mkdir()
    certificate, key = self_signed(page)
    over_tls = f"listen {ADDRESS}:{TLS_PORT} ssl; ssl_certificate {certificate}; ssl_certificate_key {key};"
    with mariadb() as database, web(page, f"server {{ {over_tls} }}"):
        database.query("create user watcher identified by 'secret'")
        defaults = database.folder / "my.cnf"
        defaults.write_text("[client]\nuser=watcher\npassword=secret\n[wrong]\npassword=other\n")
        defaults.chmod(0o600)
        table = rows(page, certificate, database)
        assert table.keys() <= set(names())
        for check, of in table.items():
            assert of.keys() == options(load(check), front_end).keys() - ASIDE - {"via"}  # wants a director
        services = {f"{check} {name}": (check, row) for check, of in table.items() for name, row in of.items()}
        objects = NODE + "".join(_service(name, check, row[0], CONSTANT) for name, (check, row) in services.items())
        icinga = Icinga(where / "variables", LIBRARY, f'const PluginDir = "{where}/plugins"', objects)
        with icinga.running():
            icinga.check_all()
            until(lambda: len(icinga.results()) == len(services), tell=icinga.log)
            results = icinga.results()
    for name, (check, row) in services.items():
        path, *given = results[name]["command"]
        assert path == f"{where}/plugins/check_{check}"
        assert _pairs(given) == _pairs([*row.words, *_defaults(check, row)]), name
        assert results[name]["exit_status"] == row.code, (name, results[name])
    assert "warning/" not in icinga.log()


def _defaults(check: str, row: Row) -> Iterator[str]:
    """Return what is passed without a variable of the service."""
    if "timeout" not in row.variables:
        yield from ("--timeout", "10")
    if check != "process" and not row.variables.keys() & {"host", "socket"}:
        yield from ("--host", ADDRESS)


def _pairs(words: list[str]) -> list[list[str]]:
    """Return options with their values, sorted: Icinga has an order of its own."""
    found: list[list[str]] = []
    for word in words:
        if word.startswith(("--", "-v")):
            found.append([word])
        else:
            found[-1].append(word)
    return sorted(found)


def test_the_page_is_valid_as_a_configuration(where: Path) -> None:
    """All its examples together, beside the whole library of Icinga, where nothing may have the name of ours."""
    page = (CODE / "docs" / "icinga.md").read_text()
    examples = re.findall(r"```icinga2\n(.*?)```", page, re.DOTALL)
    assert examples
    constants = f'const PluginDir = "{where}/plugins"\nconst PluginContribDir = PluginDir\n'
    constants += "const ManubulonPluginDir = PluginDir\n"
    more = "include <plugins-contrib>\ninclude <manubulon>\ninclude <nscp>\n"
    Icinga(where / "valid", LIBRARY, constants, more + "\n".join(examples)).validate()
