#!/bin/bash
# Does a database take connections?     check_connect.sh HOST PORT
timeout 2 bash -c "</dev/tcp/$1/$2"
