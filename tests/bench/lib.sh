# shellcheck shell=bash
# What the benchmarks of this folder share. Each NAME.sh is sourced after this one and has
#   title     one line
#   variants  an array: what is compared, in the order of a round, the baseline first
#   figures   an array of "FIGURE|what it is|baseline|variant|target": the target is "<=0.4" or
#             ">=0.9" and holds for the ratio of the medians, variant over baseline; with no baseline
#             it holds for the median itself; empty: none
#   notes     lines for the report, or empty
#   clock     "instructions": it times what happens inside of the lab, and wants one with that clock
#             (LAB_CLOCK in tests/lab/README.md); else empty
#   prepare   once; nothing in it is timed
#   measure VARIANT   one measurement: calls `sample FIGURE VALUE`
# shellcheck disable=SC1091,SC2034,SC2154 # used by those who source it, or set by them
. "$top/tests/e2e/lib.sh"
bench=$top/$BUILD/tests/bench
use_lab
on_lab=(ssh -F "$LAB_SSH_CONFIG" kata-lab)
notes=''
clock=''

# sample FIGURE VALUE: kept for the round and variant that run.
sample() {
    printf '%s\t%s\t%s\t%s\n' "$round" "$1" "$variant" "$2" >>"$samples"
}

# timed COMMAND…: its wall time in seconds is in $took; its output goes to $scratch/said.
timed() {
    local start=$EPOCHREALTIME
    "$@" >"$scratch/said" 2>&1 || {
        echo "bench: failed: $*" >&2
        tail -n 20 "$scratch/said" >&2
        exit 1
    }
    took=$(minus "$EPOCHREALTIME" "$start")
}

# minus A B…: A less all the others, to the microsecond.
minus() { awk 'BEGIN { for (s = ARGV[1]; ++i + 1 < ARGC;) s -= ARGV[i + 1]; printf "%.6f\n", s }' "$@"; }

# An open connection of the library's own: `over LINE` gives the seconds that one task took.
open_connection() {
    coproc CONNECTION { exec "$bench" serve "$LAB_SSH_CONFIG" kata-lab; }
    local said
    read -r said <&"${CONNECTION[0]}" && [ "$said" = ready ]
}
over() {
    echo "$*" >&"${CONNECTION[1]}"
    read -r took <&"${CONNECTION[0]}"
}
