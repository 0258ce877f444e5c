"""Does the operator's page say what is so?"""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from keepalived_scripts.notify.main import notify
from keepalived_scripts.notify.settings import load, settings
from keepalived_scripts.service.options import chk_haproxy, chk_service, front_end
from tests.commands import CODE, program
from tests.keepalived_scripts.node import libexec
from vipwarden.core.options import options

if TYPE_CHECKING:
    from pathlib import Path

PAGE = (CODE / "docs/keepalived-scripts.md").read_text()


def blocks(kind: str) -> list[str]:
    """Return the blocks of one kind."""
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("block", blocks("keepalived"))
def test_keepalived_takes_every_block(tmp_path: Path, block: str) -> None:
    """With the scripts where they are here."""
    conf = tmp_path / "keepalived.conf"
    secure = blocks("keepalived")[0] if "global_defs" not in block else ""
    text = (secure + block).replace("/usr/libexec/keepalived", str(libexec(tmp_path))).replace("eth0", "own")
    conf.write_text(text.replace("/run/vipwarden", str(tmp_path)))
    line = f"ip link add own type veth peer name other; ip link set own up; {program('keepalived')} -t -f {conf}"
    done = subprocess.run([program("unshare"), "-n", "sh", "-ec", line], capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "disabling" not in said
    assert "nknown keyword" not in said


def test_the_configuration_is_one(tmp_path: Path) -> None:
    """Every key of the example, and every other one is named."""
    (block,) = blocks("yaml")
    (tmp_path / "vipwarden.yaml").write_text(block)
    given = load(str(tmp_path / "vipwarden.yaml"))
    assert given.mail_to == ("ops@example.org",)
    for name in options(settings):
        assert re.search(rf"[ `]{name}[:`]| {name} ", PAGE) or f"or {name}" in PAGE, name


@pytest.mark.parametrize("function", [chk_service, chk_haproxy, front_end, notify])
def test_every_option_is_named(function: object) -> None:
    """All but --help."""
    for option in options(function).values():  # type: ignore[arg-type]
        assert option.name == "help" or option.flag in PAGE, option.flag
