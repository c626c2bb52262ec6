# shellcheck shell=bash
# What a person waits for before anything is sent: the plan, and `watch` from a save to the first byte in
# its place. On this machine (the local transport), so that no network and no emulated host is in it.
# Sourced by run.
# shellcheck disable=SC2034,SC2154
title="Answers, on this machine"
variants=("kataloop")
figures=(
    "plan|\`kataloop plan\` of a build and 100 checkpoints, ms||kataloop|<=20"
    "save|from a save to the first byte synced, s||kataloop|<=0.5"
)
prepare() {
    mkdir -p "$scratch/project/src" "$scratch/there"
    cd "$scratch/project" || return
    echo 0 >src/file
    cat >kataloop.yaml <<YAML
version: 1
hosts: {here: {ssh: local, workspace: $scratch/there, become: none}}
builds: {b: {sync: src/, dir: src, run: "true"}}
workflows:
  save: {host: here, steps: [sync: src/]}
  loop: {host: here, steps: [{build: b}, {recipe: timed-checkpoint, repeat: 50}, {recipe: timed-checkpoint, repeat: 50}]}
YAML
    : >"$scratch/watched"
    "$kataloop" watch >>"$scratch/watched" 2>&1 &
    watcher=$!
    trap 'kill -INT "$watcher"; wait "$watcher" || true; rm -rf "$scratch"' EXIT
    waits=0
}
plans() {
    local i
    for ((i = 0; i < 20; i++)); do "$kataloop" plan loop || return 1; done
}
it_waits() { [ "$(grep -c '^watching: ' "$scratch/watched")" -gt "$waits" ]; }
it_is_there() { until cmp -s src/file "$scratch/there/src/file"; do :; done; }
measure() {
    timed plans
    sample plan "$(awk -v s="$took" 'BEGIN { printf "%.3f\n", s * 1000 / 20 }')"
    wait_for 60 it_waits
    waits=$((waits + 1))
    echo "$round" >src/file
    timed it_is_there
    sample save "$took"
}
