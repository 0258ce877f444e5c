"""What do commands say where the runtime folder cannot be used? A message, and the exit code of their failure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.commands import environment, run, shell
from tests.servers.ports import free_ports

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = "checks:\n  web: {check: port, host: 127.0.0.1, port: 1}\n"
ASK = "-H 127.0.0.1 -p 1"


@pytest.mark.parametrize("is_link", [False, True])
@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (f"chk_port {ASK}", 1, "no verdicts in "),
        ("chk_verdict web", 1, "there is no verdict "),
        (f"check_port {ASK}", 2, "PORT CRITICAL"),
        ("check_verdict --all", 3, "VERDICT UNKNOWN"),
        ("vipwarden agent --config vipwarden.yaml", 1, "vipwarden agent: cannot use "),
        ("vipwarden run --config vipwarden.yaml --listen 127.0.0.1:{port}", 1, "vipwarden run: cannot use "),
        ("vipwarden run --listen 127.0.0.1:{port}", 1, "vipwarden run: cannot use "),
        ("vipwarden maint start web --for 1h --reason x --config vipwarden.yaml", 1, "nothing has begun"),
        ("vipwarden maint list", 0, ""),
        ("vipwarden status", 3, "no check has published a verdict"),
    ],
)
def test_a_file_in_its_place(tmp_path: Path, line: str, code: int, said: str, is_link: bool) -> None:
    """Or a link that leads nowhere; nothing is made elsewhere."""
    (tmp_path / "vipwarden.yaml").write_text(CONFIG)
    env = environment(tmp_path) | {"VIPWARDEN_STATE_DIR": f"{tmp_path}/state"}
    if is_link:
        (tmp_path / "run").symlink_to(tmp_path / "nowhere")
    else:
        (tmp_path / "run").write_text("")
    words = line.format(port=free_ports(1)[0]).replace("vipwarden.yaml", f"{tmp_path}/vipwarden.yaml").split()
    done = run(tmp_path, *words, env=env)
    assert (done.code, said in done.out + done.err) == (code, True), done
    assert "Traceback" not in done.err
    assert not (tmp_path / "nowhere").exists()


def test_a_full_one_is_named_at_the_start(tmp_path: Path) -> None:
    """By those who cannot work without it."""
    (tmp_path / "run").mkdir()
    (tmp_path / "vipwarden.yaml").write_text(CONFIG)
    script = """
    mount -t tmpfs -o nr_inodes=2 none "$1/run"; mkdir "$1/run/filler"
    for command in agent "run --listen 127.0.0.1:$2"; do
        vipwarden $command --config "$1/vipwarden.yaml" || echo $?
    done
    """
    done = shell(tmp_path, script, str(tmp_path), str(free_ports(1)[0]), flags=["-m"])
    assert done.out.split()[-1] == "1", done
    assert done.err.count(f"cannot use {tmp_path}/run: No space left on device") == 2, done
    assert "Traceback" not in done.err
