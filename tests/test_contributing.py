"""Are a check's file and its test all that has to be written? Those of CONTRIBUTING, in a copy of the repository."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.servers import misbehaving as servers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
_ASIDE = (".git", ".venv", "build", "dist", ".*_cache", ".hypothesis", "__pycache__", "*.egg-info")


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the repository and add both files."""
    code = tmp_path_factory.mktemp("copy") / "code"
    shutil.copytree(ROOT, code, ignore=shutil.ignore_patterns(*_ASIDE), symlinks=True)
    check, test = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
    (code / "checks/greeting.py").write_text(check)
    (code / "tests/checks/test_greeting.py").write_text(test)
    return code


@pytest.fixture(scope="module")
def commands(code: Path) -> Path:
    """Write the launchers as make setup does."""
    folder = code / "bin"
    folder.mkdir()
    script = [sys.executable, f"{ROOT}/packaging/launchers.py", "--python", sys.executable, "--code", str(code)]
    subprocess.run([*script, "--libraries", sysconfig.get_path("purelib"), str(folder)], check=True)
    return folder


def make(code: Path, *targets: str) -> subprocess.CompletedProcess[str]:
    """Run make in the copy, with the commands of this set-up."""
    venv = BIN.parent
    stamps = ("SETUP=.ready", "LAUNCHERS=.launchers", "-o", ".launchers")  # set up as it is
    line = ["make", "-C", str(code), f"VENV={venv}", *stamps, *targets]
    return subprocess.run(line, capture_output=True, check=False, text=True, timeout=200)


def test_make_generate_writes_all_and_make_check_finds_nothing_more(code: Path) -> None:
    """Before it names what is stale; ruff and mypy have nothing to say of the guide's check and test."""
    stale = make(code, "check")
    assert stale.returncode == 2
    assert "docs/checks/greeting.md is stale: make generate\n" in stale.stdout
    done = make(code, "generate", "check")
    assert done.returncode == 0, done.stdout + done.stderr
    written = {
        "setup.cfg": "    chk_greeting = cli.entry:chk_greeting\n",
        "docs/checks/greeting.md": "| `-e`, `--expect` STR | `220` | text that the greeting must begin with |\n",
        "docs/checks/README.md": "| [greeting](greeting.md) | Does a server greet? |\n",
        "docs/README.md": "[greeting](checks/greeting.md), ",
        "docs/zh-CN/README.md": "[greeting](../checks/greeting.md)、",
        "docs/icinga.md": "| `vipwarden_greeting_expect` | `--expect` | ",
        "docs/nagios.md": "| `check_vipwarden_greeting_is!PORT!TEXT` | `check_greeting -H HOSTADDRESS -p PORT ",
        "packaging/icinga/vipwarden.conf": 'object CheckCommand "vipwarden_greeting" {\n',
        "packaging/nagios/vipwarden.cfg": "/check_greeting -H '$HOSTADDRESS$' -p '$ARG1$' -e '$ARG2$'\n",
        "packaging/nrpe/vipwarden.cfg": "/check_greeting -H 127.0.0.1 -p 25 -t 8\n",
    }
    for name, text in written.items():
        assert text in (code / name).read_text("utf-8"), name


@pytest.fixture(scope="module")
def generated(code: Path) -> Path:
    """Write what comes of the check's file."""
    done = make(code, "generate")
    assert done.returncode == 0, done.stdout + done.stderr
    return code


def test_man_page_and_completion_have_it(generated: Path) -> None:
    """As the packages make them."""
    code = generated
    (code / "made").mkdir()
    for script, target in (("man.py", "made"), ("completion.py", "made/vipwarden")):
        subprocess.run([sys.executable, "-B", code / "packaging" / script, code, code / target], check=True)
    assert {"chk_greeting.8.gz", "check_greeting.8.gz"} <= {path.name for path in (code / "made/man8").iterdir()}
    assert '"vipwarden check greeting")\n            words="-H --host' in (code / "made/vipwarden").read_text()


def test_its_tests_pass(generated: Path) -> None:
    """Its own, and those that every check has to pass."""
    files = ["tests/checks/test_greeting.py", "tests/core", "tests/keepalived_scripts/test_chk_modules.py"]
    files += ["tests/docs/test_pages.py", "tests/clients/test_definitions.py"]
    line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "greeting or pages or wheel", *files]
    done = subprocess.run(line, capture_output=True, check=False, cwd=generated, text=True, timeout=200)
    assert done.returncode == 0, done.stdout


@pytest.fixture
def target() -> Iterator[Sequence[str]]:
    """Yield the options for a server that greets as SSH does."""
    with servers.greeting() as server:
        yield ["-H", server.host, "-p", str(server.port)]


def test_every_front_end_runs_it(commands: Path, tmp_path: Path, target: Sequence[str]) -> None:
    """Each in the words of who calls it."""
    environment = {**os.environ, "VIPWARDEN_RUNTIME_DIR": str(tmp_path)}
    for command, failed in (("chk_greeting", 1), ("check_greeting", 2), ("vipwarden check greeting", 2)):
        for expect, code in (("SSH-", 0), ("220", failed)):
            name, *words = command.split()
            line = [str(commands / name), *words, *target, "-e", expect]
            done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60, check=False)
            assert done.returncode == code, done
            assert "greeted with" in done.stdout


def test_the_agent_runs_it(commands: Path, tmp_path: Path, target: Sequence[str]) -> None:
    """By an entry of the configuration."""
    environment = {**os.environ, "VIPWARDEN_RUNTIME_DIR": str(tmp_path)}
    entry = f"{{check: greeting, host: {target[1]}, port: {target[3]}, expect: SSH-, interval: 1}}"
    (tmp_path / "vipwarden.yaml").write_text(f"checks:\n  mail: {entry}\n")
    agent = [str(commands / "vipwarden"), "agent", "--config", f"{tmp_path}/vipwarden.yaml"]
    status = [str(commands / "vipwarden"), "status", "--json"]
    with subprocess.Popen(agent, env=environment) as running:
        try:
            until = time.monotonic() + 60
            while True:
                done = subprocess.run(status, env=environment, capture_output=True, check=False, text=True, timeout=60)
                found = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
                if found.get("mail", {}).get("status") == "OK":
                    break
                assert time.monotonic() < until, found
                time.sleep(0.1)
        finally:
            running.terminate()
    assert "greeted with 'SSH-2.0-Test'" in found["mail"]["text"]
