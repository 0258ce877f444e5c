"""Which command does a vrrp_script run, and how is it stood in for by a switch?

Each program of a vrrp_script is replaced in the node's own view of the files by a switch: it knows the scripts by their
arguments, and succeeds, fails or hangs as the fault of the moment wants it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from vipwarden.node.keepalived.conf import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vipwarden.node.keepalived.conf import Block

_KEEPS_ESCAPES = (2, 3, 2)
_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_SHELL = "/.rehearse/sh"
_SWITCH = f"""#!{_SHELL}
while IFS='|' read -r name program arguments; do
    if [ "$program" = "${{0##*/}}" ] && [ "$arguments" = "$*" ]; then
        [ -e "/.rehearse/hangs-$name" ] && read -r never </.rehearse/never
        [ -e "/.rehearse/fails-$name" ] && exit 1
    fi
done </.rehearse/scripts
exit 0
"""


def words(block: Block, version: tuple[int, ...] | None) -> list[str]:
    """Return program and arguments of a vrrp_script, as that version of keepalived splits them."""
    line = block.last("script")
    split = quoted(line.text, escapes=version is None or version < _KEEPS_ESCAPES) if line is not None else []
    return quoted(split[1]) if len(split) > 1 else []


def stand_in(root: Path, scripts: Mapping[str, Sequence[str]]) -> None:
    """Put the switch in the place of each program below a root."""
    folder = root / ".rehearse"
    folder.mkdir()
    shutil.copy2("/bin/dash" if Path("/bin/dash").exists() else "/bin/sh", root / _SHELL[1:])
    os.mkfifo(folder / "never")
    lines = []
    for number, (_, argv) in enumerate(scripts.items()):
        if not argv or argv[0].startswith("<"):
            continue
        program = Path(argv[0])
        place = root / str(program)[1:] if program.is_absolute() else _found(root, program.name)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.write_text(_SWITCH, encoding="utf-8")
        place.chmod(0o755)
        lines.append(f"{number}|{program.name}|{' '.join(argv[1:])}\n")
    (folder / "scripts").write_text("".join(lines), encoding="utf-8")


def switch(root: Path, scripts: Mapping[str, Sequence[str]], name: str, *, kind: str, broken: bool) -> None:
    """Let a script fail or hang, or succeed again."""
    number = [*scripts].index(name)
    mark = root / ".rehearse" / f"{'hangs' if kind == 'hang' else 'fails'}-{number}"
    if broken:
        mark.touch()
    else:
        mark.unlink()


def _found(root: Path, name: str) -> Path:
    """Return where a program of the PATH is, or would be."""
    places = [root / folder[1:] / name for folder in _PATH]
    return next((it for it in places if it.exists()), root / "usr/bin" / name)
