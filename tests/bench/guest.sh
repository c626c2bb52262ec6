# shellcheck shell=bash
# A command in the guest, login and all: through `kata-runtime exec` on a terminal of the host, and
# over vsock past it. Sourced by run.
# shellcheck disable=SC2034,SC2154
title="A command in the guest"
variants=("kata-runtime exec" vsock)
notes="The lab's kata-runtime, a small C program, stands in for a large one in Go, which takes longer to start."
figures=(
    "short|\`kataloop guest exec … -- true\`, s|kata-runtime exec|vsock|<=1"
    "bytes|256 KiB in and out again, s|kata-runtime exec|vsock|<=1"
)
prepare() {
    project "$scratch/project"
    head -c 262144 /dev/urandom >"$scratch/bytes"
    guest=bench-guest
    on_host ctr run -d --runtime io.containerd.kata.v2 docker.io/library/busybox:latest "$guest" sleep 36000
    # Not timed: the first one loads everything.
    short console
    short vsock
}
in_guest() {
    local way=$1
    shift
    "$kataloop" guest exec --way "$way" "$guest" -- "$@"
}
short() { in_guest "$1" true </dev/null; }
there_and_back() { in_guest "$1" cat <"$scratch/bytes" >"$scratch/back" && cmp "$scratch/bytes" "$scratch/back"; }
measure() {
    local way=vsock
    [ "$1" = vsock ] || way=console
    timed short "$way"
    sample short "$took"
    timed there_and_back "$way"
    sample bytes "$took"
}
