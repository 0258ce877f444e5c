"""Does the doctor judge the paths of scripts as the real keepalived does?"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from doctor.case import Case
from doctor.host import Host
from doctor.program import find
from doctor.tracking import Peers
from tests.commands import program
from tests.doctor.daemon import log
from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.version import Version, installed

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="files of several owners, and keepalived, want root")

NOBODY, GROUP = 65534, 65534


class Row(NamedTuple):
    """A script in a folder: modes and owners of both, its user, a link to it, and the path that is configured."""

    mode: int = 0o755
    folder: int = 0o755
    owner: tuple[int, int] = (0, 0)
    folder_owner: tuple[int, int] = (0, 0)
    user: str = "root"
    link: str = ""
    path: str = "{0}/s.sh"


ROWS = {
    "sound": Row(),
    "file-written-by-group-root": Row(0o775),
    "file-written-by-group": Row(0o775, owner=(0, GROUP)),
    "file-written-by-all": Row(0o757),
    "file-of-nobody": Row(owner=(NOBODY, 0)),
    "sticky-file-written-by-all": Row(0o1757),
    "folder-written-by-group-root": Row(folder=0o775),
    "folder-written-by-group": Row(folder=0o775, folder_owner=(0, GROUP)),
    "folder-written-by-all": Row(folder=0o777),
    "folder-sticky": Row(folder=0o1777),
    "folder-of-nobody": Row(folder_owner=(NOBODY, 0)),
    "not-executable": Row(0o644),
    "executable-by-group-alone": Row(0o710, user="nobody"),
    "missing": Row(path="{0}/none.sh"),
    "a-folder": Row(path="{0}"),
    "below-a-file": Row(path="{0}/s.sh/x"),
    "link-beside": Row(link="{0}/other.sh", path="{0}/other.sh"),
    "link-beside-written-by-all": Row(0o757, link="{0}/other.sh", path="{0}/other.sh"),
    "link-from-a-bad-folder": Row(link="{1}/bad/s.sh", path="{1}/bad/s.sh"),
    "link-from-a-bad-folder-by-another-name": Row(link="{1}/bad/other.sh", path="{1}/bad/other.sh"),
    "folder-is-a-link": Row(link="{0}-link", path="{0}-link/s.sh"),
    "dots": Row(path="{0}/.././{2}//s.sh"),
    "nobody-in-a-bad-folder": Row(folder=0o777, user="nobody"),
    "nobody-of-group-root-in-a-bad-folder": Row(folder=0o777, user="nobody root"),
    "nobody-setuid-root": Row(0o4755, folder=0o777, user="nobody"),
    "nobody-setgid-root": Row(0o2755, folder=0o777, user="nobody"),
    "nobody-shut-out": Row(folder=0o700, user="nobody"),
    "nobody-not-executable": Row(0o744, user="nobody"),
    "nobody-owns-it": Row(0o500, owner=(NOBODY, 0), user="nobody"),
}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Give a folder that nobody may enter as well, unlike pytest's own."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="doctor-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture(scope="module")
def scripts(folder: Path) -> dict[str, str]:
    """Lay the table out and return the configured path of each row."""
    bad = folder / "bad"
    bad.mkdir()
    bad.chmod(0o777)
    paths = {}
    for name, row in ROWS.items():
        inside = folder / name
        inside.mkdir()
        file = inside / "s.sh"
        file.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
        os.chown(file, *row.owner)
        file.chmod(row.mode)
        os.chown(inside, *row.folder_owner)
        inside.chmod(row.folder)
        if row.link:
            Path(row.link.format(inside, folder, name)).symlink_to(inside if row.link.endswith("-link") else file)
        paths[name] = row.path.format(inside, folder, name)
    return paths


def conf(scripts: dict[str, str], security: str) -> str:
    """Return a configuration that tracks every row."""
    text = f"global_defs {{\n {security}\n script_user root\n}}\n"
    for name, path in scripts.items():
        text += f'vrrp_script {name} {{\n script "{path}"\n user {ROWS[name].user}\n interval 60\n}}\n'
    names = "\n".join(scripts)
    text += "vrrp_instance V {\n interface v0\n virtual_router_id 7\n priority 100\n"
    return f"{text} virtual_ipaddress {{\n 192.0.2.1\n }}\n track_script {{\n {names}\n }}\n}}\n"


def doctor(folder: Path, text: str, version: Version | None) -> dict[str, str]:
    """Return the doctor's word on each row."""
    path = folder / "doctor.conf"
    path.write_text(text, encoding="utf-8")
    case = Case(parse(str(path)), Host(), version, Peers())
    words = {}
    for found in case.programs:
        word = "missing" if found.missing else "odd" if found.odd else "unsafe" if found.unsafe else "fine"
        words[found.command.scope.name] = word if found.is_executable or found.missing else "not executable"
    return words


def keepalived(said: str, scripts: dict[str, str]) -> dict[str, str]:
    """Return keepalived's word on each row, out of its log: each row has a folder of its own name."""
    phrases = {
        "cannot be accessed": "missing",
        "could not find": "missing",
        "is not executable": "not executable",
        "Wrong file type": "odd",
        "Unsafe permissions": "unsafe",
    }
    words = dict.fromkeys(scripts, "fine")
    rows = {path: name for name, path in scripts.items() if "/bad/" in path}
    for line in said.splitlines():
        place = re.search(r"/tmp/doctor-[^/]+/([^/' ]+)(?:/[^' ]+)?", line)
        word = next((word for phrase, word in phrases.items() if phrase in line), None)
        if place is not None and word is not None:
            words[rows.get(place[0], place[1].removesuffix("-link"))] = word
    return words


@pytest.mark.parametrize("security", ["enable_script_security", ""])
def test_the_doctor_agrees_with_the_keepalived_that_is_installed(
    folder: Path, scripts: dict[str, str], security: str
) -> None:
    """Row by row: fine, unsafe, missing, not executable, or of a wrong type."""
    program("keepalived")
    text = conf(scripts, security)
    said = log(folder, text, "VRRP sockpool")
    mine, theirs = doctor(folder, text, installed()), keepalived(said, scripts)
    assert {name: (mine[name], theirs[name]) for name in scripts if mine[name] != theirs[name]} == {}
    assert set(theirs.values()) == {"fine", "unsafe", "missing", "not executable", "odd"}
    disabled = len(re.findall("Unsafe permissions found for script .* - disabling", said))
    assert bool(disabled) is bool(security)


def test_from_2_3_0_the_path_is_walked_as_it_is_written(folder: Path, scripts: dict[str, str]) -> None:
    """A link among the folders is a wrong type of file, and the folder that a link lies in counts."""
    words = doctor(folder, conf(scripts, ""), Version("2.3.0"))
    assert words["folder-is-a-link"] == "odd"
    assert words["link-from-a-bad-folder"] == "unsafe"
    assert words["sound"] == words["dots"] == "fine"


def test_each_unsafe_element_is_named(folder: Path) -> None:
    """All of them, so that one round of mending is enough."""
    inside = folder / "named" / "deep"
    inside.mkdir(parents=True)
    (folder / "named").chmod(0o777)
    file = inside / "s.sh"
    file.write_text("#!/bin/sh\n", encoding="utf-8")
    file.chmod(0o777)
    text = f'vrrp_script x {{\n script "{file}"\n}}\n'
    (folder / "one.conf").write_text(text, encoding="utf-8")
    case = Case(parse(f"{folder}/one.conf"), Host(), None, Peers())
    found = find(case.host, case.commands[0], (0, 0), None)
    assert found.unsafe == {
        str(folder / "named"): "is writable by everybody",
        str(file): "is writable by everybody",
    }
