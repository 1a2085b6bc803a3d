# Variables: skip = rules to leave out, separated by spaces and with one at both ends; max = characters of a line.
function report(rule, what) {
    if (index(skip, " " rule " ")) return
    printf "%s:%d: %s: %s\n", FILENAME, FNR, rule, what
    findings++
}
/[ \t]+$/ { report("blank-at-end", "the line ends in a blank") }
/\t/ { report("tab", "the line contains a tab") }
length($0) > max && $0 !~ /https?:\/\// { report("long-line", length($0) " characters, at most " max) }
END { exit findings > 0 }
