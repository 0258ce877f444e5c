#!/bin/bash
# Gets what a guest needs where the User-Mode-Linux of this Debian does not boot: a newer one, and for QEMU itself where
# root may install it, Debian's own kernel. All else goes to a folder of this user, where tests/lab finds it; what is
# there stays.     kernel.sh [uml|qemu]: one of them alone
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/vipwarden/lab
mkdir -p "$cache"
new=$(mktemp -d "$cache/.new.XXXXXX")
trap 'rm -rf "$new"' EXIT
cd "$new"
get=(apt-get -o APT::Sandbox::User=root -qq)

keep() { mv -T "$1" "$cache/$2" 2>/dev/null || [ -d "$cache/$2" ]; echo "lab: $cache/$2"; }    # or another one was faster

# sid's User-Mode-Linux with the C library that it wants: Debian 12's and 13's abort on CPUs with AMX
uml() {
  [ ! -e "$cache/uml/linux.uml" ] || return 0
  local mirror
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep '/debian/$' | head -n 1)
  mkdir -p apt/lists apt/archives sid uml/lib
  echo "deb [arch=amd64] $mirror sid main" >apt/sources.list
  get+=(-o "Dir::Etc::sourcelist=$new/apt/sources.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$new/apt/lists"
    -o "Dir::Cache=$new/apt" -o Acquire::Languages=none)
  "${get[@]}" update && "${get[@]}" download user-mode-linux libc6
  for package in ./*.deb; do dpkg -x "$package" sid; rm "$package"; done
  mv sid/usr/lib/uml/modules uml/lib/
  indexed uml "$(basename uml/lib/modules/*)"
  find sid \( -name libc.so.6 -o -name ld-linux-x86-64.so.2 \) -type f -exec mv -t uml {} +
  # its loader is the one in the folder in which it is started
  LC_ALL=C sed 's|/lib64/ld-linux-x86-64.so.2|./ld-linux-x86-64.so.2\x00\x00\x00\x00\x00|' sid/usr/bin/linux.uml >uml/linux.uml
  chmod 755 uml uml/linux.uml
  keep uml uml
}

# the kernel for clouds is smaller and has no 9p
qemu() {
  ! compgen -G "$cache/*/boot/vmlinuz-*" >/dev/null || return 0
  "${get[@]}" download "$(package)" 2>/dev/null || { lists; "${get[@]}" download "$(package)"; }
  mkdir kernel
  # of 400 MB of modules a third: file systems, networks, and what they stand on
  dpkg-deb --fsys-tarfile ./linux-image-*.deb | tar -x -C kernel --wildcards './boot/vmlinuz-*' \
    '*/lib/modules/*/modules.*' '*/lib/modules/*/kernel/arch/*' '*/lib/modules/*/kernel/crypto/*' \
    '*/lib/modules/*/kernel/lib/*' '*/lib/modules/*/kernel/fs/*' '*/lib/modules/*/kernel/net/*' \
    '*/lib/modules/*/kernel/drivers/virtio/*' '*/lib/modules/*/kernel/drivers/net/*.ko*'
  [ -e kernel/lib ] || ln -s usr/lib kernel/lib
  local release
  release=$(basename kernel/lib/modules/*)
  indexed kernel "$release"
  chmod 755 kernel
  keep kernel "$release"
}
indexed() { PATH=$PATH:/usr/sbin:/sbin depmod -b "$new/$1" "$2"; }
package() { apt-cache depends linux-image-amd64 | awk '$1 == "Depends:" && !seen++ {print $2}'; }
lists() { [ "$(id -u)" != 0 ] || apt-get -qq update; }    # they may be old, or cleared

[ "${1:-qemu}" != qemu ] || "${PYTHON:-python3}" "$here/../programs.py" qemu
for part in ${1:-qemu uml}; do (set -e; "$part"); done
