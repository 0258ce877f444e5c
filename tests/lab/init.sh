#!/bin/bash
# PID 1 of the guest: the machine's files read-only under an overlay in memory, then the job that the folder LAB holds.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LAB
mount -t proc proc /proc; mount -t tmpfs run /run
modules=/usr/lib/uml/modules/$(uname -r)
insmod "$modules/kernel/fs/overlayfs/overlay.ko"
mkdir /run/upper /run/work /run/root
mount -t overlay overlay -o lowerdir=/,upperdir=/run/upper,workdir=/run/work /run/root
cd /run/root && mkdir -p .old && pivot_root . .old
mount -t proc proc /proc; mount -t sysfs sys /sys
mount --move /.old/dev /dev; mount -t tmpfs run /run
umount -l /.old
mkdir -p /dev/shm /lib/modules "$LAB"
mount -t tmpfs shm /dev/shm
ln -sfn /proc/self/fd /dev/fd
mount -t hostfs none "$LAB" -o "$LAB"    # the one folder that guest and machine share
ln -sfn "$modules" "/lib/modules/$(uname -r)"
[ -s "$modules/modules.dep.bin" ] || depmod
modprobe -a $(cat "$LAB/modules")
ip link set lo up
echo lab > /proc/sys/kernel/hostname
echo up > "$LAB/$LAB_GUEST/up"
bash "$LAB/$LAB_GUEST/job" </dev/null >"$LAB/$LAB_GUEST/said" 2>&1
echo $? > "$LAB/$LAB_GUEST/status"
sleep infinity                          # whoever booted it pulls the plug
