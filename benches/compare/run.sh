#!/usr/bin/env bash
# Measures packs beside tar, nix-env, rm and b3sum, and writes docs/reference/performance.md.
#
# Takes some 40 minutes and 20 GB below the directory given (default: target/compare). What it has made there is used again by the next run.
# As root with apt-get it installs the peers that are missing; without them their comparisons are left out or fail by name.
#
#   benches/compare/run.sh [DIRECTORY] [--cases ingest,gc] [--build]
set -euo pipefail
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

work=$repository/target/compare
if (($# > 0)) && [[ $1 != --* ]]; then
    work=$1
    shift
fi

if ((EUID == 0)) && command -v apt-get >/dev/null; then
    missing=()
    for pair in curl:curl nginx:nginx tar:tar zstd:zstd mkfs.ext4:e2fsprogs nix-env:nix-bin; do
        command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
    done
    [[ -x /usr/bin/time ]] || missing+=(time)
    ((${#missing[@]} == 0)) || DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}"
fi
mkdir -p "$work/tools"
export PATH=$work/tools/bin:$PATH
command -v b3sum >/dev/null || cargo install --locked --root "$work/tools" b3sum

cd "$repository"
cargo build --locked --release
binary=${CARGO_TARGET_DIR:-target}/release/packs
exec python3 benches/compare/compare.py --repository "$repository" --binary "$binary" --work "$work" --page docs/reference/performance.md "$@"
