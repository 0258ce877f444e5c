#!/bin/sh
# Which Python runs vipwarden on this node, and what has it compiled? Asked by the packages when they are installed,
# and whenever a Python comes or goes.
#
#     setup             choose one, compile the code for it
#     setup --remove    leave nothing of that
#
# A command whose interpreter is missing counts as healthy with keepalived. So where no Python is left, false stands
# in its place, and everything fails.
set -eu
code=/usr/lib/vipwarden
python=/usr/libexec/vipwarden/python

fits() {
    [ -x "$1" ] && "$1" -ISc 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

choose() {
    # the one before stays as long as it can
    for one in "$(readlink "$python" 2>/dev/null)" /usr/bin/python3 /usr/bin/python3.1[1-9]; do
        if fits "$one"; then
            echo "$one"
            return
        fi
    done
    echo /usr/bin/false
}

# Bytecode that the code's own time does not matter to: packages of two versions may carry the same one.
forget() {
    if [ -d "$code" ]; then
        find "$code" -type d -name __pycache__ -prune -exec rm -rf {} +
        find "$code" -mindepth 1 -type d -empty -delete # folders that an older version had
    fi
}

if [ "${1-}" = --remove ]; then
    forget
    rm -f "$python"
    exit 0
fi

chosen=$(choose)
if [ "$(readlink "$python" 2>/dev/null)" != "$chosen" ]; then
    ln -sfT "$chosen" "$python.new"
    mv -fT "$python.new" "$python"
fi
forget
if [ "$chosen" = /usr/bin/false ]; then
    echo "vipwarden: there is no Python 3.11 or later in /usr/bin: every check fails until one is installed" >&2
    exit 1
fi
"$python" -IS -m compileall -q --invalidation-mode unchecked-hash "$code"
