#!/bin/sh
# Chooses the code and the Python that all commands run by. Packages call it when they are installed, and whenever a
# Python is installed or removed.
#
#     setup             choose a Python, and let the commands run the code as it is installed
#     setup --remove    leave nothing of that
#
# A package manager replaces file by file, and may be interrupted. So commands run a copy of the installed files in
# live/, made of hard links, with its own bytecode. The link `current` is switched when a copy is whole. The previous
# copy stays for a day, for the processes that run it.
set -eu
umask 022
top=/usr/lib/vipwarden
python=/usr/libexec/vipwarden/python
none=/usr/libexec/vipwarden/no-python
kept=1440 # minutes

fits() {
    [ -x "$1" ] && "$1" -ISc 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

choose() {
    # the previous choice stays as long as it can
    for one in "$(readlink "$python" || :)" /usr/bin/python3 /usr/bin/python3.1[1-9]; do
        if [ "$one" != "$none" ] && fits "$one"; then
            echo "$one"
            return
        fi
    done
    echo "$none"
}

switch() { # LINK TARGET, by one rename
    if [ "$(readlink "$1" || :)" != "$2" ]; then
        ln -sfT "$2" "$1.new"
        mv -fT "$1.new" "$1"
    fi
}

# The list of the files is made with the packages; its last line tells that it is not cut off.
is_whole() {
    [ "$(tail -n 1 "$top/code.sha256" 2>/dev/null)" = "# whole" ] &&
        (cd "$top/code" && sha256sum --check --status "$top/code.sha256" 2>/dev/null)
}

copy() {
    rm -rf "$top"/live/.new
    mkdir -p "$top/live/.new"
    sed -n 's/^[0-9a-f]*  //p' "$top/code.sha256" | (cd "$top/code" && xargs -d '\n' cp -lPt "$top/live/.new" --parents)
    mv -T "$top/live/.new" "$1"
}

if [ "${1-}" = --remove ]; then
    rm -rf "$top/live" "$top/current" "$python"
    exit 0
fi

exec 9<"$top"
flock 9 # one at a time
chosen=$(choose)
switch "$python" "$chosen"
if [ "$chosen" = "$none" ]; then
    echo "vipwarden: there is no Python 3.11 or later in /usr/bin: every check fails until one is installed" >&2
    exit 1
fi

code=$(readlink "$top/current" || :)
before=$code
wrong=0
if is_whole; then
    code=$top/live/$(sha256sum <"$top/code.sha256" | cut -c -16)
    if [ ! -d "$code" ]; then
        copy "$code"
    fi
elif [ -d "$code" ]; then
    wrong=1
    echo "vipwarden: $top/code is not what was packed: the commands go on with $code until it is installed again" >&2
else
    echo "vipwarden: $top/code is not what was packed: every check fails until it is installed again" >&2
    exit 1
fi
"$python" -IS -m compileall -q --invalidation-mode unchecked-hash "$code"
"$python" -ISX no_debug_ranges "$code/keepalived_scripts/bundle.py" || : # slower without
if [ "$code" != "$before" ]; then
    sync -f "$code" # bytecode that a power failure cut in half would be run
    switch "$top/current" "$code"
    if [ -d "$before" ]; then
        touch "$before"
    fi
fi
find "$top/live" -mindepth 1 -maxdepth 1 ! -path "$code" -mmin "+$kept" -exec rm -rf {} +
exit $wrong
