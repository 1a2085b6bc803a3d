# Draws all numbers as one row: '_' for the smallest step above nothing, '#' for the largest, a space for zero.
NF != 2 || $2 !~ /^[0-9]+([.][0-9]+)?$/ {
    printf "chart: line %d: expected a name and a number, found '%s'\n", NR, $0 > "/dev/stderr"
    failed = 1
    exit 1
}
{
    value[NR] = $2 + 0
    if (value[NR] > largest) largest = value[NR]
}
END {
    if (failed) exit 1
    steps = "_.-=+*#"
    for (i = 1; i <= NR; i++) {
        step = largest > 0 ? int(value[i] / largest * 7) : 0
        if (value[i] > 0 && step < 1) step = 1
        row = row (step == 0 ? " " : substr(steps, step, 1))
    }
    print row
}
