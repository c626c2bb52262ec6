#!/usr/bin/env bash
# A checkpoint whose images stay, the recipes that follow CRIU, and those that run it by hand.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
use_lab
project "$scratch/project"
cat >>kataloop.yaml <<'YAML'
  kept: {host: lab, steps: [{recipe: basic-checkpoint, with: {client: ctr, stall_after: 40s, keep: true}}]}
  monitor:
    host: lab
    steps: [{recipe: monitor-criu, with: {client: ctr, stall_after: 40s, processes: "PID|containerd-shim"}}]
  async: {host: lab, steps: [{recipe: async-checkpoint, with: {client: ctr, stall_after: 90s, deadline: 30s}}]}
  manual: {host: lab, steps: [{recipe: manual-criu, with: {client: ctr}}]}
  both: {host: lab, steps: [{recipe: compare-manual-agent, repeat: 1, with: {client: ctr, stall_after: 40s}}]}
  nobody: {host: lab, steps: [{recipe: manual-criu, with: {client: ctr, process: no such process}}]}
YAML

run "$kataloop" run kept
exits "basic-checkpoint" 0
image=$(sed -n 's/.* the checkpoint stays on lab as an image of containerd, \(.*\)$/\1/p' <<<"$out")
has "its checkpoint is there, where that is asked for" "$image" containerd.io/checkpoint/kataloop-kept-
is "in containerd's store, and no other of it" "$(on_host sh -c 'ctr images ls -q | grep ^containerd.io/checkpoint/')" "$image"
on_host ctr images rm "$image" >/dev/null

run "$kataloop" run monitor
exits "monitor-criu" 0
has "shows CRIU's log" "$out" 'Parasite syscall_ip at' 'Dumping finished successfully'
has "and keeps the guest's processes" "$out" 'saved processes.txt'
is "those that were asked for" \
    "$(grep -cv 'PID\|containerd-shim' "$KATALOOP_STATE_DIR/runs/latest/artifacts/processes.txt")" 0

# CRIU is held, so that nothing moves and only the deadline ends it.
"$kataloop" run async >out 2>err </dev/null &
pid=$!
ok "async-checkpoint begins" wait_on_host 120 pkill -STOP -x criu
status=0
wait "$pid" || status=$?
out=$(<out) err=$(<err)
exits "async-checkpoint ends at its deadline" 1
has "which is said" "$err" 'error: checkpoint: ' 'timed out' "hint: the step's \`timeout\` is 30.0 s"
has "and has kept the processes before" "$out" 'saved processes-before.txt'
ok "no CRIU is left" not on_host pgrep -x criu
is "no cgroup is left frozen" \
    "$(on_host sh -c 'grep -l "^frozen 1" -r /sys/fs/cgroup --include=cgroup.events 2>/dev/null')" ""

run "$kataloop" run manual
exits "manual-criu" 0
has "dumps by hand" "$out" 'in the guest, the workload still runs' 'memdump' 'image_bytes'

run "$kataloop" diagnose --compare
exits "compare-manual-agent: both ways succeed" 0
has "and are measured" "$out" 'compare-manual-agent: criu, 1 sample' 'compare-manual-agent: checkpoint, 1 sample'
has "and compared" "$out" ' facts are the same'

run "$kataloop" run nobody
exits "manual-criu of a process that is not there" 1
has "says so" "$out$err" 'no process has `no such process` in its command line'

is "no folder is left on the host" "$(on_host sh -c 'ls -d /var/tmp/kataloop-* 2>/dev/null')" ""
is "nothing is left in the guest" "$(on_host sh -c 'ls -d /tmp/kataloop-* 2>/dev/null')" ""
is "nor a container" "$(on_host ctr containers ls -q)" ""
