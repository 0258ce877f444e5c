#!/bin/sh
# Does a fresh clone work on a bare Debian, where hardly a program of programs.txt is? `make run` has to answer, and
# INSTALL=no make test to skip what it cannot do and fail nothing. Needs root. The Debian is made once, by debootstrap;
# what pip needs is fetched out here, so that inside there is no network.
set -eu
cd "$(dirname "$0")/.."
kept=${XDG_CACHE_HOME:-$HOME/.cache}/vipwarden/bare.tar
wheels=${kept%/*}/wheels
root=$PWD/build/bare
trap 'rm -rf "$root"' EXIT
rm -rf "$root" && mkdir -p "$root" "$wheels"
if [ -e "$kept" ]; then
  tar -C "$root" -xf "$kept"
else
  debootstrap --variant=minbase --include=python3,python3-venv,make,git bookworm "$root" > "$kept.log"
  rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/*
  tar -C "$root" -cf "$kept.aside" .
  mv "$kept.aside" "$kept"
fi
git clone --quiet . "$root/clone"
.venv/bin/python -m pip download --quiet --disable-pip-version-check --constraint constraints.txt \
  --dest "$wheels" setuptools '.[dev]'
cp -r "$wheels" "$root/wheels"
cat > "$root/prove" <<'EOF'
set -eu
cd /clone
make run &
python3 - <<'ASK'
import time, urllib.request
end = time.monotonic() + 600
while True:
    try:
        for path in ("-/healthy", "metrics", ""):
            with urllib.request.urlopen(f"http://127.0.0.1:9877/{path}", timeout=5) as answer:
                assert answer.status == 200, path
    except OSError:
        assert time.monotonic() < end, "make run does not answer"
        time.sleep(0.2)
    else:
        break
ASK
echo "bare: make run answers"
kill $!
wait
INSTALL=no make test
EOF
# what is not made by debootstrap, but by every installation
echo '127.0.0.1 localhost
::1 localhost' > "$root/etc/hosts"
# shellcheck disable=SC2016
tests/apart.sh sh -ec '
  ip link set lo up
  mount --bind "$1" "$1"    # only what is mounted can become the root
  cd "$1"
  mount -t proc proc proc
  mount -t sysfs -o ro sys sys
  mount -t devpts -o newinstance,ptmxmode=0666 pts dev/pts
  mount -t tmpfs shm dev/shm
  pivot_root . mnt
  exec env -i HOME=/root LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels \
    chroot . sh -ec "umount -l /mnt; exec sh /prove"' bare "$root"
