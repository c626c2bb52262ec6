# shellcheck shell=bash
# Short commands, one after the other, over a connection that is open: OpenSSH's control connection
# against the library. A program, as the shell there has a `true` of its own. Sourced by run.
# shellcheck disable=SC2034,SC2154
title="100 short commands"
variants=("ssh, ControlMaster" "kataloop")
figures=("wall|100 times \`/usr/bin/true\`, s|ssh, ControlMaster|kataloop|<=1")
prepare() {
    open_connection
    control=(ssh -F "$LAB_SSH_CONFIG" -S "$scratch/control")
    "${control[@]}" -M -N -f -o ControlPersist=600 kata-lab
    "${control[@]}" kata-lab true
    over commands 5
}
hundred() {
    local i
    for ((i = 0; i < 100; i++)); do "${control[@]}" kata-lab /usr/bin/true || return 1; done
}
measure() {
    if [ "$1" = kataloop ]; then over commands 100; else timed hundred; fi
    sample wall "$took"
}
