#!/bin/bash
# Does the gateway answer?     check_gateway.sh HOST
ping -c 1 -W 1 "$1" >/dev/null
