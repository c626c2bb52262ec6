# shellcheck shell=bash
# What watching a checkpoint adds to its time, as timed on the host: the same checkpoints with
# `watch: false` and without. A round is one run of a container and eight checkpoints of it, which
# take turns in pairs (plain watched, watched plain, …): single ones differ by more than is looked for.
# Sourced by run.
# shellcheck disable=SC2034,SC2154
title="A checkpoint that is watched"
variants=("not watched" "watched")
figures=("wall|checkpoint, s|not watched|watched|<=1.02")
clock=instructions
notes="Timed by a clock that counts the instructions of the emulated host. By the time of day single
checkpoints there differ by a third, and medians of twenty do not tell an effect of 2 % from none."
pairs=2 # of "plain watched, watched plain"
prepare() {
    project "$scratch/project"
    {
        echo "  turns:"
        echo "    host: lab"
        echo "    steps:"
        echo "      - container: busybox"
        echo "      - checkpoint: true" # not a sample: the first of all loads everything
        for ((pair = 0; pair < pairs; pair++)); do
            for watch in false true true false; do
                echo "      - checkpoint: {watch: $watch}"
            done
        done
    } >>kataloop.yaml
}
measure() {
    local wanted=0 i=0 wall
    if [ "$1" = "not watched" ]; then
        timed "$kataloop" run turns --json
        mv "$scratch/said" "$scratch/turns"
    else
        wanted=1
    fi
    for wall in $(python3 "$here/samples.py" wall <"$scratch/turns" | tail -n +2); do
        # Of four, the second and the third are watched.
        [ $(((i + 1) / 2 % 2)) -ne "$wanted" ] || sample wall "$wall"
        i=$((i + 1))
    done
}
