#!/bin/sh
# The main job from end to end, in a throw-away copy of examples/quickstart with a home of its own:
# lock, switch, change one line, switch again, roll back, collect garbage, verify. Stops at the first failure.
#
# Needs sh, the core utilities and cargo. $PACKS names a program to use instead of building one.
set -eu

examples=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

if [ -z "${PACKS:-}" ]; then
    echo "Building packs (release) …"
    cd "$examples/.."
    cargo build --release --locked
    PACKS=${CARGO_TARGET_DIR:-target}/release/packs
fi
[ -x "$PACKS" ] || { echo "demo: there is no program at $PACKS" >&2; exit 1; }

# Store paths are read-only, so they are made writable before they are removed.
work=$(mktemp -d)
trap 'chmod -R u+w "$work" 2>/dev/null || true; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# A sealed world: nothing of the caller's settings, home or CI variables takes part.
mkdir "$work/bin" "$work/config"
ln -s "$(CDPATH='' cd -- "$(dirname -- "$PACKS")" && pwd)/$(basename -- "$PACKS")" "$work/bin/packs"
for name in $(env | sed -n 's/^\(PACKS_[A-Z_]*\)=.*/\1/p'); do unset "$name"; done
unset CI
PATH=$work/bin:$PATH HOME=$work XDG_CONFIG_HOME=$work/config PACKS_HOME=$work/home
export PATH HOME XDG_CONFIG_HOME PACKS_HOME
cp -R "$examples/quickstart" "$work/quickstart"
cp -R "$examples/registry" "$work/registry"
cd "$work/quickstart"

# Says what comes next.
say() {
    printf '\n# %s\n' "$1"
}

# Prints a command as it would be typed, then runs it.
run() {
    line='$'
    for word in "$@"; do
        case $word in
            *[!A-Za-z0-9_./:=+,@-]*) line="$line '$word'" ;;
            *) line="$line $word" ;;
        esac
    done
    printf '%s\n' "$line"
    "$@"
}

# Fails unless the kanban of the active environment is of this version.
expect_kanban() {
    found=$(.packs/active/bin/kanban version)
    [ "$found" = "kanban $1" ] || { echo "demo: expected kanban $1, found '$found'" >&2; exit 1; }
}

say "Solve and lock each environment. The lockfiles belong into git."
run packs lock -E dev
run packs lock -E staging
run packs lock -E prod

say "Unpack into the store, link generation 1, make it current."
run packs switch dev -m "first environment"
expect_kanban 2.0.3
run ls .packs/active/bin
run ls -l .packs/active/packs

say "The packs work: a board in a text file, and a report of it."
run packs run -- kanban init review
run packs run -- kanban add Write the parser
run packs run -- kanban move 1 doing
run packs run -- report --title "Week 47" board.txt

say "Change one line, and look before doing."
run sed -i.before 's/^kanban = "~2.0"/kanban = "~2.1"/' packs.toml
rm -f packs.toml.before
run packs switch dev --dry-run

say "Do it: generation 2. What 2.1 shares with 2.0 is linked, not written."
run packs switch dev -m "kanban 2.1 has limits"
expect_kanban 2.1.0
run packs run -- kanban stats
run packs history dev

say "Nothing to do makes no generation."
run packs switch dev

say "Back to the generation this one came from."
run packs rollback dev
expect_kanban 2.0.3
run packs history dev

say "packs.toml and the lockfile still ask for 2.1. Take the rollback back, and go back with both files instead."
run packs rollback dev --to 2
expect_kanban 2.1.0
run packs rollback dev --restore
expect_kanban 2.0.3
run grep '^kanban' packs.toml

say "What would be freed if only the current generation were kept, and then do it."
run packs gc --keep 0 --older-than 0d --dry-run
run packs gc --keep 0 --older-than 0d
expect_kanban 2.0.3

say "Read everything again: the project, every file of the store, the audit log."
run packs verify
run packs verify --store
run packs audit
run packs audit verify

printf '\nDone: declared, locked, switched, rolled back, collected, verified. %s is removed now.\n' "$work"
