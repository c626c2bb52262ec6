#!/usr/bin/env bash
# A checkpoint restored into a new container, with the proof that its workload went on; and what
# cannot be restored.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
use_lab
has_nerdctl || skip_all "$no_nerdctl, and only that restores"
project "$scratch/project"
cat >>kataloop.yaml <<'YAML'
  restored: {host: lab, steps: [{recipe: restore, repeat: 1, with: {stall_after: 40s}}]}
  kata: {host: lab, steps: [{recipe: restore, repeat: 1, with: {runtime: io.containerd.kata.v2, stall_after: 40s}}]}
  ctr: {host: lab, steps: [{recipe: restore, repeat: 1, with: {client: ctr, stall_after: 40s}}]}
  broken:
    host: lab
    steps:
      - container: {image: busybox, client: nerdctl, runtime: io.containerd.runc.v2}
      - checkpoint: {leave_running: false, keep: true, stall_after: 40s}
      - run: {command: "for f in /var/tmp/kataloop-kept-*/images/core-1.img; do : >$f; done", become: true}
      - restore: true
  nothing:
    host: lab
    steps: [{recipe: timed-checkpoint, repeat: 1, warmup: 0, with: {client: ctr, stall_after: 40s}}, {restore: true}]
  silent:
    host: lab
    steps: [{container: busybox, client: ctr, runtime: io.containerd.runc.v2}, {checkpoint: true, counter: /none}]
YAML

run "$kataloop" run restored
exits "a restore" 0
has "the workload went on" "$out" 'the workload went on from '
before=$(awk '$1 == "counter_before" { print $3 }' <<<"$out") after=$(awk '$1 == "counter_after" { print $3 }' <<<"$out")
ok "its counter is further than before the dump: $before, $after" test "$after" -gt "$before"
has "it is timed" "$out" 'restore: restore, 1 sample' 'wall'

run "$kataloop" run kata
exits "Kata's runtime cannot restore" 1
has "and says so" "$err" 'error: restore 1/1: ' 'the restore failed' "hint: upstream Kata's shim and agent cannot restore"
run "$kataloop" run broken
exits "images that are broken cannot be restored" 1
has "and CRIU's own words say why" "$err" 'error: restore: CRIU says: ' 'Error (criu/image.c' 'the restore failed'
folder=$(sed -n 's/.* the images stay in \(.*\) on lab$/\1/p' <<<"$out")
ok "images that are to stay do, even so" on_host test -s "$folder/images/inventory.img"
is "and nothing else does" "$(on_host sh -c 'ls -d /var/tmp/kataloop-*')" "$folder"
on_host rm -r "$folder"
run "$kataloop" run ctr
exits "ctr cannot restore" 1
has "and says so" "$err" 'ctr does not restore' 'hint: set `client: nerdctl`'
run "$kataloop" run nothing
exits "nothing to restore, once the images are taken away" 1
has "is said" "$err" 'no checkpoint of this run is there to restore' 'hint: put a `checkpoint` step before it'
run "$kataloop" run silent
exits "a workload that does not count" 1
has "is said" "$err" 'reading the counter `/none`' 'hint: `counter` names a file'

is "no container is left" "$(on_host ctr containers ls -q)" ""
is "no folder is left" "$(on_host sh -c 'ls -d /var/tmp/kataloop-* 2>/dev/null')" ""
