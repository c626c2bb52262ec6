#!/usr/bin/env bash
# A checkpoint that hangs: the cause by name, exit code 4, and the host as it was. The agent is the
# one that many have written: it starts CRIU on a frozen target without --freeze-cgroup.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
use_lab
project "$scratch/project"
# ctr: nerdctl, which takes three times as long, has loop.t and the demo.
sed -i 's/repeat: 2/repeat: 1/; s/with: {stall_after: 40s}/with: {client: ctr}/' kataloop.yaml
container=src/agent/rustjail/src/container.rs

sed -i '/--freeze-cgroup/s#^#// #' "$container"
run "$kataloop" run
exits "a hang is exit code 4" 4
has "the message says what hangs, and why" "$err" 'the checkpoint hangs, nothing moved for' \
    "the target's cgroup is frozen, and CRIU was not told to thaw it" 'hint: '
has "the finding has its evidence" "$out" 'cgroup.events' 'frozen 1' 'Parasite syscall_ip at' \
    'TracerPid'
has "and its remedy" "$out" '--freeze-cgroup /sys/fs/cgroup/'
has "the evidence is kept" "$out" 'saved checkpoint.evidence'
has "what was undone is said" "$out" 'undone: container kataloop-'

criu_runs() { on_host pgrep -x criu >/dev/null; }
frozen_groups() { on_host sh -c 'grep -l "^frozen 1" -r /sys/fs/cgroup --include=cgroup.events 2>/dev/null'; }
ok "no CRIU is left" not criu_runs
is "no container is left" "$(on_host ctr containers ls -q)" ""
is "no cgroup is left frozen" "$(frozen_groups)" ""
is "no folder is left" "$(on_host sh -c 'ls -d /var/tmp/kataloop-* /tmp/criu-checkpoint-* 2>/dev/null')" ""

run "$kataloop" results
has "results call it a hang" "$out" 'hang'
run "$kataloop" diagnose latest
exits "diagnose shows it again" 4
has "with the same cause first" "$out" "1. certain: the target's cgroup is frozen"

cat >>kataloop.yaml <<'YAML'
  both: {host: lab, steps: [{recipe: compare-manual-agent, with: {client: ctr}}]}
YAML
run "$kataloop" diagnose --compare
exits "both ways: the agent's hangs" 4
has "both ways: CRIU by hand does not" "$out" 'in the guest, the workload still runs'
has "both ways: the first difference is the frozen cgroup" "$out" '1. target: frozen'
has "both ways: on the agent's side" "$out" '   - no
   + yes'
ok "both ways: no CRIU is left" not criu_runs
is "both ways: no folder is left" "$(on_host sh -c 'ls -d /tmp/kataloop-* /tmp/criu-checkpoint-* 2>/dev/null')" ""

# The healthy twin: the edit that was asked for.
sed -i '/--freeze-cgroup/s#^// ##' "$container"
sed -i 's/client: ctr/client: ctr, stall_after: 40s/' kataloop.yaml
run "$kataloop" run
exits "with that edit the same loop passes" 0
has "and is measured, CRIU's own figures too" "$out" 'still runs' 'frozen' 'memdump' 'pages_written'
ok "nothing is examined then" not test_has "$out" 'checkpoint.evidence'
