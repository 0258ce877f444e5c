"""Writes the completion of the commands for bash, from the --help of each; files complete where a value is wanted.

python packaging/completion.py CODE FILE
"""

from __future__ import annotations

import sys
from pathlib import Path

from commands import Help, helps

_HEAD = """\
# bash completion of vipwarden, chk_* and check_*; made of what each says with --help
_vipwarden()
{
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local command=${COMP_WORDS[0]##*/} words values
    if [[ $command == vipwarden ]]; then
        if ((COMP_CWORD == 1)); then
            COMPREPLY=($(compgen -W "$VIPWARDEN_PARTS --help --version" -- "$current"))
            return
        fi
        command="vipwarden ${COMP_WORDS[1]}"
        case $command in
            "vipwarden check" | "vipwarden snippet")
                if ((COMP_CWORD == 2)); then
                    COMPREPLY=($(compgen -W "$VIPWARDEN_CHECKS --help" -- "$current"))
                    return
                fi
                command="chk_${COMP_WORDS[2]}"
                ;;
            "vipwarden notify" | "vipwarden realserver" | "vipwarden chk_"*)
                command=${COMP_WORDS[1]}
                ;;
        esac
    fi
    case $command in
"""
_TAIL = """\
        *)
            return
            ;;
    esac
    if [[ " $values " == *" $previous "* ]]; then
        compopt -o default
        COMPREPLY=()
        return
    fi
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    if [[ $current != -* ]]; then
        compopt -o default
    fi
}
"""


def case(one: Help) -> str:
    """Return what may stand behind one command."""
    found = [item for items in one.sections.values() for item in items]
    flags = [flag for item in found for flag in item.flags]
    values = [flag for item in found if item.takes_value for flag in item.flags]
    words = [word for item in found if item.term.startswith("{") for word in item.term.strip("{}").split(",")]
    return (
        f'        "{one.name}")\n            words="{" ".join((*words, *flags))}"\n'
        f'            values="{" ".join(values)}"\n            ;;\n'
    )


def main(code: Path, target: Path) -> None:
    """Write the file, and beside it a link for each command that is called by its path."""
    found = {one.name: one for one in helps(code)}
    listed = {
        part: " ".join(item.term for item in found[part].sections["commands"])
        for part in ("vipwarden", "vipwarden check")
    }
    head = _HEAD.replace("$VIPWARDEN_PARTS", listed["vipwarden"]).replace(
        "$VIPWARDEN_CHECKS", listed["vipwarden check"]
    )
    known = [one for name, one in found.items() if name not in listed and name != "vipwarden snippet"]
    names = sorted({name.split()[0] for name in found} - {"notify", "realserver"})
    target.write_text(f"{head}{''.join(map(case, known))}{_TAIL}complete -F _vipwarden {' '.join(names)}\n")
    for name in names:
        if name != target.name:
            target.with_name(name).unlink(missing_ok=True)
            target.with_name(name).symlink_to(target.name)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
