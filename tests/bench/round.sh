# shellcheck shell=bash
# The round by hand (an edit, sync, build, inject, restart, a checkpoint and a timed one) against
# `kataloop run` of the same. Sourced by run.
# shellcheck disable=SC1091,SC2034,SC2154
. "$here/by-hand.bash"
title="A round after an edit of the agent"
variants=("by hand" "kataloop run" "kataloop run, ctr")
figures=(
    "whole|whole round, s|by hand|kataloop run|<=0.333"
    "overhead|less the compiler's and CRIU's own time, s|by hand|kataloop run|<=0.1"
    "rest|whole round less the injection, s|by hand|kataloop run|<=0.25"
    "rest_overhead|less the injection, the compiler and CRIU, s|by hand|kataloop run|<=0.25"
    "alike|what cargo and nerdctl (run, checkpoint, rm) took of it, s|by hand|kataloop run|"
    "own|less the injection and what they took, s|by hand|kataloop run|"
    "whole|whole round by ctr, s|by hand|kataloop run, ctr|"
    "overhead|by ctr, less the compiler's and CRIU's own time, s|by hand|kataloop run, ctr|"
    "rest|by ctr, less the injection, s|by hand|kataloop run, ctr|"
    "rest_overhead|by ctr, less the injection, the compiler and CRIU, s|by hand|kataloop run, ctr|"
    "memory|peak memory, MB||kataloop run|<=40"
)
notes="Cargo and nerdctl do the same work on both sides (row \"took of it\"), and what is left is mostly commands
that an emulated host takes long to start: the targets are those of a real one. 20 s of the round by hand
are fixed sleeps. By hand is by nerdctl; \`client: ctr\` of the recipe is another client of the same
containerd, which does less, and starts faster."
prepare() { prepare_rounds; }
measure() {
    edit_agent
    measure_round "$1"
}
