#!/usr/bin/env bash
# What `plan` says of workflow files, good and bad; no host is asked.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

mkdir "$scratch/project"
cd "$scratch/project" || exit

run "$kataloop" plan
exits "no file: usage" 2
has "no file: says where it looked" "$err" 'there is no kataloop.yaml in' '`-f FILE` names one'

# good: a workflow file without a fault, the ground of all that have one.
good() {
    cat <<'YAML'
version: 1
hosts:
  dev:
    ssh: ubuntu@dev
builds:
  agent:
    run: make
workflows:
  loop:
    host: dev
    steps:
      - build: agent
YAML
}

# refused NAME PART…: the file bad.yaml is a usage error that is told with every part.
refused() {
    local name=$1
    shift
    run "$kataloop" plan -f bad.yaml
    exits "$name: usage" 2
    has "$name: says what and where" "$err" "$@"
}

# bad NAME SED-SCRIPT PART…: the good file with a fault.
bad() {
    local name=$1 edit=$2
    shift 2
    good | sed "$edit" >bad.yaml
    refused "$name" "$@"
}

# --- one fault at a time ---------------------------------------------------------------------
bad "unknown key" 's/^    ssh: .*/&\n    wrokspace: \/x/' \
    'bad.yaml:5:5: error: host `dev` has no key `wrokspace`
    5 |     wrokspace: /x
      |     ^
      = did you mean `workspace`?'
bad "wrong type" 's/run: make/run: {a: b}/' \
    'bad.yaml:7:10: error: `run` must be a command line or a list of words, not a map' \
    '    7 |     run: {a: b}' '= run: the build command'
bad "wrong value" 's/run: make/&\n    timeout: soon/' \
    'bad.yaml:8:14: error: `timeout` must be a duration, like 10s, 200ms or 2m, not `soon`' \
    '    8 |     timeout: soon'
bad "duplicate name" 's/^workflows/  agent:\n    run: other\n&/' \
    'bad.yaml:8:3: error: `agent` is here twice, first in line 6
    8 |   agent:
      |   ^'
bad "reference to no build" 's/build: agent/build: agnet/' \
    'bad.yaml:12:16: error: no entry of `builds` is called `agnet`
   12 |       - build: agnet
      |                ^
      = did you mean `agent`?'
bad "reference to no host" 's/host: dev/host: dve/' \
    'bad.yaml:10:11: error: no entry of `hosts` is called `dve`' '= did you mean `dev`?'
bad "unknown kind of step" 's/build: agent/biuld: agent/' \
    'bad.yaml:12:9: error: `biuld` is not a kind of step' '= did you mean `build`?'
bad "unknown variable" 's/build: agent/run: echo ${nope}/' \
    'bad.yaml:12:14: error: there is no variable `nope` here' '= known: host.name, host.workspace'
bad "unclosed variable" 's/build: agent/run: echo ${nope/' \
    'bad.yaml:12:14: error: `${` without `}`' '= write `$${` for the two characters themselves'
bad "unknown recipe" 's/build: agent/recipe: basic-chekpoint/' \
    'bad.yaml:12:17: error: there is no recipe `basic-chekpoint`' \
    '= did you mean `basic-checkpoint`?'
bad "bad recipe parameters" \
    's/build: agent/recipe: basic-checkpoint\n        with: {worklod: x, leave_running: 7}/' \
    'bad.yaml:13:16: error: recipe `basic-checkpoint` has no parameter `worklod`' \
    '= did you mean `workload`?' \
    'bad.yaml:13:43: error: `leave_running` must be true or false, not `7`'
bad "another version" 's/version: 1/version: 9/' \
    'bad.yaml:1:10: error: version 9 is not known here' '= this program reads version 1'

mkdir recipes
printf 'version: 1\nhelp: x\nsteps:\n  - recipe: two\n' >recipes/one.yaml
printf 'version: 1\nhelp: x\nsteps:\n  - recipe: one\n' >recipes/two.yaml
bad "cycle" 's/build: agent/recipe: one/' \
    'recipes/two.yaml:4:13: error: recipe one comes back to itself' \
    '= workflow loop → recipe one → recipe two → recipe one'
rm -r recipes

# --- no YAML ---------------------------------------------------------------------------------
bad "tabs" 's/^    ssh/\tssh/' 'bad.yaml:4:1: error: not YAML: tab character' '    4 |'
printf 'version: 1\nhosts: [dev\nbuilds: {\n' >bad.yaml
refused "broken YAML" 'bad.yaml:4:1: error: not YAML: '
bad "not UTF-8" 's/ubuntu@dev/\xff\xfe/' 'bad.yaml:4:10: error: not YAML: the text is not UTF-8'
: >bad.yaml
refused "empty file" 'bad.yaml:1:1: error: the file is empty'
printf -- '- a\n' >bad.yaml
refused "a list" 'bad.yaml:1:1: error: bad.yaml must be a map, not a list'
head -c 4096 /dev/urandom >bad.yaml
refused "a binary file" 'bad.yaml:' 'error: '
ok "a binary file: no control character reaches the terminal" \
    test -z "$(LC_ALL=C tr -d '\n\40-\176\200-\377' <"$scratch/err")"
{ good && yes '# filler' | head -c 2000000; } >bad.yaml
refused "a huge file" 'reading `bad.yaml`: larger than 1048576 bytes' 'is it the right one?'
python3 -c 'print("a: " + "[" * 100000)' >bad.yaml
refused "a deep file" 'error: nested more than 64 deep'
rm bad.yaml
refused "no such file" 'opening `bad.yaml`: No such file or directory' '`-f` names a workflow file'
run "$kataloop" plan -f .
exits "a folder: usage" 2
has "a folder: is said to be one" "$err" 'Is a directory' 'is it the right one?'

# --- all at once -----------------------------------------------------------------------------
bad "many faults" 's/run: make/rnu: make/; s/host: dev/host: dve/; s/build: agent/restart: {ready: [x]}/' \
    'bad.yaml:7:5: error: build `agent` has no key `rnu`' 'bad.yaml:7:5: error: build `agent` needs `run`' \
    'bad.yaml:10:11: error: no entry of `hosts`' 'bad.yaml:12:' 'step `restart` needs `unit`'
run "$kataloop" plan -f bad.yaml --json
exits "as JSON: usage" 2
ok "as JSON: every fault has its place and message" python3 -c '
import json, sys
problems = json.load(sys.stdin)["problems"]
assert len(problems) == 4, problems
assert all(p["file"] == "bad.yaml" and p["line"] > 0 and p["column"] > 0 and p["message"] for p in problems)
assert any(p.get("hint") == "did you mean `dev`?" for p in problems), problems' <<<"$out"

# --- a good one ------------------------------------------------------------------------------
mkdir -p there src
echo one >src/file
cat >kataloop.yaml <<YAML
version: 1
hosts:
  here: {ssh: local, workspace: $PWD/there, become: none}
builds:
  b: {sync: src/, dir: src, run: cp file out, output: out}
workflows:
  w:
    host: here
    steps:
      - build: b
      - run: "true"
YAML
before=$(find . | sort)
run "$kataloop" plan
exits "a good file" 0
is "is a table of what would run, and why" "$out" "workflow w of $PWD/kataloop.yaml on here
#  step            why
1  sync src/  run  not done yet, or it failed
2  build b    run  not done yet, or it failed
3  run true   run"
is "nothing is touched" "$(find . | sort)" "$before"
ok "no run is kept" test ! -e "$KATALOOP_STATE_DIR/runs"

run "$kataloop" run
exits "run does it" 0
id=$(sed -n 's/^run \([0-9a-f-]*\): ok.*/\1/p' <<<"$out")
run "$kataloop" plan
has "what is done will be skipped, and why" "$out" \
    "1  sync src/  skip  nothing changed since run $id" \
    "2  build b    skip  nothing changed since run $id" '3  run true   run'
echo two >src/file
run "$kataloop" plan
has "what changed will run, and what follows from it" "$out" \
    "1  sync src/  run  changed since run $id" '2  build b    run  if step 1 changes anything'
run "$kataloop" plan --json
ok "the same as JSON" python3 -c '
import json, sys
steps = json.load(sys.stdin)["steps"]
assert len(steps) == 3, steps' <<<"$out"
is "and nothing was sent" "$(<there/src/file)" one
