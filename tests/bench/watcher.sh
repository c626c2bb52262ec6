# shellcheck shell=bash
# What watching a checkpoint adds to its time, as timed on the host: the same checkpoints with
# `watch: false` and without. Five of each in a round, one container each. Sourced by run.
# shellcheck disable=SC2034,SC2154
title="A checkpoint that is watched"
variants=("not watched" "watched")
figures=("wall|checkpoint, s|not watched|watched|<=1.02")
prepare() {
    project "$scratch/project"
    cat >>kataloop.yaml <<YAML
$(one_workflow plain false)
$(one_workflow watched true)
YAML
    # Not timed: the first of all loads everything.
    "$kataloop" run plain >&2
}
one_workflow() {
    echo "  $1:"
    echo "    host: lab"
    echo "    steps:"
    echo "      - container: busybox"
    for _ in 1 2 3 4 5; do
        echo "      - checkpoint: {watch: $2}"
    done
}
measure() {
    local workflow=plain wall
    [ "$1" = "not watched" ] || workflow=watched
    timed "$kataloop" run "$workflow" --json
    for wall in $(python3 "$here/samples.py" wall <"$scratch/said"); do
        sample wall "$wall"
    done
}
