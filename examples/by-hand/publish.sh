#!/bin/sh
# Publishes archives without packs: puts each with its side file and MANIFEST.json into a directory that a web server serves.
#
#   sh publish.sh DIRECTORY kanban-2.1.0.tar.zst …
#
# The layout is that of a registry: DIRECTORY/packs/<name>/<version>/. It has no index, so packs cannot solve from it: people install from it by hand.
# Needs tar, zstd or gzip, and sha256sum or shasum. A published version never changes: other bytes are refused, the same bytes are fine.
set -eu

[ $# -ge 2 ] || { echo "usage: publish.sh DIRECTORY ARCHIVE …" >&2; exit 2; }
mkdir -p "$1"
directory=$(CDPATH='' cd -- "$1" && pwd)
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

check() {
    if command -v sha256sum >/dev/null; then sha256sum -c "$1"; else shasum -a 256 -c "$1"; fi
}

for path in "$@"; do
    archive=${path##*/}
    # 1. The side file that `packs build` wrote must fit: whoever makes it anew here would bless whatever lies there.
    (cd -- "$(dirname -- "$path")" && check "$archive.sha256")

    # 2. MANIFEST.json says what it is; file names decide nothing.
    case $archive in
        *.tar.zst) zstd -dcq "$path" | tar -xOf - MANIFEST.json >"$work/MANIFEST.json" ;;
        *.tar.gz) gzip -dc "$path" | tar -xOf - MANIFEST.json >"$work/MANIFEST.json" ;;
        *) echo "publish: $archive is neither .tar.zst nor .tar.gz" >&2; exit 1 ;;
    esac
    name=$(sed -n 's/^  "name": "\(.*\)",$/\1/p' "$work/MANIFEST.json")
    version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$work/MANIFEST.json")
    [ -n "$name" ] && [ -n "$version" ] || { echo "publish: MANIFEST.json of $archive names no pack" >&2; exit 1; }
    place=$directory/packs/$name/$version

    # 3. Never replace other bytes.
    if [ -e "$place/$archive" ]; then
        cmp -s "$path" "$place/$archive" || { echo "publish: $name $version is published with other bytes: raise the version" >&2; exit 1; }
        echo "$name $version is published already"
        continue
    fi

    # 4. The side file first, the archive last, each by one rename: whoever finds the archive finds all of it.
    mkdir -p "$place"
    for file in "$work/MANIFEST.json" "$path.sha256" "$path"; do
        cp "$file" "$place/.new.$$"
        mv "$place/.new.$$" "$place/${file##*/}"
    done
    echo "published $name $version in $place"
done
