#!/bin/sh
# Runs every command of the example packs from their sources, in a directory laid out like a generation. Needs no packs program.
# shellcheck disable=SC2016  # what `expect` evaluates is meant to be quoted
set -eu

examples=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cd "$work"
checks=0

# Lays out the given releases as a generation: packs/<name> and a link in bin/ for each command.
generation() {
    rm -rf gen
    mkdir -p gen/packs gen/bin
    for release in "$@"; do
        name=${release%-*}
        ln -s "$examples/packs/$release" "gen/packs/$name"
        for command in "$examples/packs/$release/bin"/*; do
            ln -s "../packs/$name/bin/${command##*/}" "gen/bin/${command##*/}"
        done
    done
}

# Runs a command line and fails unless it ends with this code and its output, errors included, contains this text.
expect() {
    code=0
    output=$(eval "$3" 2>&1) || code=$?
    case $output in
        *"$2"*) [ "$code" -eq "$1" ] && checks=$((checks + 1)) && return ;;
    esac
    printf 'check: %s\n  expected exit %s and: %s\n  found exit %s and: %s\n' "$3" "$1" "$2" "$code" "$output" >&2
    exit 1
}

PATH=$work/gen/bin:$PATH
generation kanban-2.0 workflow-1.2 templates-1.0 reports-1.2 linter-1.0
expect 0 'made board.txt: todo doing review done' 'kanban init review'
expect 0 'card 1 in todo' 'kanban add Write the parser'
expect 0 'card 2 in todo' 'kanban add Read "quoted" text'
expect 0 'card 1 in doing' 'kanban move 1 doing'
expect 0 'card 1 in done' 'kanban done 1'
expect 1 'the board has: todo doing review done' 'kanban move 1 nowhere'
expect 1 'no card 9' 'kanban drop 9'
expect 1 'is there already' 'kanban init'
expect 2 "unknown command 'frob'" 'kanban frob'
expect 0 'done (1)' 'gen/packs/kanban/bin/kanban list'
expect 0 '| done | 1 |' 'report board.txt'
expect 0 'blank-at-end' 'printf "x \n" >text; lint-text text || true'

# The next releases read what the ones before wrote.
generation kanban-2.1 workflow-1.3 templates-1.0 reports-1.3 charting-1.1 checklists-1.0 linter-1.1 handbook-1.0 licenses-1.0 debug-kit-1.0
expect 0 'card 1 done Write the parser' 'cat board.txt'
expect 0 'doing holds at most 1' 'kanban limit doing 1'
expect 0 'doing        1 of 1' 'kanban move 2 doing && kanban stats'
expect 1 'doing is full (1)' 'kanban add Third && kanban move 3 doing'
expect 0 'card 3 in doing' 'kanban move --force 3 doing'
expect 0 '  3  doing      Third' 'kanban search THIRD'
expect 0 'limit triaged 8' 'kanban -f support.txt init support && cat support.txt'
expect 0 'done    ##########' 'report board.txt'
expect 0 '2,doing,"Read quoted text"' 'report --csv board.txt'
expect 0 'review 3' 'workflow limits review'
expect 0 'columns are: todo, doing, done.' 'workflow agreement simple team=t board=b date=d'
expect 1 'no value for: date' 'template fill decision title=x'
expect 0 '# a & b' 'template fill decision "title=a & b" date=d'
expect 1 'line 2: expected a name and a number' 'printf "a 1\nb x\n" | chart bar'
expect 0 '_-#-' 'printf "mon 2\ntue 5\nwed 9\nthu 4\n" | chart line'
expect 1 '0 of 8 done' 'checklist start release >list.md; checklist left list.md'
expect 0 '8 of 8 done' 'sed "s/\[ \]/[x]/" list.md >done.md; checklist left done.md'
expect 1 '"the" stands twice' 'echo "in the the house" >text; lint-text text'
expect 1 'no-newline-at-end' 'printf x >text; lint-text text'
expect 0 '' 'lint-text --skip no-newline-at-end text'
expect 0 '# Releases' 'handbook read 4'
expect 0 '4-releases.md' 'handbook search "way back"'
expect 0 'Copyright (c) 2026 A & B' 'license-text show MIT "A & B" 2026'
expect 0 'token=[redacted] x' 'echo "token=abc x" | debug-kit redact'
expect 0 'KiB free' 'debug-kit facts'
expect 1 'disk-full slow works-on-my-machine' 'debug-kit runbook nothing'
echo "$checks checks of the example packs passed"
