# shellcheck shell=bash
# Sync over the connection that is open against `rsync -e ssh`, which logs in each time. Sourced by
# run.
# shellcheck disable=SC2034,SC2154
title="Sync"
variants=("rsync -e ssh" "kataloop")
figures=(
    "nothing|a tree of 223 files, nothing to do, s|rsync -e ssh|kataloop|<=0.4"
    "one|the same, one file changed, s|rsync -e ssh|kataloop|<=0.4"
    "bulk|200 MB that were not there, MB/s|rsync -e ssh|kataloop|>=0.9"
)
prepare() {
    mkdir -p "$scratch/tree" "$scratch/bulk"
    for i in {1..223}; do
        mkdir -p "$scratch/tree/$((i % 20))"
        head -c 6000 /dev/urandom | base64 >"$scratch/tree/$((i % 20))/$i.rs"
    done
    head -c 200000000 /dev/urandom >"$scratch/bulk/random"
    open_connection
    "${on_lab[@]}" mkdir -p /tmp/bench
    send_both
}
send_both() {
    for v in "${variants[@]}"; do send "$v" tree -avz; done
}
# send VARIANT FOLDER OPTIONS: each has its own copy on the host. OPTIONS are rsync's, by hand.
send() {
    if [ "$1" = kataloop ]; then
        over sync "$scratch/$2/" "/tmp/bench/kataloop-$2"
    else
        timed rsync "$3" -e "ssh -F $LAB_SSH_CONFIG" "$scratch/$2/" "kata-lab:/tmp/bench/rsync-$2/"
    fi
}
measure() {
    send "$1" tree -avz
    sample nothing "$took"
    echo "// $EPOCHREALTIME" >>"$scratch/tree/3/3.rs"
    send "$1" tree -avz
    sample one "$took"
    send_both
    # Random bytes: -z would only cost time.
    "${on_lab[@]}" 'rm -rf /tmp/bench/*-bulk; sync'
    send "$1" bulk -a
    sample bulk "$(awk -v s="$took" 'BEGIN { print 200 / s }')"
    "${on_lab[@]}" 'rm -rf /tmp/bench/*-bulk'
}
