#!/bin/sh
# Takes the place of Python where none is left: keepalived counts a script without an interpreter as healthy, and exit
# code 1 is a warning for Nagios. The kernel calls it as it would call Python: no-python FLAGS COMMAND ARGUMENTS...
reason="no Python 3.11 or later in /usr/bin: install one, and run /usr/libexec/vipwarden/setup"
case ${2##*/} in
check_*)
    echo "UNKNOWN - $reason"
    exit 3
    ;;
*)
    echo "$2: $reason" >&2
    exit 1
    ;;
esac
