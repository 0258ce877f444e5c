"""What becomes of a ldirectord.cf?

After a change on purpose: VIPWARDEN_WRITE_GOLDEN=1 writes the expected output anew, to be read before it is kept.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from agent.settings import plan
from cli.convert import main
from tests.commands import BIN, program, runs_scripts

HERE = Path(__file__).parent
SAMPLE = HERE / "samples" / "ldirectord.cf"
CONF = "global_defs {\n    enable_script_security\n    script_user root\n}\n"


def convert(folder: Path, *more: str, sample: Path = SAMPLE) -> int:
    """Convert a ldirectord.cf."""
    paths = (str(folder / "keepalived.conf"), "--config", str(folder / "vipwarden.yaml"), "--ldirectord", str(sample))
    return main([*paths, "--keepalived-version", "2.2.8", *more])


def test_it_becomes_what_is_expected(capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path) -> None:
    """Virtual servers at the end of keepalived.conf, whose checkers are converted as any others."""
    if not Path("/etc/services").exists():
        pytest.skip("the sample names a port, and there is no /etc/services of the package netbase")
    (tmp_path / "keepalived.conf").write_text(CONF)
    assert convert(tmp_path) == 0
    out, err = capsysbinary.readouterr()
    said = (out + b"\n" + err).decode().replace(str(tmp_path), "/etc").replace(str(SAMPLE), "/etc/ldirectord.cf")
    golden = HERE / "golden" / "ldirectord.diff"
    if os.environ.get("VIPWARDEN_WRITE_GOLDEN"):
        golden.write_text(said, encoding="utf-8")
    assert said == golden.read_text("utf-8")


@runs_scripts
@pytest.mark.parametrize("more", [(), ("--oneshot",), ("--quiesce", "--commands")])
def test_keepalived_and_the_agent_take_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, more: tuple[str, ...]
) -> None:
    """And it is done once."""
    program("keepalived")
    (tmp_path / "keepalived.conf").write_text(CONF)
    assert convert(tmp_path, "--write", "--folder", str(BIN), *more) == 0, capsys.readouterr().err
    command = [program("keepalived"), "-t", "-l", "-f", str(tmp_path / "keepalived.conf")]
    tested = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (tested.returncode, "nknown" in tested.stderr) == (0, False), tested.stderr
    checks = tmp_path / "vipwarden.yaml"
    assert "--oneshot" in more or plan(str(checks)).entries
    capsys.readouterr()
    assert convert(tmp_path, *more) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("keepalived.conf has it already") == 11


@pytest.mark.parametrize(
    "text", ["\0", "virtual = \n", "real = x\n", "=\n=\n", " virtual=1\n real=1.2.3.4 gate 99999999"]
)
def test_what_is_none_is_refused_or_left_alone(capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str) -> None:
    """Nothing is written for it that keepalived could take for something else."""
    sample = tmp_path / "ldirectord.cf"
    sample.write_text(text)
    (tmp_path / "keepalived.conf").write_text(CONF)
    assert convert(tmp_path, sample=sample) in (0, 2)
    assert "virtual_server" not in capsys.readouterr().out or "99999999" in text


@pytest.mark.parametrize("setting", ["scheduler", "persistent", "checkcommand", "virtualhost", "request", "fallback"])
def test_no_setting_reaches_beyond_its_line(capsys: pytest.CaptureFixture[str], tmp_path: Path, setting: str) -> None:
    """Into other statements of keepalived.conf."""
    kind = "external" if setting == "checkcommand" else "negotiate"
    sample = tmp_path / "ldirectord.cf"
    sample.write_text(
        f'virtual=192.0.2.1:80\n real=192.0.2.2:80 gate\n checktype={kind}\n {setting} = "rr }} include /etc/x {{"\n'
    )
    (tmp_path / "keepalived.conf").write_text(CONF)
    assert convert(tmp_path, sample=sample) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "left alone: virtual 192.0.2.1:80" in err


def test_a_range_has_a_bound(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Of 4096 servers."""
    sample = tmp_path / "ldirectord.cf"
    sample.write_text("virtual=192.0.2.1:80\n\treal=10.0.0.0->10.255.255.255:80 gate\n")
    (tmp_path / "keepalived.conf").write_text(CONF)
    assert convert(tmp_path, sample=sample) == 0
    assert "runs backwards, or is too long" in capsys.readouterr().err
