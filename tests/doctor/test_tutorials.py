"""What does the doctor say to the tutorials' own configurations? Word by word, as text and as JSON.

After a change on purpose: VIPWARDEN_WRITE_GOLDEN=1 writes the expected outputs anew, to be read before they are kept.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from cli.doctor import main
from doctor.rules import RULES
from tests.doctor.node import SOUND

FIXTURES = Path(__file__).parent / "fixtures"
OPTIONS = {"dual_master": ("--peer", "{root}/peer.conf")}
CODES = {"single_vip": 2, "dual_master": 2, "lvs_dr": 2, "lvs_nat": 2, "misc_nmap": 2, "ours": 0}

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a node whose files belong to root")


def lay_out(name: str, root: Path) -> None:
    """Copy a node out of the fixtures, on top of a sound one."""
    for path, text in SOUND.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
        (root / path).chmod(0o755 if text.startswith(("#!", "\0")) else 0o644)
    (root / "bin/bash").write_bytes((root / "bin/sh").read_bytes())
    (root / "bin/bash").chmod(0o755)
    (root / "addresses").write_text("", encoding="utf-8")
    shutil.copytree(FIXTURES / name, root, dirs_exist_ok=True)


def ask(name: str, root: Path, *more: str) -> int:
    """Run the doctor on a node."""
    given = [option.format(root=root) for option in OPTIONS.get(name, ())]
    stand_ins = ["--root", str(root), "--addresses", f"{root}/addresses", "--keepalived-version", "2.2.8"]
    return main([*stand_ins, *given, *more])


@pytest.mark.parametrize("name", CODES)
@pytest.mark.parametrize("form", ["txt", "json"])
def test_a_tutorial_gets_its_diagnosis(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, form: str
) -> None:
    """The same words each time, and the exit code of the worst."""
    lay_out(name, tmp_path)
    code = ask(name, tmp_path, *(["--json"] if form == "json" else []))
    out, err = capsys.readouterr()
    golden = FIXTURES.parent / "golden" / f"{name}.{form}"
    said = out.replace(f"{len(RULES)} rules", "all rules")
    if os.environ.get("VIPWARDEN_WRITE_GOLDEN"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(said, encoding="utf-8")
    assert (code, err) == (CODES[name], "")
    assert said == golden.read_text("utf-8")


def test_the_json_tells_what_the_text_tells(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Each finding with its rule, and the counts."""
    lay_out("single_vip", tmp_path)
    ask("single_vip", tmp_path, "--json")
    found = json.loads(capsys.readouterr().out)
    ask("single_vip", tmp_path)
    text = capsys.readouterr().out
    assert found["configuration"] == "/etc/keepalived/keepalived.conf"
    assert found["keepalived"] == "2.2.8"
    assert found["errors"] + found["warnings"] + found["notes"] == len(found["findings"]) == text.count("    Fix: ")
    for finding in found["findings"]:
        place = f"{finding['path']}:{finding['line']}: {finding['severity']}: {finding['what']} [{finding['rule']}]"
        assert place in text


def test_rules_can_be_left_out(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """And the exit code is that of the others."""
    lay_out("ours", tmp_path)
    (tmp_path / "usr/libexec/keepalived/chk_port").chmod(0o644)
    assert ask("ours", tmp_path) == 2
    assert "[script-not-executable]" in capsys.readouterr().out
    assert ask("ours", tmp_path, "--ignore", "script-not-executable") == 0
    assert capsys.readouterr().out.startswith("0 errors, 0 warnings, 0 notes;")


def test_nothing_is_changed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Neither content nor times of any file of the node."""
    lay_out("single_vip", tmp_path)

    def state() -> dict[str, tuple[int, int, int]]:
        found = {}
        for path in sorted(tmp_path.rglob("*")):
            seen = path.lstat()
            found[str(path)] = (seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size)
        return found

    before = state()
    ask("single_vip", tmp_path)
    capsys.readouterr()
    assert state() == before
