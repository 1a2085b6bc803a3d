# Draws one bar per line of "name number". Variables: width = characters of the longest bar.
NF != 2 || $2 !~ /^[0-9]+([.][0-9]+)?$/ {
    printf "chart: line %d: expected a name and a number, found '%s'\n", NR, $0 > "/dev/stderr"
    failed = 1
    exit 1
}
{
    name[NR] = $1
    value[NR] = $2 + 0
    if (value[NR] > largest) largest = value[NR]
    if (length($1) > widest) widest = length($1)
}
END {
    if (failed) exit 1
    for (i = 1; i <= NR; i++) {
        length_of_bar = largest > 0 ? int(value[i] / largest * width + 0.5) : 0
        bar = ""
        for (j = 0; j < length_of_bar; j++) bar = bar "#"
        printf "%-" widest "s  %-" width "s %s\n", name[i], bar, value[i]
    }
}
