"""Do man pages, completion and the list of what is vendored say what the code says?"""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.commands import BIN, CODE, program
from tests.packaging.building import run, wheels
from vipwarden import VERSION
from vipwarden.core.registry import names

if TYPE_CHECKING:
    from pathlib import Path

PINNED = re.findall(r"^(\S+)==(\S+) ", (CODE / "packaging/rpm/requirements.txt").read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lay everything out, as both builds do."""
    place = tmp_path_factory.mktemp("laid-out")
    run(sys.executable, "packaging/install.py", "--wheels", wheels(), place, SOURCE_DATE_EPOCH="1700000000")
    return place


def test_every_option_has_its_place_in_a_man_page(laid_out: Path) -> None:
    """As --help has them."""
    for command in sorted(BIN.glob("ch*k_*")):
        if command.name == "chk_verdict":
            continue
        page = gzip.decompress((laid_out / f"usr/share/man/man8/{command.name}.8.gz").read_bytes()).decode()
        said = subprocess.run([command, "--help"], capture_output=True, check=False, text=True).stdout
        options = re.findall(r"^  .*?(--[a-z-]+)", said, re.MULTILINE)
        assert len(options) > 5
        assert not [option for option in options if option.replace("-", "\\-") not in page]
    configuration = gzip.decompress((laid_out / "usr/share/man/man5/vipwarden.yaml.5.gz").read_bytes()).decode()
    for key in ("interval:", "restart_grace:", "smtp_host:", "web_config:", "defaults_file:"):
        assert key in configuration
    example = re.search(r"^\.SH EXAMPLE\n\.nf\n(.*?)\.fi$", configuration, re.MULTILINE | re.DOTALL)
    assert example is not None
    (laid_out / "vipwarden.yaml").write_text(example[1].replace("\\-", "-"))
    for part in ("agent", "exporter"):
        run(BIN / "vipwarden", part, "--config", laid_out / "vipwarden.yaml", "--check-config")
    (laid_out / "vipwarden.yaml").unlink()
    verdict = gzip.decompress((laid_out / "usr/share/man/man8/chk_verdict.8.gz").read_bytes()).decode()
    assert "\\-\\-max\\-age SECONDS" in verdict


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("vipwarden ag", {"agent"}),
        ("vipwarden check ", {*names(), "--help"}),
        ("vipwarden check port --refu", {"--refused"}),
        ("vipwarden check port --js", {"--json"}),
        ("vipwarden snippet haproxy --as", {"--as"}),
        ("vipwarden doctor --peer", {"--peer", "--peer-priority"}),
        ("vipwarden doctor --peer /etc/keep", set()),
        ("vipwarden exporter --lis", {"--listen"}),
        ("vipwarden realserver sta", {"start", "status"}),
        ("vipwarden chk_haproxy --gra", {"--grace"}),
        ("/usr/libexec/keepalived/chk_port --mi", {"--misc-dynamic"}),
        ("vipwarden agent --config /etc/vip", set()),
    ],
)
def test_bash_completes(laid_out: Path, line: str, wanted: set[str]) -> None:
    """Parts, checks and options; files where a value is wanted."""
    file = laid_out / "usr/share/bash-completion/completions/chk_port"
    script = f"""
        source {file}
        compopt() {{ :; }}
        COMP_WORDS=({line}{"''" if line.endswith(" ") else ""})
        COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        _vipwarden
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    assert set(run(program("bash"), "--norc", "-c", script).split()) == wanted


def test_the_list_of_what_is_vendored_is_whole(laid_out: Path) -> None:
    """Each wheel with its version, hash and licence, and none that is not there."""
    document = json.loads((laid_out / "usr/share/vipwarden/vipwarden.spdx.json").read_text())
    own, *carried = document["packages"]
    assert (own["name"], own["versionInfo"]) == ("vipwarden", VERSION)
    assert sorted((one["name"], one["versionInfo"]) for one in carried) == sorted(PINNED)
    licences = {word for one in carried for word in one["licenseDeclared"].split(" AND ")}
    assert licences == {"Apache-2.0", "BSD-3-Clause", "ISC", "MIT", "PSF-2.0", "ZPL-2.1"}
    spec = (CODE / "packaging/rpm/vipwarden.spec").read_text()
    assert set(re.findall(r"^License: +(.*)", spec, re.MULTILINE)[0].split(" AND ")) == licences
    there = {
        path.name.partition("-")[0].lower() for path in (laid_out / "usr/lib/vipwarden/code/vendor").glob("*.dist-info")
    }
    assert there == {name.replace("-", "_") for name, _ in PINNED}


def test_what_is_vendored_is_what_the_tests_ran_with() -> None:
    """And what the code asks for."""
    constraints = {line.lower().replace("_", "-") for line in (CODE / "constraints.txt").read_text().splitlines()}
    assert {f"{name}=={version}" for name, version in PINNED} <= constraints


def test_one_version_stands_everywhere() -> None:
    """That of the code."""
    spec = (CODE / "packaging/rpm/vipwarden.spec").read_text()
    assert re.findall(r"^Version: +(\S+)|^\* .* - (\S+)-1$", spec, re.MULTILINE) == [(VERSION, ""), ("", VERSION)]
    assert (CODE / "packaging/deb/debian/changelog").read_text().startswith(f"vipwarden ({VERSION}) ")


def test_a_wheel_that_is_not_the_pinned_one_ends_the_build(tmp_path: Path) -> None:
    """As does one that is missing."""
    command = [sys.executable, "packaging/install.py", "--wheels", f"{tmp_path}/wheels", f"{tmp_path}/out"]
    (tmp_path / "wheels").mkdir()
    missing = subprocess.run(command, capture_output=True, check=False, text=True, cwd=CODE)
    assert missing.returncode == 1
    assert "has no wheel of aiohappyeyeballs, aiohttp" in missing.stderr
    (tmp_path / "wheels" / "aiohttp-3.14.5-py3-none-any.whl").write_bytes(b"something else")
    wrong = subprocess.run(command, capture_output=True, check=False, text=True, cwd=CODE)
    assert wrong.returncode == 1
    assert "is none of the wheels of" in wrong.stderr
    assert not (tmp_path / "out").exists()


BASE = """\
(mls true)
(handleunknown allow)
(class file (read))
(class dir (search {watch}))
(class fifo_file (create getattr setattr open read write append ioctl unlink))
(classorder (file dir fifo_file))
(sid kernel) (sidorder (kernel))
(user system_u) (role object_r) (role system_r)
(type kernel_t) (type keepalived_t) (type keepalived_var_run_t)
(userrole system_u object_r) (userrole system_u system_r)
(roletype object_r keepalived_var_run_t) (roletype system_r kernel_t) (roletype system_r keepalived_t)
(sensitivity s0) (sensitivityorder (s0)) (category c0) (categoryorder (c0)) (sensitivitycategory s0 (c0))
(level low (s0)) (userlevel system_u (s0)) (userrange system_u ((s0) (s0 (c0))))
(sidcontext kernel (system_u system_r kernel_t ((s0) (s0))))
(allow kernel_t kernel_t (file (read)))
"""


@pytest.mark.parametrize("watch", ["watch", ""])
def test_the_selinux_module_fits_a_policy_with_and_without_a_word_for_watching(tmp_path: Path, watch: str) -> None:
    """Compiled with as much of a policy as it names."""
    (tmp_path / "base.cil").write_text(BASE.format(watch=watch))
    module = CODE / "packaging/selinux/vipwarden.cil"
    run(program("secilc"), "-o", "policy", "-f", "contexts", "base.cil", module, cwd=tmp_path)
    places = (tmp_path / "contexts").read_text().splitlines()
    assert "/run/vipwarden(/.*)?\tsystem_u:object_r:keepalived_var_run_t:s0" in places
