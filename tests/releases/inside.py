"""How is a command run in the root of another release? On a fresh layer over it, with a copy of this tree."""

from __future__ import annotations

import os
import subprocess
import tempfile
from typing import TYPE_CHECKING

from tests.commands import CODE

if TYPE_CHECKING:
    from pathlib import Path

# The layer is in memory and in namespaces of its own, and gone with the last process. The files of the tree are older
# than what `make setup` leaves behind, so that an environment is taken as it is. How pip reaches its registry is the
# node's. A HAProxy of another root stands in for the root's own.
_ENTER = """
room=$1 root=$2 code=$3 venv=$4 haproxy=$5; shift 5
mount -t tmpfs -o mode=755 room "$room"
mkdir "$room/upper" "$room/work" "$room/root"
mount -t overlay -o "lowerdir=$root,upperdir=$room/upper,workdir=$room/work" root "$room/root"
cd "$room/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
test ! -d /sys/fs/cgroup || mount --rbind /sys/fs/cgroup sys/fs/cgroup
mount --rbind /dev dev
mount -t tmpfs -o mode=1777 shm dev/shm
mount -t tmpfs -o mode=1777 tmp tmp
mount -t tmpfs -o mode=755 run run
mkdir run/lock run/user
for file in /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/ssl/certs/ca-certificates.crt; do
  test ! -f $file || { rm -f .$file; cp $file .$file; }
done
mkdir -p opt/vipwarden
(cd "$code" && git ls-files -z --cached --others --exclude-standard | xargs -0 ls -d 2> /dev/null |
  tar -c --owner=0 --group=0 --mtime=@946684800 -T -) | tar -x -C opt/vipwarden
mkdir opt/vipwarden/.venv
mount --bind "$venv" opt/vipwarden/.venv
if [ -n "$haproxy" ]; then
  mkdir opt/haproxy
  mount --bind "$haproxy" opt/haproxy
  for folder in dev proc; do mount --rbind $folder opt/haproxy/$folder; done
  rm usr/sbin/haproxy
  # each worker of the tests has a /tmp of its own
  printf '#!/bin/sh\\nmount --bind /tmp /opt/haproxy/tmp && exec chroot /opt/haproxy /usr/sbin/haproxy "$@"\\n' \
    > usr/sbin/haproxy
  chmod 755 usr/sbin/haproxy
fi
pivot_root . mnt
exec chroot . sh -ec 'umount -l /mnt; cd /opt/vipwarden; ip link set lo up; "$@"; exit $?' sh "$@"
"""


def run(
    root: Path, venv: Path, *command: str, network: bool = False, haproxy: Path | None = None, quiet: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a command there, in the copy of the tree, and return how it ended; ``quiet`` keeps what it says.

    It has no network but a loopback of its own, unless ``network`` lends it the node's.
    """
    apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--ipc", *([] if network else ["--net"])]
    kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    with tempfile.TemporaryDirectory(prefix="vipwarden-") as room:
        words = [room, str(root), str(CODE), str(venv), str(haproxy or ""), *command]
        return subprocess.run(
            [*apart, "--", "sh", "-ec", _ENTER, "sh", *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if quiet else None,
            stderr=subprocess.STDOUT if quiet else None, check=False, text=True,
            env={**kept, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
