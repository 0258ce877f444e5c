#!/bin/bash
# Keep the state of an instance in a file.     notify.sh INSTANCE|GROUP NAME STATE PRIORITY
if [ "$3" = BACKUP ]; then
    sleep 0.7   # the time it takes to end what the master alone runs
fi
echo "$3" > "/run/state.$2"
