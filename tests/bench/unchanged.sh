# shellcheck shell=bash
# The same round with nothing changed. Sourced by run.
# shellcheck disable=SC1091,SC2034,SC2154
. "$here/by-hand.bash"
title="A round with nothing changed"
variants=("by hand" "kataloop run")
figures=(
    "whole|whole round, s|by hand|kataloop run|"
    "overhead|less the compiler's and CRIU's own time, s|by hand|kataloop run|"
    "rest|whole round less the injection, s|by hand|kataloop run|"
    "rest_overhead|less the injection, the compiler and CRIU, s|by hand|kataloop run|"
    "alike|what cargo and nerdctl (run, checkpoint, rm) took of it, s|by hand|kataloop run|"
    "own|less the injection and what they took, s|by hand|kataloop run|"
)
prepare() { prepare_rounds; }
measure() { measure_round "$1"; }
