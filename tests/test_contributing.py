"""Does CONTRIBUTING tell the truth? Its example becomes a check in a copy of the code, and every front end runs it."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import threading
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_check_of_the_guide_works_with_every_face_once_its_one_file_is_there(tmp_path: Path) -> None:
    """One file is all that the guide asks for."""
    code, commands = tmp_path / "code", tmp_path / "bin"
    commands.mkdir()
    for package in ("checks", "cli", "keepalived_scripts", "nagios_plugins", "vipwarden"):
        shutil.copytree(ROOT / package, code / package, ignore=shutil.ignore_patterns("__pycache__"))
    example = re.search(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
    assert example is not None
    (code / "checks" / "greeting.py").write_text(example.group(1))
    launchers = [sys.executable, str(ROOT / "packaging" / "launchers.py"), "--python", sys.executable]
    libraries = sysconfig.get_path("purelib")
    subprocess.run([*launchers, "--code", code, "--libraries", libraries, commands], check=True)

    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(60)

    def greet(words: bytes) -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(words)

    target = ["-H", "127.0.0.1", "-p", str(server.getsockname()[1])]
    environment = {"VIPWARDEN_RUNTIME_DIR": str(tmp_path)}
    front_ends = (["chk_greeting"], 1), (["check_greeting"], 2), (["vipwarden", "check", "greeting"], 2)
    for command, failed in front_ends:
        for words, expected in ((b"220 hello\r\n", 0), (b"554 go away\r\n", failed)):
            greeter = threading.Thread(target=greet, args=(words,))
            greeter.start()
            line = [str(commands / command[0]), *command[1:], *target]
            done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60, check=False)
            greeter.join()
            assert done.returncode == expected, done
            assert "greeted with" in done.stdout
    server.close()
