#!/bin/bash
# PID 1 of the guest: the machine's files read-only under an overlay in memory, then the job. The folder that this file
# lies in says what is where.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
folder=${0%/*}
. "$folder/settings"
mount -t proc proc /proc; mount -t tmpfs run /run
libraries+=/$(uname -r)
grep -qw overlay /proc/filesystems || insmod "$libraries/kernel/fs/overlayfs/overlay.ko"
mkdir /run/upper /run/work /run/root
mount -t overlay overlay -o lowerdir=/,upperdir=/run/upper,workdir=/run/work /run/root
cd /run/root && mkdir -p .old && pivot_root . .old
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev; mount -t tmpfs run /run
umount -l /.old
mkdir -p /dev/shm /lib/modules "$shared"
mount -t tmpfs shm /dev/shm
ln -sfn /proc/self/fd /dev/fd
case $share in                          # the one folder that guest and machine share
  hostfs) mount -t hostfs none "$shared" -o "$shared" ;;
  9p) mount -t 9p lab "$shared" -o trans=virtio,version=9p2000.L,cache=none,msize=524288 ;;
esac
[ -e "/lib/modules/${libraries##*/}" ] || ln -s "$libraries" "/lib/modules/${libraries##*/}"
[ -s "$libraries/modules.dep.bin" ] || depmod
modprobe -a $modules
ip link set lo up
echo lab > /proc/sys/kernel/hostname
echo "$(uname -r)" > "$folder/up"
bash "$folder/job" </dev/null >"$folder/said" 2>&1
echo $? > "$folder/status"
sleep infinity                          # whoever booted it pulls the plug
