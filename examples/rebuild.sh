#!/bin/sh
# Rebuilds examples/registry from examples/packs: the same bytes on every machine.
#
# usage: sh examples/rebuild.sh [DIRECTORY]
#
# DIRECTORY is the registry to make, by default examples/registry, which is replaced. $PACKS names the program to use;
# without it, the release build is made and used.
set -eu

examples=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
registry=${1:-$examples/registry}

if [ -z "${PACKS:-}" ]; then
    root=$examples/..
    (cd "$root" && cargo build --release --locked --quiet)
    case ${CARGO_TARGET_DIR:=target} in
        /*) PACKS=$CARGO_TARGET_DIR/release/packs ;;
        *) PACKS=$root/$CARGO_TARGET_DIR/release/packs ;;
    esac
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# The day the first of these packs was published: archives and index carry this time and no other.
SOURCE_DATE_EPOCH=1795132800
export SOURCE_DATE_EPOCH
# No setting of this machine may reach the archives.
PACKS_HOME=$work/home XDG_CONFIG_HOME=$work/config HOME=$work
export PACKS_HOME XDG_CONFIG_HOME HOME
unset CI PACKS_ENV PACKS_OFFLINE PACKS_LOCKED PACKS_FROZEN 2>/dev/null || true

mkdir "$work/archives" "$work/registry"
# The shell sorts the directories, so older versions are published before newer ones.
"$PACKS" build "$examples"/packs/* --out "$work/archives"
"$PACKS" publish "$work"/archives/*.tar.zst --registry "$work/registry"

# What publishers lock while they write is no part of a registry.
rm -f "$work/registry/.packs-registry.lock"

rm -rf "$registry"
mkdir -p "$(dirname -- "$registry")"
cp -R "$work/registry" "$registry"
echo "rebuilt $registry"
