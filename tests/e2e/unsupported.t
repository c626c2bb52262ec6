#!/usr/bin/env bash
# What CRIU does not dump, for real: the lab's CRIU tries each workload of plants/workload.c, and what
# its log says is enough to name the cause.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
use_lab

# Workload, then what is found ("": nothing, as it is dumped).
causes=(
    "nothing|"
    "flock|the target holds file locks"
    "posix-lock|the target holds file locks"
    "lease|the target holds file locks"
    "deleted-large|a deleted file that is still open is larger"
    "deleted-other-name|an open file does not have the name any more"
    "message-queue|an open file is on a mount that the container does not have"
    "device|an open or mapped file is of a kind"
    "io-uring|an open file of the target cannot be handed to CRIU: an io_uring"
    "perf-event|an open or mapped file is of a kind"
    "bpf-map|an open or mapped file is of a kind"
    "secret-memory|an open or mapped file is of a kind"
    "vsock|an open or mapped file is of a kind"
    "crypto-socket|an open or mapped file is of a kind"
    "mptcp|an open or mapped file is of a kind"
    "netlink-unread|a netlink socket holds messages"
    "tcp-not-accepted|a TCP connection waits for the container to accept it"
    "tcp-connected|a TCP connection is open"
    "pid-namespace|the container has namespaces of its own"
    "time-namespace|the container has namespaces of its own"
    "user-namespace|the container has namespaces of its own"
    "first-thread-ended|a process of the container has ended its first thread only"
)

# Each in a session and a folder of its own; all logs come back in one login.
cat >"$scratch/host" <<'SH'
set -u
cd "$(mktemp -d /var/tmp/workloads.XXXXXX)" || exit
top=$PWD
trap 'rm -rf "$top"' EXIT
tar -x && gcc -std=gnu17 -D_GNU_SOURCE -O1 -pthread -o workload workload.c || exit
for name in "$@"; do
    mkdir -p "$name/work" "$name/images" && cd "$name/work" || exit
    setsid "$top/workload" "$name" </dev/null >../said 2>&1 &
    pid=$!
    until grep -q . ../said; do sleep 0.05; done
    criu dump -v4 --tree "$pid" --images-dir ../images --log-file ../criu-dump.log >/dev/null 2>&1
    pkill -KILL -s "$pid"
    wait "$pid" 2>/dev/null
    cd "$top" || exit
done
tar -c */said */criu-dump.log
SH
names=()
for cause in "${causes[@]}"; do
    names+=("${cause%%|*}")
done
every_workload_is_tried() {
    lab_ssh 'cat >/root/workloads.sh' <"$scratch/host" &&
        tar -C "$top/tests/e2e/plants" -c workload.c |
        on_host bash /root/workloads.sh "${names[@]}" | tar -C "$scratch" -x &&
        on_host rm /root/workloads.sh
}
ok "the lab's CRIU tries every workload" every_workload_is_tried

# bundle_of LOG: nothing but what CRIU said.
bundle_of() {
    printf '%s\n' 'kataloop-evidence 1' '[caller]' '|client: exited' '|client status: 1' '[log /criu-dump.log]'
    sed 's/^/|/' "$1"
    echo end
}
for cause in "${causes[@]}"; do
    name=${cause%%|*} title=${cause#*|}
    is "$name: it is there" "$(cat "$scratch/$name/said")" ready
    bundle_of "$scratch/$name/criu-dump.log" >"$scratch/$name.evidence"
    run "$kataloop" diagnose --json "$scratch/$name.evidence"
    if [ -n "$title" ]; then
        has "$name: found" "$out" "\"findings\":[{\"rule\":\"unsupported\",\"certainty\":\"certain\",\"title\":\"$title"
    else
        has "$name: dumped" "$(cat "$scratch/$name/criu-dump.log")" 'Dumping finished successfully'
        has "$name: nothing is found" "$out" '"findings":[]'
    fi
done
