#!/bin/bash
# Does an application say that it is up, with its database? For a MISC_CHECK.     check_health.sh HOST PORT
curl -sf -m 1 "http://$1:$2/health" | grep -q up
