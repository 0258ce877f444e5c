#!/bin/sh
# Stands where Python stood when there is none left: keepalived takes a script without an interpreter for a healthy one,
# and Nagios 1 for a warning. The kernel calls it as it would Python: no-python FLAGS COMMAND ARGUMENTS...
said="no Python 3.11 or later in /usr/bin: install one, and run /usr/libexec/vipwarden/setup"
case ${2##*/} in
check_*)
    echo "UNKNOWN - $said"
    exit 3
    ;;
*)
    echo "$2: $said" >&2
    exit 1
    ;;
esac
