"""Which command does a vrrp_script run, and how does it fail, hang, or go missing?

A switch in the place of its program succeeds, fails or hangs as the fault of the moment wants it. It knows the scripts
by their arguments; for other arguments it runs the program that was there. A script that does not run as it is has the
switch all the time.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rehearse.model.faults import FAIL, HANG, MISSING, NO_INTERPRETER
from rehearse.stage.view import copy, give_to_root, inside, program
from vipwarden.node.keepalived.conf import quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from vipwarden.node.keepalived.conf import Block

    Scripts = Mapping[str, Sequence[str]]

_KEEPS_ESCAPES = (2, 3, 2)
_OWN = ".rehearse"
_SHELL = f"/{_OWN}/sh"
_SWITCH = f"""#!{_SHELL}
own="${{0##*/}}"
while IFS='|' read -r name program arguments; do
    if [ "$program" = "$own" ] && [ "$arguments" = "$*" ]; then
        [ -e "/{_OWN}/hangs-$name" ] && read -r never </{_OWN}/never
        [ -e "/{_OWN}/fails-$name" ] && exit 1
        [ -e "/{_OWN}/as-it-is-$name" ] || exit 0
    fi
done </{_OWN}/scripts
[ -e "/{_OWN}/real/$own" ] && exec "/{_OWN}/real/$own" "$@"
exit 0
"""
# what `systemctl` is in a node: it asks the first process of the node for the services
_SYSTEMCTL = f"""#!{_SHELL}
verb= names= all=0
for word; do
    case "$word" in
        -*) ;;
        *) if [ "$verb" ]; then names="$names $word"; else verb="$word"; fi ;;
    esac
done
for name in $names; do
    answer="/{_OWN}/answers/$$"
    /{_OWN}/mkfifo "$answer" || exit 1
    echo "$$ $verb $name" >/{_OWN}/control
    read -r code state <"$answer"
    rm -f "$answer"
    case "$verb" in
        is-active) echo "$state" ;;
        status) echo "$name"; echo "   Active: $state" ;;
        show) echo "ActiveState=$state" ;;
    esac
    [ "$code" = 0 ] || all="$code"
done
exit "$all"
"""


def words(block: Block, version: tuple[int, ...] | None) -> list[str]:
    """Return program and arguments of a vrrp_script, as that version of keepalived splits them."""
    line = block.last("script")
    split = quoted(line.text, escapes=version is None or version < _KEEPS_ESCAPES) if line is not None else []
    return quoted(split[1]) if len(split) > 1 else []


def prepare(root: Path, scripts: Scripts) -> None:
    """Lay out what the switch and the services of a node need, and its ``systemctl``."""
    folder = root / _OWN
    folder.mkdir()
    shutil.copy2("/bin/dash" if Path("/bin/dash").exists() else "/bin/sh", root / _SHELL[1:])
    shutil.copy2(shutil.which("mkfifo") or "/usr/bin/mkfifo", folder / "mkfifo")
    for pipe in ("never", "control"):
        os.mkfifo(folder / pipe)
        (folder / pipe).chmod(0o622)
    (folder / "answers").mkdir()
    (folder / "answers").chmod(0o1777)
    lines = [f"{number}|{Path(it[0]).name}|{' '.join(it[1:])}\n" for number, it in enumerate(scripts.values()) if it]
    (folder / "scripts").write_text("".join(lines), encoding="utf-8")
    for argv in scripts.values():
        if argv and argv[0].startswith("/"):
            _own_command(root, argv[0])
            give_to_root(root, argv[0])
    _write(program(root, "systemctl"), _SYSTEMCTL)


def _own_command(root: Path, path: str) -> None:
    """Put one of our own commands where the script expects it, if it is not there."""
    own = Path(sys.executable).with_name(Path(path).name)
    place = program(root, path)
    if own.name.startswith("chk_") and own.exists() and not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        _write(place, f'#!{_SHELL}\nexec {own} "$@"\n')


def stand_in(root: Path, scripts: Scripts, names: Collection[str]) -> None:
    """Put the switch in the place of these scripts."""
    for name in names:
        argv = scripts[name]
        if argv and not argv[0].startswith("<"):
            _write(program(root, argv[0]), _SWITCH)


def change(root: Path, scripts: Scripts, name: str, kind: str, *, broken: bool) -> None:
    """Let a script fail, hang, go missing or lose its interpreter, or run again."""
    number, argv = [*scripts].index(name), scripts[name]
    place = program(root, argv[0])
    kept, real = (root / _OWN / it / Path(argv[0]).name for it in ("kept", "real"))
    if kind in (HANG, FAIL):
        mark = root / _OWN / f"{'hangs' if kind == HANG else 'fails'}-{number}"
        if not broken:
            mark.unlink()
        else:
            mark.touch()
    if not (root / _OWN / f"as-it-is-{number}").exists():
        return
    if not broken:
        if not _others(root, scripts, place) and os.path.lexists(kept):
            copy(kept, place)
            kept.unlink()
            real.unlink()
    elif not os.path.lexists(kept):  # else another fault of the moment has put it away
        file = inside(root, f"/{place.relative_to(root)}")
        copy(place, kept)
        real.parent.mkdir(exist_ok=True)
        seen = file if place.is_symlink() else kept  # a link means nothing elsewhere
        real.symlink_to(f"/{seen.relative_to(root)}")
        if kind == MISSING:
            place.unlink()
        elif kind == NO_INTERPRETER:
            _write(place, f"#!/{_OWN}/no-interpreter\n", file.read_bytes().partition(b"\n")[2])
        else:
            _write(place, _SWITCH)


def _others(root: Path, scripts: Scripts, place: Path) -> bool:
    """Return whether a script with the same program still fails or hangs."""
    same = [number for number, it in enumerate(scripts.values()) if it and program(root, it[0]) == place]
    return any((root / _OWN / f"{mark}-{number}").exists() for number in same for mark in ("hangs", "fails"))


def run_as_they_are(root: Path, scripts: Scripts, names: Collection[str]) -> None:
    """Note which scripts run as they are."""
    for number, name in enumerate(scripts):
        if name in names:
            (root / _OWN / f"as-it-is-{number}").touch()


def _write(place: Path, text: str, rest: bytes = b"") -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = place.with_name(f".{place.name}.fresh")
    fresh.write_bytes(text.encode() + rest)
    fresh.chmod(0o755)
    fresh.replace(place)
