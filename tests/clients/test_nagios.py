"""Does a real Nagios see with our command definitions what there is to see?"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.clients.nagios import Nagios
from tests.clients.node import ADDRESS, CONSTANT, PAGE, PORT, PROGRAM, folder, plugins, until, web
from tests.commands import CODE, program
from tests.servers.mariadb import MariaDB, mariadb

if TYPE_CHECKING:
    from collections.abc import Iterator

OK, WARNING, CRITICAL, UNKNOWN = range(4)
DEFINITIONS = CODE / "packaging" / "nagios"
NRPE = "/etc/nagios-plugins/config/check_nrpe.cfg"
DIGEST = hashlib.md5(PAGE.encode()).hexdigest()
# as an operator has to write them there: \! and $$ and \; for themselves
REGEX = r"-u /index.html -r '^It costs 5[$$] per hit\; cheap\!'"

# what follows the web server: service, check_command
FOLLOWING = {
    "port": f"check_vipwarden_port!-p {PORT} -w 5 -c 8",
    "port at": f"check_vipwarden_port_at!{ADDRESS}!-p {PORT}",
    "port time": f"check_vipwarden_port_time!{PORT}!5!8",
    "answer": f"check_vipwarden_http_page!-p {PORT} -u /index.html",
    "answer at": f"check_vipwarden_http_page_at!{ADDRESS}!-p {PORT} -u /index.html",
    "page": f"check_vipwarden_http_digest!-p {PORT} {REGEX}",
    "page at": f"check_vipwarden_http_digest_at!{ADDRESS}!-p {PORT}",
    "page short": f"check_vipwarden_http_status!{PORT}!/index.html!200",
    "page right": f"check_vipwarden_http_right!{PORT}!/index.html!{DIGEST}",
    "process": f"check_vipwarden_process!-C {PROGRAM} -w 1:1",
    "running": f"check_vipwarden_process_running!{PROGRAM}",
}
# what does not: service, check_command, state and what is said; PORT3306 and FOLDER stand for what they are
CONSTANTS = {
    "late": ("check_vipwarden_port!-p PORT3306 -w @0:9", WARNING, "is open"),
    "lives": ("check_vipwarden_mysql_alive!PORT3306", OK, "is alive: it refused the login"),
    "certificate": ("check_vipwarden_tls!-p PORT3306 --starttls mysql --insecure", OK, "unverified certificate"),
    "certificate at": ("check_vipwarden_tls_at!localhost!-p PORT3306 --starttls mysql", CRITICAL, "is not valid"),
    "days": ("check_vipwarden_tls_days!PORT3306!db.test!21:!7:", CRITICAL, "no TLS with"),
    "mysql": ("check_vipwarden_mysql_ping!-p PORT3306 -n", OK, "is alive: it refused the login"),
    "mysql at": ("check_vipwarden_mysql_ping_at!FOLDER/s!-f FOLDER/my.cnf", OK, "answered the ping"),
    "mysql login": ("check_vipwarden_mysql_login!FOLDER/my.cnf", OK, "answered the ping"),
    "no login": ("check_vipwarden_mysql_ping!-p PORT3306", CRITICAL, "nobody (give -u)"),
    "no option": ("check_vipwarden_port!--portt 80", UNKNOWN, "there is no option '--portt'"),
    "no argument": ("check_vipwarden_port_time!80!!1", UNKNOWN, "--warning wants a value"),
}


@pytest.fixture(scope="module")
def where() -> Iterator[Path]:
    """Install the plugins."""
    with folder() as made:
        plugins(made)
        yield made


@pytest.fixture(scope="module")
def database() -> Iterator[MariaDB]:
    """Run a MariaDB with an account, and a defaults file for it."""
    with mariadb() as server:
        server.query("create user watcher identified by 'secret'")
        credentials = server.folder / "my.cnf"
        credentials.write_text(f"[client]\nuser=watcher\npassword=secret\nport={server.port}\n")
        credentials.chmod(0o644)  # Nagios is another user
        yield server


def test_a_server_that_stops_and_comes_back_is_seen_in_status_dat(where: Path, database: MariaDB) -> None:
    """OK, CRITICAL, OK with perfdata, by the commands that we define; and UNKNOWN for what cannot be asked."""
    constants = {
        name: command.replace("PORT3306", str(database.port)).replace("FOLDER", str(database.folder))
        for name, (command, *_) in CONSTANTS.items()
    }
    definitions = (DEFINITIONS / "vipwarden.cfg").read_text()
    used = {command.partition("!")[0] for command in (FOLLOWING | constants).values()}
    assert used <= set(re.findall(r"command_name +(\S+)", definitions))

    nagios = Nagios(where / "nagios", where / "plugins")
    nagios.add("vipwarden.cfg", definitions)
    nagios.add_host("web", ADDRESS, FOLLOWING, 1)
    nagios.add_host("database", "127.0.0.1", constants, CONSTANT)
    nagios.verify()

    def all_are(state: int) -> bool:
        seen = nagios.status()
        return all(name in seen and seen[name].state == state for name in FOLLOWING)

    (where / "web").mkdir()
    with nagios.running():
        with web(where / "web"):
            until(lambda: all_are(OK) and nagios.status().keys() >= constants.keys(), tell=nagios.tell)
            well = nagios.status()
        until(lambda: all_are(CRITICAL), tell=nagios.tell)
        ill = nagios.status()
        with web(where / "web"):
            until(lambda: all_are(OK), tell=nagios.tell)

    for name, (_, state, words) in CONSTANTS.items():
        assert (well[name].state, words in well[name].output) == (state, True), (name, well[name])
    assert re.fullmatch(r"time=[0-9.]+s;5;8;0;10", well["port"].perfdata)
    assert re.fullmatch(rf"size={len(PAGE)}B;;;0;16777216 time=[0-9.]+s;;;0;10", well["page"].perfdata)
    assert "regex matched" in well["page"].output
    assert re.fullmatch(r"age=[0-9.]+s;;;0 processes=1;1:1;1:;0 rss=[0-9]+B;;;0", well["process"].perfdata)
    assert ill["port"].output.startswith(f"PORT CRITICAL - {ADDRESS}:{PORT} is closed (Connection refused)")
    assert ill["process"].output == f"PROCESS CRITICAL - no process {PROGRAM}"
    assert ill["process"].perfdata == "processes=0;1:1;1:;0"
    assert list((nagios.folder / "run" / "verdict").iterdir())  # Nagios hands its environment on


def test_the_example_and_the_page_are_valid_without_a_warning(where: Path) -> None:
    """By `nagios4 -v`, with the check_nrpe command of its package; nothing of it runs."""
    nagios = Nagios(where / "example", where / "plugins")
    for path in (DEFINITIONS / "vipwarden.cfg", DEFINITIONS / "services.cfg", Path(program(NRPE))):
        nagios.add(path.name, path.read_text())
    page = (CODE / "docs" / "nagios.md").read_text()
    nagios.add("page.cfg", "\n".join(re.findall(r"```nagios\n(.*?)```", page, re.DOTALL)))
    said = nagios.verify()
    assert re.search(r"Checked [1-9][0-9]* services", said)
