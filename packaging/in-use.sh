#!/bin/sh
# in-use CONSEQUENCE REGEX: which lines of keepalived's configuration need what is about to be removed? Always 0.
lines=$(grep -rnE "$2" /etc/keepalived 2>/dev/null | grep -vE '^[^:]*:[0-9]+:[[:space:]]*[#!]') || exit 0
printf '%s\n' "vipwarden: keepalived's configuration still uses what is being removed. $1:" "$lines" >&2
