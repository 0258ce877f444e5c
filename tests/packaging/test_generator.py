"""Do exporter and recorder get the group of HAProxy's socket, and nothing where there is no such group?"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.commands import CODE, program

if TYPE_CHECKING:
    from pathlib import Path

GENERATOR = CODE / "packaging" / "systemd" / "exporter-generator"


@pytest.mark.skipif(os.geteuid() != 0, reason="takes root to mount another /etc/group")
@pytest.mark.parametrize(
    ("groups", "is_written"),
    [("root:x:0:\nhaproxy:x:113:\n", True), ("root:x:0:\n", False), ("", False), ("xhaproxy:x:1:haproxy\n", False)],
)
def test_the_group_is_the_service_s_where_it_is_there(tmp_path: Path, groups: str, is_written: bool) -> None:
    """A unit that names a group which is not there does not start."""
    (tmp_path / "group").write_text(groups)
    folders = [tmp_path / name for name in ("normal", "early", "late")]
    for folder in folders:
        folder.mkdir()
    script = f'mount --bind "{tmp_path}/group" /etc/group && exec "{GENERATOR}" "$@"'
    subprocess.run(
        [program("unshare"), "--mount", "--propagation", "private", "sh", "-c", script, "sh", *folders],
        check=True,
        timeout=30,
    )
    found = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
    units = ("exporter", "recorder") if is_written else ()
    assert found == [tmp_path / "normal" / f"vipwarden-{name}.service.d" / "50-haproxy.conf" for name in units]
    assert all("\nSupplementaryGroups=haproxy\n" in path.read_text() for path in found)
