"""What does one run of a check cost, beside the scripts and plugins that it takes the place of?"""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measure import Case, interleave
from tests.servers.mariadb import mariadb
from tests.servers.nginx import nginx

if TYPE_CHECKING:
    from collections.abc import Iterator

BIN = Path(sys.executable).parent
PLUGINS = Path("/usr/lib/nagios/plugins")
NMAP_SCRIPT = """#!/bin/bash
# as in many a tutorial: the state of the port is the second word of nmap's line
state=$(nmap -p $2 $1 | grep "^$2/tcp" | awk '{print $2}')
[ "$state" = open ]
"""
# (what is measured, its share of what, the most it should be), by CPU unless the name says wall
TARGETS = (
    ("chk_port", "python3 -I -S", "cpu", 1.25),
    ("chk_port", "nmap script", "cpu", 1 / 5),
    ("chk_port", "nmap script", "wall", 1 / 8),
    ("chk_process", "python3 -I -S", "cpu", 1.5),
    ("chk_http_digest", "python3 -I -S", "cpu", 1.35),
    ("chk_http_digest", "genhash", "cpu", 1.0),
    ("chk_mysql_ping", "python3 -I -S", "cpu", 1.5),
    ("check_process", "import nagiosplugin", "cpu", 1.3),
    ("check_port", "import nagiosplugin", "cpu", 1.3),
    ("check_http_digest", "import nagiosplugin", "cpu", 1.3),
    ("check_mysql_ping", "import nagiosplugin", "cpu", 1.3),
)
MOST_MEMORY = 12 * 1024  # KiB, of each chk_
