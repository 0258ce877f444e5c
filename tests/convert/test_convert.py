"""What becomes of a keepalived.conf, word by word, and do keepalived and the agent take it?

After a change on purpose: VIPWARDEN_WRITE_GOLDEN=1 writes the expected outputs anew, to be read before they are kept.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from agent.settings import plan
from cli.convert import main
from tests.commands import BIN, program, runs_scripts
from vipwarden.node.keepalived.tested import test as asked
from vipwarden.state import paths

HERE = Path(__file__).parent
OWN = sorted(HERE.glob("samples/*.conf"))
# those of keepalived's package, where it is installed with its documentation
THEIRS = sorted(Path("/usr/share/doc/keepalived/samples").glob("keepalived.conf*"))
OTHERS = sorted(
    [*HERE.parent.glob("doctor/samples/*.conf"), *HERE.parent.glob("doctor/fixtures/*/etc/keepalived/keepalived.conf")]
)
WAYS = {"agent": (), "oneshot": ("--oneshot",), "all": ("--commands", "--quiesce")}
WRITE = ("--write", "--folder", str(BIN))
GIVEN = ("--keepalived-version", "2.2.8", "--config-id", "lb1")


def name(path: Path) -> str:
    """Return a name for a sample."""
    return path.parents[2].name if path.name == "keepalived.conf" else path.name


def convert(conf: Path, *more: str) -> int:
    """Convert a file, with the agent's checks beside it."""
    return main([str(conf), "--config", str(conf.with_name("vipwarden.yaml")), *GIVEN, *more])


def judged(conf: Path) -> tuple[int, list[str]]:
    """Return the exit code of keepalived's own test, and what it has to say; nothing where it turns for ever.

    As keepalived 2.3.3 does on its own sample of SMTP_CHECK.
    """
    if os.geteuid() == 0:  # as the package has it: keepalived from 2.3 on refuses track files without it
        Path(paths.tracks(paths.ROOT)).mkdir(parents=True, exist_ok=True)
    said = asked(program("keepalived"), str(conf), "lb1", 20)
    if said.code is None:
        return 0, []
    return said.code, re.findall(r"(?:Unknown|Unexpected|nvalid|issing|not found|removing|too).*", said.text)


@pytest.mark.parametrize("way", ["agent", "oneshot"])
@pytest.mark.parametrize("path", OWN, ids=name)
def test_a_configuration_becomes_what_is_expected(
    capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path, path: Path, way: str
) -> None:
    """The diff, what is left alone with the reason, and what is not quite as before; nothing is written."""
    conf = Path(shutil.copy(path, tmp_path / "keepalived.conf"))
    assert convert(conf, *WAYS[way]) == 0
    out, err = capsysbinary.readouterr()
    said = (out + b"\n" + err).decode().replace(str(tmp_path), "/etc/keepalived")
    golden = HERE / "golden" / f"{path.stem}.{way}.diff"
    if os.environ.get("VIPWARDEN_WRITE_GOLDEN"):
        golden.write_text(said, encoding="utf-8")
    assert said == golden.read_text("utf-8")
    assert conf.read_bytes() == path.read_bytes()
    assert [file.name for file in tmp_path.iterdir()] == ["keepalived.conf"]


@runs_scripts
@pytest.mark.parametrize(
    ("path", "way"),
    [(path, way) for way in WAYS for path in (OWN if way == "all" else [*OWN, *OTHERS, *THEIRS])],
    ids=lambda value: name(value) if isinstance(value, Path) else value,
)
def test_keepalived_and_the_agent_take_what_is_written(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, path: Path, way: str
) -> None:
    """As well as before; the old file is kept, and another conversion finds nothing to do."""
    conf = Path(shutil.copy(path, tmp_path / "keepalived.conf"))
    before = judged(conf)
    assert convert(conf, *WRITE, *WAYS[way]) == 0, capsys.readouterr().err
    said = capsys.readouterr()
    after = judged(conf)
    assert after[0] in (0, 6, before[0])  # 6: scripts without enable_script_security
    assert set(after[1]) <= set(before[1])
    checks = tmp_path / "vipwarden.yaml"
    entries = plan(str(checks)).entries if checks.exists() else []
    if conf.read_bytes() != path.read_bytes():
        assert (tmp_path / "keepalived.conf.before-convert-1").read_bytes() == path.read_bytes()
        assert entries or "chk_" in conf.read_text("utf-8")
        assert not said.err.endswith(" 0 converted\n")
    assert convert(conf, *WAYS[way]) == 0
    assert capsys.readouterr().out == ""


@runs_scripts
@pytest.mark.parametrize("path", [*OWN, *THEIRS], ids=name)
def test_the_diff_leads_from_the_one_to_the_other(
    capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path, path: Path
) -> None:
    """Line by line, as patch(1) reads it."""
    program("keepalived")
    conf = Path(shutil.copy(path, tmp_path / "keepalived.conf"))
    assert convert(conf, *WRITE[1:]) == 0
    diff = capsysbinary.readouterr().out.decode()
    assert convert(conf, *WRITE) == 0
    for file in (conf, tmp_path / "vipwarden.yaml"):
        old = path.read_text("utf-8") if file == conf else ""
        assert patched(old, diff, str(file)) == (file.read_text("utf-8") if file.exists() else "")


def patched(old: str, diff: str, path: str) -> str:
    """Return a text with the hunks of one file applied."""
    lines, made, place, mine = old.split("\n"), list[str](), 0, False
    for line in diff.splitlines():
        if line.startswith("+++ "):
            mine = line == f"+++ {path}"
        elif not mine or line.startswith(("--- /", "\\")):
            continue
        elif (start := re.match(r"@@ -(\d+),(\d+) ", line)) is not None:
            first = int(start[1]) - (start[2] != "0")
            made += lines[place:first]
            place = first
        elif line.startswith("+"):
            made.append(line[1:])
        else:
            assert lines[place] == line[1:]
            made += [line[1:]] if line.startswith(" ") else []
            place += 1
    return "\n".join([*made, *lines[place:]])


@pytest.mark.parametrize(
    ("version", "there", "not_there"),
    [
        ("2.0.10", ["chk_verdict haproxy", "delay_loop 1\n"], ["track_file", "FILE_CHECK", "delay_loop 0.5"]),
        (
            "2.0.20",
            ["vrrp_track_file haproxy {", "weight 0 reverse", "delay_loop 1\n"],
            ["FILE_CHECK", "delay_loop 0.5"],
        ),
        ("2.1.5", ["track_file haproxy {", "delay_loop 0.5"], ["vrrp_track_file", "FILE_CHECK"]),
        ("2.3.3", ["track_file haproxy {", "FILE_CHECK", "delay_loop 0.5"], ["vrrp_track_file"]),
    ],
)
def test_each_version_of_keepalived_gets_what_it_knows(
    capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path, version: str, there: list[str], not_there: list[str]
) -> None:
    """Track files, their reverse, FILE_CHECK and fractions of a second came one after the other."""
    conf = tmp_path / "keepalived.conf"
    conf.write_text("".join(path.read_text("utf-8") for path in OWN))
    assert main([str(conf), "--config", str(tmp_path / "vipwarden.yaml"), "--keepalived-version", version]) == 0
    added = "".join(f"{line[1:]}\n" for line in capsysbinary.readouterr().out.decode().splitlines() if line[0] == "+")
    assert [text for text in there if text not in added] == []
    assert [text for text in not_there if text in added] == []
