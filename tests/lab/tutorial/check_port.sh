#!/bin/bash
# Is a port of a host open? For a MISC_CHECK.     check_port.sh HOST PORT
nmap -n -p "$2" "$1" | grep -q "^$2/tcp *open"
