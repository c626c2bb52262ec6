#!/usr/bin/env bash
# The recipes that follow CRIU, and those that run it by hand.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
use_lab
project "$scratch/project"
cat >>kataloop.yaml <<'YAML'
  monitor: {host: lab, steps: [{recipe: monitor-criu, with: {client: ctr, stall_after: 40s}}]}
  async: {host: lab, steps: [{recipe: async-checkpoint, with: {client: ctr, stall_after: 90s, deadline: 30s}}]}
  manual: {host: lab, steps: [{recipe: manual-criu, with: {client: ctr}}]}
  both: {host: lab, steps: [{recipe: compare-manual-agent, repeat: 1, with: {client: ctr, stall_after: 40s}}]}
  nobody: {host: lab, steps: [{recipe: manual-criu, with: {client: ctr, process: no such process}}]}
YAML

run "$kataloop" run monitor
exits "monitor-criu" 0
has "shows CRIU's log" "$out" 'Parasite syscall_ip at' 'Dumping finished successfully'
has "and keeps the guest's processes" "$out" 'saved processes.txt'

# A CRIU that is held stands for whatever hangs.
"$kataloop" run async >"$scratch/out" 2>"$scratch/err" </dev/null &
pid=$!
ok "async-checkpoint: in the middle of it" wait_on_host 120 pkill -STOP -x criu
status=0
wait "$pid" || status=$?
out=$(<"$scratch/out") err=$(<"$scratch/err")
exits "async-checkpoint: ends at its deadline" 1
has "async-checkpoint: says so" "$err" 'error: checkpoint: ' 'timed out' "hint: the step's \`timeout\` is 30.0 s"
has "async-checkpoint: keeps the processes of before it" "$out" 'saved processes-before.txt'
ok "async-checkpoint: no CRIU is left" not on_host pgrep -x criu

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

is "nothing is left in the guest" "$(on_host sh -c 'ls -d /tmp/kataloop-* 2>/dev/null')" ""
is "nor a container" "$(on_host ctr containers ls -q)" ""
