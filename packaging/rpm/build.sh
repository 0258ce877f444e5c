#!/bin/sh
# Builds the RPMs into dist/ from the source archive and the wheels that are there: build.sh PYTHON VERSION
set -eu
umask 022
python=$1 version=$2
top=$PWD/build/rpm
rm -rf "$top" dist/*.rpm
mkdir -p "$top/SOURCES" "$top/tmp"
install -m 644 "dist/vipwarden-$version.tar.gz" "$top/SOURCES/"
tar --sort=name --owner=0 --group=0 --numeric-owner --mode=go-w,a+r --mtime="@$SOURCE_DATE_EPOCH" \
    -cf "$top/SOURCES/vipwarden-wheels-$version-$(uname -m).tar" -C build \
    $(cd build && echo wheels/*.whl)
PATH=$(dirname "$python"):$PATH
# --nodeps: a Debian builds them as well, which knows its own packages by other names. Apart, for rpm writes the path of
# the build into a source package, and its sum into what is built along with it.
for kind in -bb -bs; do
    rpmbuild $kind --nodeps --quiet --define "_topdir $top" --define "_tmppath $top/tmp" \
        --define "_buildhost reproducible" --define "use_source_date_epoch_as_buildtime 1" \
        --define "clamp_mtime_to_source_date_epoch 1" --define "build_mtime_policy clamp_to_source_date_epoch" \
        packaging/rpm/vipwarden.spec
done
mv "$top"/RPMS/*/*.rpm "$top"/SRPMS/*.rpm dist/
ls dist/*.rpm
