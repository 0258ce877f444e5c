#!/bin/sh
# Builds the Debian packages into dist/ from the source archive and the wheels that are there: build.sh PYTHON VERSION
set -eu
umask 022
python=$1 version=$2
top=$PWD/build/deb
rm -rf "$top" dist/*.deb
mkdir -p "$top"
tar -C "$top" -xf "dist/vipwarden-$version.tar.gz"
cd "$top/vipwarden-$version"
cp -r ../../wheels .
cp -r packaging/deb/debian .
PYTHON="$python" dpkg-buildpackage --build=binary --no-sign --no-check-builddeps >../log 2>&1 || {
    tail -n 40 ../log >&2
    exit 1
}
mv ../*.deb ../../../dist/
cd ../../..
ls dist/*.deb
