#!/usr/bin/env bash
# The logs of a container, of a run and of what is still to come, merged.
. "$(dirname "$0")/lib.sh"
use_lab
project "$scratch/project"

# lines: "TIME SOURCE TEXT" of the JSON lines in $out.
lines() {
    python3 -c '
import json, sys
for line in sys.stdin:
    o = json.loads(line)
    print(o["time"], o["source"], o["text"])' <<<"$out"
}
# in_order: is standard input sorted by its first word?
in_order() { cut -d ' ' -f 1 | LC_ALL=C sort -c; }
sources() { cut -d ' ' -f 2 | sort -u | tr '\n' ' '; }
# first SOURCE TEXT: the number of the first such line.
first() { lines | grep -n " $1 .*$2" | head -n 1 | cut -d : -f 1; }

for name in logs-one logs-two; do
    on_host ctr run -d --runtime io.containerd.kata.v2 docker.io/library/busybox:latest "$name" \
        sh -c 'while :; do sleep 1; done' >/dev/null 2>&1
    on_host ctr tasks checkpoint "$name" >/dev/null
done
id_one=logs-one id_two=logs-two

# --- a container -----------------------------------------------------------------------------------

run "$kataloop" logs logs-one --since 1h --json
exits "a container: status 0" 0
ok "merged in time" in_order < <(lines)
has "shim, agent and CRIU are there" "$(lines | sources)" agent criu shim
has "what each of them said" "$(lines)" "shim sandbox=$id_one" "checkpoint of process" \
    "criu Dumping finished successfully"
ok "the request before CRIU's first line, its answer after the last" [ \
    "$(first shim 'checkpoint of process')" -lt "$(first criu Version)" -a \
    "$(first criu 'Dumping finished')" -lt "$(first shim 'answer: 0')" ]
ok "nothing of the other container's shim" [ -z "$(lines | grep " shim .*$id_two")" ]
is "nothing twice" "$(lines | grep -c 'criu Dumping finished')" 1
run "$kataloop" logs logs-one --since 1h
has "for people: a column of sources" "$out" "  shim        sandbox=$id_one" "  criu        "

# --- a run -----------------------------------------------------------------------------------------

cat >>kataloop.yaml <<'YAML'
  among_others:
    host: lab
    steps:
      - run: logger -t kata sandbox=logs-two msg=another; logger -t kata msg=nobodys
      - {recipe: timed-checkpoint, repeat: 1, warmup: 0, with: {client: ctr, stall_after: 40s}}
YAML
run "$kataloop" run among_others
exits "a run to ask about" 0
ok "which says nothing of CRIU's log, that it keeps" not grep -q criu-dump <<<"$out"
has "timed-checkpoint, with its figures" "$out" 'timed-checkpoint: checkpoint, 1 sample' 'median'
run "$kataloop" logs latest --json
exits "a run: status 0" 0
ok "a run: merged in time" in_order < <(lines)
has "a run: its checkpoint" "$(lines)" " shim " "checkpoint of process" " agent kata-agent"
has "a run: CRIU's words, though its container is gone" "$(lines)" " criu Version" " criu Dumping finished successfully"
ok "a run: between the request and its answer" [ \
    "$(first shim 'checkpoint of process')" -lt "$(first criu Version)" -a \
    "$(first criu 'Dumping finished')" -lt "$(first shim 'answer: 0')" ]
has "a run: what names no container" "$(lines)" " shim msg=nobodys"
ok "a run: nothing of a container that is not its own" [ -z "$(lines | grep "$id_two")" ]
ok "a run: not what was before it" [ -z "$(lines | grep "sandbox=$id_one")" ]

# --- what is still to come -------------------------------------------------------------------------

"$kataloop" logs --since 1s --follow >"$scratch/follow" 2>&1 &
follower=$!
said_follow() {
    on_host logger -t kata "follow me"
    grep -q 'shim .*follow me' "$scratch/follow"
}
ok "--follow: a line as it comes" wait_for 120 said_follow
kill -TERM "$follower"
wait "$follower"
is "--follow ends when it is asked to" "$?" 130

# --- bad input -------------------------------------------------------------------------------------

run "$kataloop" logs nosuch
exits "no such container: status 1" 1
has "no such container" "$err" "no container of namespace default is called \`nosuch\`"
run "$kataloop" logs 20200101-000000-0000
ok "no such run: fails" [ "$status" -ne 0 ]
has "no such run" "$err" 20200101-000000-0000
run "$kataloop" logs --since soon
exits "no time: usage" 2
has "no time" "$err" "\`--since soon\` is not a duration" "10m"

for name in logs-one logs-two; do
    on_host ctr tasks rm --force "$name" >/dev/null 2>&1
    on_host ctr containers rm "$name"
done
on_host sh -c 'ctr images ls -q | grep ^containerd.io/checkpoint/ | xargs -r ctr images rm' >/dev/null
