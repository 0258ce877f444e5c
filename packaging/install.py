"""Lays out the files of the packages below a folder, from the source and from pinned wheels, without the network.

    python packaging/install.py --wheels FOLDER [--plugins FOLDER] ROOT

What depends on the node, its interpreter and the copy of the code that runs, is made there: see packaging/setup.sh.
"""

from __future__ import annotations

import argparse
import configparser
import os
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import launchers
from sbom import sbom
from wheels import wheels

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent
HOME = "/usr/lib/vipwarden"
CODE = f"{HOME}/code"
LIBRARIES = f"{CODE}/vendor"
PYTHON = "/usr/libexec/vipwarden/python"
SCRIPTS = "/usr/libexec/keepalived"
PLUGINS = "/usr/lib64/nagios/plugins"
SHARE = "/usr/share/vipwarden"
COMPLETIONS = "/usr/share/bash-completion/completions"
# by what is below packaging/
FILES = {
    "setup.sh": "/usr/libexec/vipwarden/setup",
    "no-python.sh": "/usr/libexec/vipwarden/no-python",
    "in-use.sh": "/usr/libexec/vipwarden/in-use",
    "etc/*": "/etc/vipwarden/",
    "systemd/*.service": "/usr/lib/systemd/system/",
    "systemd/*.socket": "/usr/lib/systemd/system/",
    "systemd/tmpfiles.conf": "/usr/lib/tmpfiles.d/vipwarden.conf",
    "systemd/exporter-generator": "/usr/lib/systemd/system-generators/vipwarden-exporter",
    "systemd/agent/*.conf": f"{SHARE}/systemd/vipwarden-agent.service.d/",
    "systemd/exporter/*.conf": f"{SHARE}/systemd/vipwarden-exporter.service.d/",
    "selinux/vipwarden.cil": f"{SHARE}/selinux/",
    "prometheus/*.yml": f"{SHARE}/prometheus/",
    "prometheus/rules/*.yaml": f"{SHARE}/prometheus/rules/",
    "grafana/*.json": f"{SHARE}/grafana/",
    "nagios/*.cfg": f"{SHARE}/nagios/",
    "nrpe/*.cfg": f"{SHARE}/nrpe/",
    "icinga/vipwarden.conf": "/usr/share/icinga2/include/plugins-contrib.d/",
}
MODES = {
    "/usr/libexec/vipwarden/setup": 0o755,
    "/usr/libexec/vipwarden/no-python": 0o755,
    "/usr/libexec/vipwarden/in-use": 0o755,
    "/usr/lib/systemd/system-generators/vipwarden-exporter": 0o755,
    "/etc/vipwarden/mysql.cnf": 0o640,
    "/etc/vipwarden/web-config.yaml": 0o640,
}
STATES = ("master", "backup", "fault", "stop")


def below(root: Path, path: str) -> Path:
    """Return where an absolute path lies below the root; its folder is made."""
    place = root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def code(root: Path) -> None:
    """Copy the packages that setup.cfg includes, with their data."""
    setup = configparser.ConfigParser()
    setup.read(SOURCE / "setup.cfg")
    data = setup["options.package_data"]
    paths = [SOURCE / script for script in launchers.SHELL]
    for include in setup["options.packages.find"]["include"].split():
        for package in sorted(path.parent for path in SOURCE.glob(f"{include}/**/__init__.py")):
            name = ".".join(package.relative_to(SOURCE).parts)
            for pattern in ("*.py", *f"{data['*']}, {data.get(name, '')}".replace(",", " ").split()):
                paths += sorted(package.glob(pattern))
    for path in paths:
        shutil.copyfile(path, below(root, f"{CODE}/{path.relative_to(SOURCE)}"))


def commands(root: Path, plugins: str) -> None:
    """Write the launchers, man pages and completion."""
    places = {"--plugins": plugins, "--scripts": SCRIPTS, "": "/usr/bin"}
    for place in places.values():
        below(root, f"{place}/").mkdir(exist_ok=True)
    run("launchers.py", "--python", PYTHON, "--flags", "B", "--code", root / CODE[1:],
        "--current", f"{HOME}/current", *(word for option, place in places.items()
                                       for word in (option, root / place[1:]) if word))  # fmt: skip
    for script in launchers.SHELL:
        (root / CODE[1:] / script).unlink()
    run("man.py", root / CODE[1:], below(root, "/usr/share/man/"))
    run("completion.py", root / CODE[1:], below(root, f"{COMPLETIONS}/vipwarden"))


def listed(root: Path) -> None:
    """Write the list of the code's files with their sums; its last line tells that it is not cut off."""
    code = root / CODE[1:]
    files = sorted(str(path.relative_to(code)) for path in code.rglob("*") if path.is_file())
    lines = [f"{sha256((code / name).read_bytes()).hexdigest()}  {name}\n" for name in files]
    below(root, f"{HOME}/code.sha256").write_text("".join((*lines, "# whole\n")))


def run(script: str, *arguments: str | Path) -> None:
    """Run one of the other generators."""
    subprocess.run([sys.executable, "-B", HERE / script, *arguments], check=True)


def files(root: Path, plugins: str) -> None:
    """Copy the other files."""
    for pattern, place in FILES.items():
        paths = sorted(HERE.glob(pattern))
        if not paths:
            sys.exit(f"install: there is no packaging/{pattern}")
        for path in paths:
            name = place + path.name if place.endswith("/") else place
            target = below(root, name)
            shutil.copyfile(path, target)
            if pattern.startswith("nrpe/"):
                target.write_text(target.read_text().replace(PLUGINS, plugins))
            target.chmod(MODES.get(name, 0o644))
    for folder in ("realserver", *(f"notify.d/{state}" for state in STATES)):
        below(root, f"/etc/vipwarden/{folder}").mkdir()


def main() -> None:
    """Lay out everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheels", type=Path, required=True, help="folder of the wheels of rpm/requirements.txt")
    parser.add_argument("--plugins", default=PLUGINS, help="where Nagios' plugins belong")
    parser.add_argument("root", type=Path)
    given = parser.parse_args()
    os.umask(0o022)
    carried = wheels(given.wheels)
    code(given.root)
    for wheel in carried:
        wheel.unpack(given.root / LIBRARIES[1:])
    below(given.root, f"{SHARE}/vipwarden.spdx.json").write_text(sbom(carried))
    files(given.root, given.plugins)
    commands(given.root, given.plugins)
    listed(given.root)


if __name__ == "__main__":
    main()
