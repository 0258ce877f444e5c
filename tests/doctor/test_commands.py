"""Does the doctor see the very command that keepalived runs?"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from doctor.commands import commands
from tests.doctor.daemon import log
from vipwarden.node.keepalived.conf import parse
from vipwarden.node.keepalived.version import installed

if TYPE_CHECKING:
    from collections.abc import Iterator

# what stands behind "script", with RUN for a program that writes its words to the file OUT
TEXTS = [
    "RUN OUT",
    '"RUN OUT a b"',
    "'RUN OUT a b'",
    "\"RUN OUT 'a b' c\"",
    '"RUN OUT \\"a b\\" c"',
    "\"RUN OUT 'it'\\\\''s'\"",
    '"RUN OUT \\\\x41 \\x42 \\103 \\\\104"',
    '"RUN OUT a" b c',
    'RUN" OUT a"',
    '"RUN OUT a#b !c" # a comment',
    '"RUN OUT {a} b" ! a comment',
    '"RUN OUT $NAME ${NAME} $NONE"',
    "\"RUN OUT a\\tb 'c\\\\td'\"",
    '"  RUN   OUT   a  "',
    "\"RUN OUT ''\"",
    '"RUN OUT a b\'"',
    '"RUN OUT a \'b"',
]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder that keepalived takes for safe."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="commands-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.mark.skipif(os.geteuid() != 0, reason="keepalived wants root")
def test_the_words_are_those_that_keepalived_runs(folder: Path) -> None:
    """In each way to quote them; what keepalived runs without its words is told from what it runs with them."""
    run = folder / "run"
    text = '#!/bin/sh\nout=$1\n[ -n "$out" ] || exit 0\nshift\n'
    run.write_text(f'{text}printf \'%s\\0\' $# "$@" >"$out.new"\nmv "$out.new" "$out"\n', encoding="utf-8")
    run.chmod(0o755)
    text = "$NAME=value\nglobal_defs {\n enable_script_security\n script_user root\n}\n"
    for index, line in enumerate(TEXTS):
        script = line.replace("RUN", str(run)).replace("OUT", f"{folder}/{index}")
        text += f"vrrp_script s{index} {{\n script {script}\n interval 60\n}}\n"
    names = "\n".join(f"s{index}" for index in range(len(TEXTS)))
    text += (
        "vrrp_instance V {\n interface v0\n virtual_router_id 7\n priority 100\n virtual_ipaddress {\n 192.0.2.1\n }\n"
    )
    text += f"track_script {{\n {names}\n }}\n}}\n"
    (folder / "run.conf").write_text(text, encoding="utf-8")
    found = list(commands(parse(str(folder / "run.conf")), installed()))
    assert len(found) == len(TEXTS)
    runs = [index for index, command in enumerate(found) if command.argv]
    log(folder, text, *(f"VRRP_Script(s{index}) succeeded" for index in runs))
    for index, command in enumerate(found):
        assert command.argv[:1] == ([str(run)] if index in runs else [])
        out = folder / str(index)
        assert out.exists() is (len(command.argv) > 1), TEXTS[index]
        if out.exists():
            given = out.read_bytes().decode("utf-8").split("\0")[:-1]
            assert given == [str(len(command.argv) - 2), *command.argv[2:]], TEXTS[index]
