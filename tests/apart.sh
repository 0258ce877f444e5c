#!/bin/sh
# apart.sh COMMAND...: run a command as root in a network, processes, mounts, /run and /tmp of its own, so that what
# several workers start side by side (keepalived, its dumps in /tmp, ports, processes found by their names) never meets.
exec unshare --mount --net --ipc --pid --fork --mount-proc --kill-child -- sh -ec '
  mount -t tmpfs -o mode=755 run /run
  mkdir /run/lock /run/user
  mount -t tmpfs -o mode=1777 tmp /tmp
  exec "$@"' apart "$@"
