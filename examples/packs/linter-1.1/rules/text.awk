# Variables: skip = rules to leave out, separated by spaces and with one at both ends; max = characters of a line.
function report(rule, what) {
    if (index(skip, " " rule " ")) return
    printf "%s:%d: %s: %s\n", FILENAME, FNR, rule, what
    findings++
}
/[ \t]+$/ { report("blank-at-end", "the line ends in a blank") }
/\t/ { report("tab", "the line contains a tab") }
length($0) > max && $0 !~ /https?:\/\// { report("long-line", length($0) " characters, at most " max) }
/(^|[^A-Za-z])(TODO|TBD):/ { report("open-mark", "an open mark is left in the text") }
{
    # Only words of letters: "1 1" in a table is meant.
    for (i = 2; i <= NF; i++) {
        if ($i == $(i - 1) && $i ~ /^[A-Za-z]+$/) report("doubled-word", "\"" $i "\" stands twice")
    }
}
END { exit findings > 0 }
