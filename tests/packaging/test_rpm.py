"""What do the RPMs hold, and what do real transactions of dnf make of them on Python 3.11 and 3.13?"""

from __future__ import annotations

import os
import re
import resource
import shutil
import socket
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import pytest

from tests.commands import BIN, CODE, program
from tests.docs.pages import dead
from tests.packaging.building import NEXT, build, copy, packages, run
from tests.packaging.dnf import Dnf, stand_in, system
from tests.packaging.roots import PYTHONS, Root, root
from vipwarden import VERSION
from vipwarden.core.registry import names

if TYPE_CHECKING:
    from collections.abc import Iterator

ALL = ("vipwarden", "nagios-plugins-vipwarden", "vipwarden-keepalived", "vipwarden-agent", "vipwarden-exporter")
NO_PYTHON = "there is no Python 3.11 or later in /usr/bin: every check fails"
LINK = "usr/libexec/vipwarden/python"
# what dnf, rpm and the group's creation leave behind in any root
OTHERS = re.compile(
    r"/(usr/share/licenses$|var/(lib|cache|log)/|root/|etc/(group|gshadow|subgid|passwd|shadow)-?$|tmp|run/|proc|sys)"
)


class Node(Root):
    """A root with dnf and everything installed."""

    dnf: Dnf
    before: dict[str, tuple[int, int, int]]


@pytest.fixture(scope="module", params=sorted(PYTHONS))
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Install all packages into a root by one transaction."""
    scratch = tmp_path_factory.mktemp(request.param)
    offered = packages("rpm")
    with root(request.param, scratch / "layer") as place:
        found = Node(place.path, request.param)
        found.dnf = Dnf(found, scratch / "repository")
        found.dnf.offer(offered, system(scratch, found.python))
        found.dnf("install", "system")
        found.before = found.files()
        said = found.dnf("install", *ALL)
        assert "scriptlet failed" not in said
        yield found


@pytest.fixture
def listening() -> Iterator[str]:
    """Return a port of 127.0.0.1 on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield str(server.getsockname()[1])


def closed() -> str:
    """Return a port on which nobody listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return str(server.getsockname()[1])


def test_two_builds_give_the_same_packages(tmp_path: Path) -> None:
    """In another folder, by another umask, from files of another time."""
    once = packages("rpm")
    source = copy(tmp_path / "elsewhere", source=once.parent)
    for path in source.rglob("*.py"):
        os.utime(path, (1, 1))
    umask = os.umask(0o077)
    try:
        again = build(source, "rpm")
    finally:
        os.umask(umask)
    for path in sorted(once.iterdir()):
        if path.name.endswith(".src.rpm"):
            continue  # rpm writes the folder of the build into it
        assert path.read_bytes() == (again / path.name).read_bytes(), path.name
    assert len(list(once.glob("*.rpm"))) == 6
    assert len(list(once.glob("*.tar.gz"))) == len(list(once.glob("*.whl"))) == 1


def test_rpmlint_has_nothing_to_say() -> None:
    """But for what packaging/rpm/rpmlint.toml explains."""
    found = sorted(packages("rpm").glob("*.rpm"))
    said = run(program("rpmlint"), "--config", CODE / "packaging/rpm/rpmlint.toml", *found)
    assert re.search(r"6 packages .*; 0 errors, 0 warnings", said), said


def test_nothing_in_them_is_compiled_for_one_python_and_the_hashes_are_kept() -> None:
    """The two extensions fit every Python from 3.9 on."""
    listed = run("rpm", "-qp", "--list", *sorted(packages("rpm").glob("*.x86_64.rpm"))).split()
    assert [Path(name).name for name in listed if name.endswith(".so")] == ["_bcrypt.abi3.so", "_psutil_linux.abi3.so"]
    assert not [name for name in listed if name.endswith((".pyc", ".pyx", ".c", "RECORD")) or "/tests/" in name]


def test_each_package_holds_what_belongs_to_it(node: Node) -> None:
    """In the places that Nagios, keepalived, systemd, Icinga and Prometheus look at."""
    held = {name: set(node_list(node, name)) for name in ALL}
    scripts = {f"/usr/libexec/keepalived/{name}" for name in ("notify", "realserver", "chk_verdict", "chk_service")}
    scripts |= {f"/usr/libexec/keepalived/chk_{name}" for name in names()}
    assert scripts <= held["vipwarden-keepalived"]
    assert {f"/usr/lib64/nagios/plugins/check_{name}" for name in names()} <= held["nagios-plugins-vipwarden"]
    units = "/usr/lib/systemd/system/vipwarden-"
    assert {f"{units}notify.service", f"{units}realserver@.service"} <= held["vipwarden-keepalived"]
    assert f"{units}agent.service" in held["vipwarden-agent"]
    assert {f"{units}exporter.service", f"{units}exporter.socket"} <= held["vipwarden-exporter"]
    assert "/usr/share/icinga2/include/plugins-contrib.d/vipwarden.conf" in held["nagios-plugins-vipwarden"]
    assert "/usr/share/vipwarden/nagios/vipwarden.cfg" in held["nagios-plugins-vipwarden"]
    shared = {"prometheus/rules/vrrp.yaml", "grafana/vipwarden.json", "vipwarden.spdx.json"}
    assert {f"/usr/share/vipwarden/{name}" for name in shared} <= held["vipwarden"]
    assert "/usr/share/bash-completion/completions/vipwarden" in held["vipwarden"]
    assert "/usr/share/man/man5/vipwarden.yaml.5.gz" in held["vipwarden"]


def node_list(node: Node, package: str) -> list[str]:
    """Return what an installed package holds."""
    return run("rpm", "--root", node.path, "-ql", package).split()


def test_the_links_of_the_pages_lead_somewhere(node: Node) -> None:
    """To other pages of the package."""
    pages = sorted((node.path / "usr/share/doc").glob("vipwarden*/**/*.md"))
    assert {"README.md", "CHANGELOG.md", "two-nodes.md"} <= {page.name for page in pages}
    assert [link for page in pages for link in dead(page)] == []


def test_keepalived_s_scripts_are_files_that_only_root_can_change(node: Node) -> None:
    """As check_security() wants it: each element of the path is root's, and no one else may write to it."""
    folder = node.path / "usr/libexec/keepalived"
    for path in (*folder.iterdir(), folder, *folder.parents):
        status = path.lstat()
        assert not path.is_symlink()
        assert status.st_uid == 0
        assert not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or status.st_mode & stat.S_ISVTX, path
    assert {path.lstat().st_mode & 0o7777 for path in folder.iterdir()} == {0o755}
    assert (folder / "chk_port").read_text().startswith("#!/usr/libexec/vipwarden/python -ISB\n")


def test_secrets_are_closed_and_configurations_are_kept_apart_from_them(node: Node) -> None:
    """The group vipwarden reads them; whoever needs them is put into it."""
    group = re.search(r"^vipwarden:x:(\d+):", (node.path / "etc/group").read_text(), re.MULTILINE)
    assert group
    for name, mode in (("vipwarden.yaml", 0o644), ("mysql.cnf", 0o640), ("web-config.yaml", 0o640)):
        status = (node.path / "etc/vipwarden" / name).stat()
        assert (status.st_mode & 0o7777, status.st_uid) == (mode, 0)
        assert status.st_gid == (int(group[1]) if mode == 0o640 else 0)


def test_the_configuration_as_installed_is_right(node: Node) -> None:
    """By the agent, the exporter and notify."""
    node.run("vipwarden", "agent", "--check-config")
    node.run("vipwarden", "exporter", "--check-config")
    node.run("/usr/libexec/keepalived/notify", "--check-config")


def test_every_command_starts_from_its_own_python(node: Node, listening: str) -> None:
    """The node's, by a link; each with its page, and none with a module of another place."""
    assert (node.path / LINK).readlink() == Path("/usr/bin/python3")
    assert node.run("vipwarden", "--version") == f"vipwarden {VERSION}\n"
    where = ("-H", "127.0.0.1", "-p")
    for port, code in ((listening, 0), (closed(), 1)):
        node.run("/usr/libexec/keepalived/chk_port", *where, port, code=code)
        node.run("/usr/lib64/nagios/plugins/check_port", *where, port, code=code * 2)
    node.run("/usr/lib64/nagios/plugins/check_process", "-C", "no-such-program", code=2)
    for part in ("agent", "check", "convert", "doctor", "exporter", "genhash", "run", "snippet", "status"):
        assert "usage: " in node.run("vipwarden", part, "--help")
        assert (node.path / f"usr/share/man/man1/vipwarden-{part}.1.gz").exists()
    for script in sorted((node.path / "usr/libexec/keepalived").iterdir()):
        if script.name != "chk_verdict":
            assert "usage: " in node.run(f"/usr/libexec/keepalived/{script.name}", "--help", code=None)


def test_the_bytecode_is_the_node_s_own_and_nothing_is_written_at_run_time(node: Node) -> None:
    """Each module has one file, made in the transaction, beside what runs and nowhere else."""
    assert not list((node.path / "usr/lib/vipwarden/code").rglob("*.pyc"))
    code = node.path / str((node.path / "usr/lib/vipwarden/current").readlink()).lstrip("/")
    tag = f"cpython-{node.python.replace('.', '')}"
    compiled = {path.name.removesuffix(f".{tag}.pyc") for path in code.rglob("*.pyc")}
    assert len(list(code.rglob("*.pyc"))) == len(list(code.rglob("*.py")))
    assert not [name for name in compiled if "cpython" in name]


def test_an_installed_check_costs_what_it_costs_in_the_development_s_folder(
    node: Node, listening: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In CPU, by the same way in: interleaved medians."""
    words = ("-H", "127.0.0.1", "-p", listening)
    chroot = program("chroot")
    commands = {
        "installed": [chroot, str(node.path), "/usr/libexec/keepalived/chk_port", *words],
        "developed": [chroot, "/", str(BIN / "chk_port"), *words],
    }
    costs: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(25):
        for name, command in commands.items():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(command, check=True, capture_output=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            costs[name].append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    ratio = median(costs["installed"]) / median(costs["developed"])
    with capsys.disabled():
        sys.stdout.write(f" {median(costs['installed']) * 1000:.1f} ms, {ratio:.2f} of .venv's ")
    assert ratio < 1.6


def test_without_a_python_every_check_fails_and_with_one_again_it_works(node: Node, listening: str) -> None:
    """For keepalived takes a missing interpreter for success: it is never missing."""
    scratch = node.dnf.repository.parent
    node.dnf.offer(stand_in(scratch, "python3.15", "3.15", (), file="/usr/bin/python3.15"))
    check = ("/usr/libexec/keepalived/chk_port", "-H", "127.0.0.1", "-p", listening)
    real = (node.path / "usr/bin/python3").resolve().relative_to(node.path)
    hidden = node.path / "usr/bin/python3.own"
    others = [path for path in (node.path / "usr/bin").glob("python3*") if not path.name.endswith("-config")]
    kept = {path: path.readlink() if path.is_symlink() else None for path in others}
    shutil.move(node.path / real, hidden)
    for path in kept:
        path.unlink(missing_ok=True)
    node.dnf("install", "python3.15")
    assert (node.path / LINK).readlink() == Path("/usr/bin/python3.15")
    node.run(*check)
    said = node.dnf("remove", "python3.15")
    assert NO_PYTHON in said
    assert (node.path / LINK).readlink() == Path("/usr/libexec/vipwarden/no-python")
    node.run(*check, code=1)
    assert "UNKNOWN - no Python 3.11" in node.run("/usr/lib64/nagios/plugins/check_port", *check[1:], code=3)
    shutil.move(hidden, node.path / real)
    for path, link in kept.items():
        if link is not None:
            path.symlink_to(link)
    node.run("/usr/libexec/vipwarden/setup")
    node.run(*check)


def test_an_upgrade_keeps_what_was_edited_and_an_erase_leaves_nothing_else(node: Node, listening: str) -> None:
    """In one story: edit, upgrade, erase."""
    edited = node.path / "etc/vipwarden/vipwarden.yaml"
    edited.write_text("checks: {own: {check: port, host: 127.0.0.1, port: 1}}\n")
    node.dnf.offer(packages("rpm", NEXT))
    said = node.dnf("upgrade")
    assert "scriptlet failed" not in said
    assert node.run("vipwarden", "--version") == f"vipwarden {NEXT}\n"
    assert edited.read_text().startswith("checks: {own")
    node.run("/usr/libexec/keepalived/chk_port", "-H", "127.0.0.1", "-p", listening)
    said = node.dnf("remove", *ALL)
    assert "scriptlet failed" not in said
    left = {name for name in node.files().keys() - node.before.keys() if not OTHERS.match(name)}
    assert left == {"/etc/vipwarden", "/etc/vipwarden/vipwarden.yaml.rpmsave"}
    assert not (node.path / "run/vipwarden").exists()


def test_installed_without_a_python_they_say_so_and_fail(tmp_path: Path) -> None:
    """Whatever a repository promises; a script without an interpreter would be a success with keepalived."""
    with root("trixie", tmp_path / "layer") as place:
        dnf = Dnf(place, tmp_path / "repository")
        dnf.offer(packages("rpm"), system(tmp_path, "3.13"))
        dnf("install", "system")
        for path in (place.path / "usr/bin").glob("python3*"):
            path.unlink()
        assert NO_PYTHON in dnf("install", "vipwarden-keepalived")
        place.run("/usr/libexec/keepalived/chk_process", "-C", "chroot", code=1)
        dnf("install", "nagios-plugins-vipwarden")
        place.run("/usr/lib64/nagios/plugins/check_process", "-C", "chroot", code=3)
