"""Writes the completion of the commands for bash from their declarations; files complete where a value is wanted.

python packaging/completion.py CODE FILE
"""

from __future__ import annotations

import sys
from pathlib import Path

from commands import Command, commands

_HEAD = """\
# bash completion of vipwarden, chk_* and check_*
_vipwarden()
{
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    local command=${COMP_WORDS[0]##*/} words values
    if [[ $command == vipwarden ]] && ((COMP_CWORD > 1)); then
        command="vipwarden ${COMP_WORDS[1]}"
        case $command in
            "vipwarden check" | "vipwarden snippet")
                if ((COMP_CWORD > 2)); then
                    command+=" ${COMP_WORDS[2]}"
                fi
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
    if [[ $current != -* && -n $values ]]; then
        compopt -o default
    fi
}
"""


def case(command: Command) -> str:
    """Return what may stand behind one command."""
    return (
        f'        "{command.name}")\n            words="{" ".join((*command.words, *command.flags))}"\n'
        f'            values="{" ".join(command.values)}"\n            ;;\n'
    )


def main(code: Path, target: Path) -> None:
    """Write the file, and beside it a link for each command that is called by its path."""
    sys.path[:0] = [str(code), str(code / "vendor")]
    known = sorted(commands(code))
    names = sorted({command.name.split()[0] for command in known} - {"notify", "realserver"})
    target.write_text(f"{_HEAD}{''.join(map(case, known))}{_TAIL}complete -F _vipwarden {' '.join(names)}\n")
    for name in names:
        if name != target.name:
            target.with_name(name).unlink(missing_ok=True)
            target.with_name(name).symlink_to(target.name)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
