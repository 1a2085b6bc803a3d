#!/usr/bin/env bash
# Poses the same dependency graphs to packs, uv and cargo, and writes the resolver's section of docs/reference/performance.md.
#
# Takes some 30 minutes and 2 GB below the directory given (default: target/compare/solve). Installs uv from PyPI into a virtual environment of its own, and
# nginx as root with apt-get if it is missing; nginx serves the graphs to uv once, over the loopback, to fill its cache.
#
#   benches/compare/solve/run.sh [DIRECTORY] [--seeds 1,2,3] [--rounds 5]
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$here/../../.." && pwd)

work=$repository/target/compare/solve
if (($# > 0)) && [[ $1 != --* ]]; then
    work=$1
    shift
fi
mkdir -p "$work"

if ((EUID == 0)) && ! command -v nginx >/dev/null && command -v apt-get >/dev/null; then
    DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends nginx-light
fi
if [[ ! -x $work/uv/bin/uv ]]; then
    python3 -m venv "$work/uv"
    "$work/uv/bin/pip" install --quiet uv
fi

cd "$repository"
cargo build --locked --release
cargo bench --locked --bench worlds --no-run
worlds=$(cargo bench --locked --bench worlds --no-run --message-format json 2>/dev/null | sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
exec python3 "$here/solve.py" --binary "${CARGO_TARGET_DIR:-target}/release/packs" --worlds "$worlds" --uv "$work/uv/bin/uv" --work "$work" \
    --page docs/reference/performance.md "$@"
