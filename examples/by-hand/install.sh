#!/bin/sh
# Installs one archive without packs: downloads it, checks its digest, unpacks it, puts it into place.
#
#   sh install.sh https://packs.example.org/packs/kanban/2.1.0/kanban-2.1.0.tar.zst DIRECTORY
#
# Afterwards DIRECTORY/kanban-2.1.0/ holds MANIFEST.json and kanban/, and DIRECTORY/kanban is a link to that kanban/. An earlier version stays beside it.
# Needs curl, tar, zstd or gzip, and sha256sum or shasum. Stops at the first failure; what is half-done has no final name.
set -eu

[ $# -eq 2 ] || { echo "usage: install.sh ADDRESS DIRECTORY" >&2; exit 2; }
address=$1
mkdir -p "$2"
directory=$(CDPATH='' cd -- "$2" && pwd)
archive=${address##*/}

work=$(mktemp -d "$directory/.installing.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cd "$work"

# 1. Download the archive and its side file; never from https to anything less.
for file in "$archive" "$archive.sha256"; do
    curl --fail --silent --show-error --location --proto '=https,file' --proto-redir '=https' --output "$file" "${address%/*}/$file"
done

# 2. Check the digest before anything reads the archive. The side file must be one line, and about this very archive.
if [ "$(wc -l <"$archive.sha256")" -gt 1 ] || [ "$(cut -c67- "$archive.sha256")" != "$archive" ]; then
    echo "install: $archive.sha256 is not one line about $archive" >&2
    exit 1
fi
if command -v sha256sum >/dev/null; then sha256sum -c "$archive.sha256"; else shasum -a 256 -c "$archive.sha256"; fi

# 3. Unpack. At the root there are MANIFEST.json and one directory, and nothing else.
mkdir unpacked
case $archive in
    *.tar.zst) zstd -dcq "$archive" | tar -xf - -C unpacked ;;
    *.tar.gz) gzip -dc "$archive" | tar -xf - -C unpacked ;;
    *) echo "install: $archive is neither .tar.zst nor .tar.gz" >&2; exit 1 ;;
esac
name=$(ls -A unpacked | grep -vx MANIFEST.json)
[ -f unpacked/MANIFEST.json ] && [ -d "unpacked/$name" ] || { echo "install: $archive does not hold MANIFEST.json and one directory" >&2; exit 1; }
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' unpacked/MANIFEST.json)
[ -n "$version" ] || { echo "install: MANIFEST.json names no version" >&2; exit 1; }

# 4. Put it into place: one rename, then one link.
place=$name-$version
[ ! -e "$directory/$place" ] || { echo "install: $directory/$place is there already" >&2; exit 1; }
mv unpacked "$directory/$place"
ln -sfn "$place/$name" "$directory/$name"
echo "installed $place; $directory/$name leads to it"

# What it needs is not fetched: it is said.
sed -n 's/^  "requires": {\(.*\)},$/it requires \1/p' "$directory/$place/MANIFEST.json" | tr -d '"'
