#!/usr/bin/env bash
# The lab itself: what it listens on, what it leaves, and that its stand-ins behave as what they stand
# for.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
use_lab

has "status says where it is" "$("$lab" status)" "up: yes, ssh on 127.0.0.1:$LAB_PORT"
pid=$("$lab" status | sed -n 's/.*process \([0-9]*\)$/\1/p')
listening() { python3 - "$1" <<'PYTHON'
import os, sys
pid, inodes = sys.argv[1], set()
for fd in os.listdir(f"/proc/{pid}/fd"):
    try:
        link = os.readlink(f"/proc/{pid}/fd/{fd}")
    except FileNotFoundError:  # a connection that has ended meanwhile
        continue
    if link.startswith("socket:["):
        inodes.add(link[8:-1])
for name in ("tcp", "tcp6", "udp", "udp6"):
    for line in list(open(f"/proc/{pid}/net/{name}"))[1:]:
        field = line.split()
        if field[9] in inodes and (field[3] == "0A" or name.startswith("udp")):
            print(name, field[1].split(":")[0])
PYTHON
}
is "it listens on 127.0.0.1 only" "$(listening "$pid")" "tcp 0100007F"
is "it reaches no network" "$(on_host sh -c 'timeout 3 bash -c "</dev/tcp/192.0.2.1/80" 2>/dev/null && echo reached || echo not reached')" "not reached"

# --- an `up` that is interrupted ---------------------------------------------------------------
interrupted() {
    local other
    set -m # a process group of its own
    # Whoever runs this in the background has Ctrl-C ignored, and a shell cannot take that back.
    LAB_NAME=$LAB_NAME-interrupted env --default-signal=INT "$lab" up >/dev/null 2>&1 &
    other=$!
    set +m
    wait_for 60 test -s "$(dirname "$LAB_KNOWN_HOSTS")-interrupted/pid" || return 1
    cp "$(dirname "$LAB_KNOWN_HOSTS")-interrupted/pid" "$scratch/machine"
    kill -INT -- "-$other"
    wait "$other"
    [ $? -eq 130 ]
}
ok "an interrupted \`up\` ends with 130" interrupted
# One that has ended and that nobody has waited for is a name without a command line.
command_of() { tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline"; }
is "and leaves no machine" "$(command_of "$(<"$scratch/machine")")" ""
ok "and no folder" test ! -d "$(dirname "$LAB_KNOWN_HOSTS")-interrupted"

# --- reset, and down -----------------------------------------------------------------------------
# Its machine does not hold the output open that `ok` waits for.
other() { LAB_NAME=$LAB_NAME-other "$lab" "$@" </dev/null >/dev/null 2>&1; }
ok "another lab comes up beside it" other up --for $$
ok "something is left in it" other ssh touch mark
ok "a reset" other reset
ok "takes that away" other ssh test ! -e mark
other=$(<"$(dirname "$LAB_KNOWN_HOSTS")-other/pid")
has "a machine runs" "$(command_of "$other")" qemu
ok "down" other down
is "leaves no machine" "$(command_of "$other")" ""
ok "and no folder" test ! -d "$(dirname "$LAB_KNOWN_HOSTS")-other"

# --- the stand-in for kata-runtime -------------------------------------------------------------
is "kata-runtime env names the image" \
    "$(on_host sh -c 'kata-runtime env --json | jq -r .Image.Path')" "$LAB_IMAGE"
run on_host kata-runtime exec nobody
exits "kata-runtime exec without a terminal panics" 2
has "as the real one does" "$err" "panic: provided file is not a console"

has "CRIU works on this kernel" "$(on_host criu check 2>&1)" "Looks good."
