# The figures of a benchmark (lib.sh) and its samples, as a Markdown table.
BEGIN { FS = "|" }

function sorted(key,   n, i, j, t, parts) {
    n = split(values[key], parts, " ")
    for (i = 2; i <= n; i++)
        for (j = i; j > 1 && parts[j - 1] + 0 > parts[j] + 0; j--) {
            t = parts[j]; parts[j] = parts[j - 1]; parts[j - 1] = t
        }
    least = parts[1]; most = parts[n]
    median = n % 2 ? parts[(n + 1) / 2] : (parts[n / 2] + parts[n / 2 + 1]) / 2
    return n
}
function number(x) { return sprintf(x >= 100 ? "%.0f" : x >= 10 ? "%.1f" : x >= 1 ? "%.2f" : "%.3f", x) }
function cell(key) {
    if (!sorted(key))
        return "–"
    return number(median) " (" number(least) "–" number(most) ")"
}
function verdict(value, target,   limit) {
    if (target == "")
        return ""
    limit = substr(target, 3) + 0
    return (substr(target, 1, 2) == "<=" ? value <= limit : value >= limit) ? "held" : "**missed**"
}
NR == 1 {
    while ((getline line < samples) > 0)
        if (split(line, f, "\t") == 4)
            values[f[2], f[3]] = values[f[2], f[3]] " " f[4]
    print "| | before | | kataloop | | ratio | target | |"
    print "|---|---|---:|---|---:|---:|---|---|"
}
{
    figure = $1; base = $3; variant = $4; target = $5
    shown = base == "" ? "" : cell(figure SUBSEP base)
    was = median
    mine = cell(figure SUBSEP variant)
    if (mine == "–") { ratio = "–"; judged = "" }
    else if (base == "") { ratio = ""; judged = verdict(median, target) }
    else { ratio = number(median / was); judged = verdict(median / was, target) }
    gsub(/<=/, "≤ ", target); gsub(/>=/, "≥ ", target)
    printf "| %s | %s | %s | %s | %s | %s | %s | %s |\n", $2, base, shown, variant, mine, ratio, target, judged
}
