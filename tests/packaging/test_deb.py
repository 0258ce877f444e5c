"""What do the Debian packages make of a Debian, on Python 3.11 and 3.13?"""

from __future__ import annotations

import os
import re
import shutil
import socket
from typing import TYPE_CHECKING

import pytest

from tests.commands import program
from tests.docs.pages import dead
from tests.packaging.building import NEXT, build, copy, packages, run
from tests.packaging.roots import PYTHONS, Root, root
from vipwarden import VERSION
from vipwarden.core.registry import names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ALL = ("nagios-plugins-vipwarden", "vipwarden-agent", "vipwarden-exporter", "vipwarden-keepalived", "vipwarden")
PLUGINS = "/usr/lib/nagios/plugins"
# what dpkg and the group's creation leave behind in any root
OTHERS = re.compile(
    r"/(var/(lib|cache|log)/(dpkg|apt|systemd|ucf)|etc/(group|gshadow|passwd|shadow|subgid)-?$|run/|tmp)"
)


def install(place: Root, folder: Path) -> str:
    """Install all packages of a folder."""
    shutil.copytree(folder, place.path / "packages", dirs_exist_ok=True)
    paths = [f"/packages/{path.name}" for path in folder.glob("*.deb")]
    said = place.run("dpkg", "--install", *paths)
    shutil.rmtree(place.path / "packages")
    return said


@pytest.fixture(scope="module", params=sorted(PYTHONS))
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Root]:
    """Install all packages into a root."""
    scratch = tmp_path_factory.mktemp(request.param)
    found = packages("deb")
    with root(request.param, scratch / "layer") as place:
        before = place.files()
        install(place, found)
        yield place
        story(place, before)


def story(place: Root, before: dict[str, tuple[int, int, int]]) -> None:
    """Upgrade, remove and purge at the end of the tests of a root."""
    edited = place.path / "etc/vipwarden/vipwarden.yaml"
    edited.write_text("checks: {own: {check: port, host: 127.0.0.1, port: 1}}\n")
    install(place, packages("deb", NEXT))
    assert place.run("vipwarden", "--version") == f"vipwarden {NEXT}\n"
    assert edited.read_text().startswith("checks: {own")
    place.run("dpkg", "--remove", *ALL)
    left = {name for name in place.files().keys() - before.keys() if not OTHERS.match(name)}
    assert {name for name in left if not name.startswith("/etc/vipwarden")} == set()
    assert edited.exists()
    place.run("dpkg", "--purge", *ALL)
    assert {name for name in place.files().keys() - before.keys() if not OTHERS.match(name)} == set()


def test_two_builds_give_the_same_packages(tmp_path: Path) -> None:
    """In another folder, by another umask."""
    once = packages("deb")
    source = copy(tmp_path / "elsewhere", source=once.parent)
    umask = os.umask(0o077)
    try:
        again = build(source, "deb")
    finally:
        os.umask(umask)
    for path in sorted(once.glob("*.deb")):
        assert path.read_bytes() == (again / path.name).read_bytes(), path.name
    assert len(list(once.glob("*.deb"))) == 5


def test_lintian_has_nothing_to_say() -> None:
    """But for what the overrides explain."""
    found = sorted(packages("deb").glob("*.deb"))
    assert run(program("lintian"), "--allow-root", "--fail-on", "error,warning", *found) == ""


def test_no_file_lies_in_a_folder_that_is_a_link_of_a_merged_usr() -> None:
    """Later ones of lintian know that as aliased-location, the one of Debian 12 does not."""
    listed = "".join(run("dpkg-deb", "--contents", path) for path in packages("deb").glob("*.deb"))
    assert "./usr/lib/systemd/system/vipwarden-agent.service" in listed
    assert not re.findall(r" \./(?:bin|sbin|lib\w*)/.*", listed)


def test_the_links_of_the_pages_lead_somewhere(node: Root) -> None:
    """Debian would compress the longer pages, and links name them as they are."""
    pages = sorted((node.path / "usr/share/doc/vipwarden").rglob("*.md"))
    assert {"README.md", "CHANGELOG.md", "two-nodes.md"} <= {page.name for page in pages}
    assert [link for page in pages for link in dead(page)] == []


def test_every_command_is_in_its_place_and_starts(node: Root) -> None:
    """Plugins lie where Debian has them, and NRPE is told so."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        where = ("-H", "127.0.0.1", "-p", str(server.getsockname()[1]))
        node.run("/usr/libexec/keepalived/chk_port", *where)
        node.run(f"{PLUGINS}/check_port", *where)
    node.run("/usr/libexec/keepalived/chk_port", *where, code=1)
    node.run(f"{PLUGINS}/check_port", *where, code=2)
    for name in names():
        assert "usage: " in node.run(f"{PLUGINS}/check_{name}", "--help", code=3)
    assert node.run("vipwarden", "--version") == f"vipwarden {VERSION}\n"
    node.run("vipwarden", "agent", "--check-config")
    node.run("vipwarden", "exporter", "--check-config")
    nrpe = (node.path / "usr/share/vipwarden/nrpe/vipwarden.cfg").read_text()
    assert PLUGINS in nrpe
    assert "lib64" not in nrpe


def test_scripts_are_root_s_and_secrets_are_closed(node: Root) -> None:
    """As in the RPMs."""
    for path in (node.path / "usr/libexec/keepalived").iterdir():
        assert (path.lstat().st_mode, path.lstat().st_uid) == (0o100755, 0)
    group = re.search(r"^vipwarden:x:(\d+):", (node.path / "etc/group").read_text(), re.MULTILINE)
    assert group
    for name in ("mysql.cnf", "web-config.yaml"):
        status = (node.path / "etc/vipwarden" / name).stat()
        assert (status.st_mode & 0o7777, status.st_gid) == (0o640, int(group[1]))


def test_the_bytecode_is_that_of_the_node_s_python(node: Root) -> None:
    """One file for each module, beside what runs; the files of the package have none."""
    assert not list((node.path / "usr/lib/vipwarden/code").rglob("*.pyc"))
    code = running(node)
    tag = f".cpython-{node.python.replace('.', '')}.pyc"
    assert len(list(code.rglob(f"*{tag}"))) == len(list(code.rglob("*.pyc"))) == len(list(code.rglob("*.py")))


def running(node: Root) -> Path:
    """Return the folder of the code that the commands run."""
    return node.path / str((node.path / "usr/lib/vipwarden/current").readlink()).lstrip("/")


def triggered(node: Root) -> str:
    """Have the triggers run that a package of Python pulls."""
    node.run("dpkg-trigger", "--by-package=python3", "/usr/bin/python3")
    return node.run("dpkg", "--triggers-only", "--pending")


def test_without_a_python_every_check_fails(node: Root) -> None:
    """A trigger sees it come and go."""
    link = node.path / "usr/libexec/vipwarden/python"
    real = (node.path / "usr/bin/python3").resolve()
    hidden = real.with_name("hidden")
    real.rename(hidden)
    try:
        said = triggered(node)
    finally:
        hidden.rename(real)
    assert "every check fails" in said
    assert str(link.readlink()) == "/usr/libexec/vipwarden/no-python"
    node.run("/usr/libexec/keepalived/chk_process", "-C", "chroot", code=1)
    assert node.run(f"{PLUGINS}/check_process", "-C", "chroot", code=3).startswith("UNKNOWN - no Python 3.11")
    triggered(node)
    assert str(link.readlink()) == "/usr/bin/python3"
