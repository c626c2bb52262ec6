#!/usr/bin/env bash
# Whole runs on this machine (the local transport): what is done, what is left out and why, what
# fails, and what Ctrl-C and a death leave.
. "$(dirname "$0")/../e2e/lib.sh"

export HOME=$scratch # what a login shell of whoever runs this does takes its time
work=$scratch/work project=$scratch/project
mkdir -p "$work" "$project/src"
cd "$project" || exit
echo one >src/a
# workflow STEP…: the file with these steps.
workflow() {
    cat >kataloop.yaml <<YAML
version: 1
hosts: {here: {ssh: local, workspace: $work, become: none}}
builds:
  agent: {sync: src/, dir: src, run: "cat a > out && echo built", output: out}
  bad: {dir: src, run: "echo 'x.c:1:2: error: no such thing' >&2; echo more >&2; exit 2"}
  killed: {dir: src, run: "echo 'x.c:1:2: error: so far' >&2; kill -KILL \$\$"}
  none: {dir: src, run: "true", output: nothing}
  cargo: {dir: src, run: cargo build}
  shaky: {dir: src, run: "[ -e made ] || echo >made; echo tried; test ! -e $scratch/fails", output: made}
workflows:
  w:
    host: here
    steps:
YAML
    printf '      - %s\n' "$@" >>kataloop.yaml
}

workflow 'build: agent' 'run: echo hello'
run "$kataloop" plan
exits "a plan" 0
has "says what would run" "$out" "sync src/" "build agent" "run echo hello"
ok "and touches nothing" test -z "$(ls "$work")"

run "$kataloop" run
exits "a run" 0
has "says what it did" "$out" "[1] sync src/: " "1 of 1 files sent" "  built" "out made" "  hello" ": ok, "
is "the files are there" "$(cat "$work/src/a" "$work/src/out")" "one
one"
first=$(grep -o '2[0-9]*-[0-9]*-[0-9a-f]*' <<<"$out" | head -1)

run "$kataloop" run
exits "again" 0
has "what is unchanged is left out, and why" "$out" \
    "[1] sync src/: skipped, nothing changed since run $first" \
    "[2] build agent: skipped, nothing changed since run $first" "  hello"
run "$kataloop" plan
has "the plan knows it" "$out" "skip  nothing changed since run $first"
run "$kataloop" run --force
exits "forced" 0
has "everything is done" "$out" "  built" "0 of 1 files sent"
echo two >src/a
run "$kataloop" run
exits "after an edit" 0
has "what depends on it is done" "$out" "1 of 1 files sent" "  built"
is "with the new text" "$(cat "$work/src/out")" two
rm "$work/src/out"
run "$kataloop" run
has "what somebody removed there is made again" "$out" "[1] sync src/: skipped" "out made"
echo three >"$work/src/a"
run "$kataloop" run
has "and what somebody edited is sent again" "$out" "1 of 1 files sent" "  built"
is "as it is here" "$(cat "$work/src/out")" two

run "$kataloop" run --only run
exits "one step" 0
ok "and no other" test "$(grep -c '^\[' <<<"$out")" -eq 2
run "$kataloop" run --from nowhere
exits "a step that is not there" 2
has "is said" "$err" 'workflow `w` has no step `nowhere`' '`kataloop plan` lists its steps'
run "$kataloop" run --from snyc
has "with the nearest, a kind too" "$err" 'workflow `w` has no step `snyc`' 'did you mean `sync`?'
run "$kataloop" run wx
exits "a workflow that is not there" 2
has "is said, with the nearest" "$err" 'has no workflow `wx`' 'did you mean `w`?'

run "$kataloop" run --json
exits "as JSON" 0
ok "each line is an object" python3 -c 'import json, sys
for line in sys.argv[1].splitlines(): assert isinstance(json.loads(line), dict)' "$out"

# What only a login shell finds.
mkdir -p "$HOME/.cargo/bin"
printf '#!/bin/sh\necho "the cargo of the profile: $*"\n' >"$HOME/.cargo/bin/cargo"
chmod +x "$HOME/.cargo/bin/cargo"
echo 'PATH=$HOME/.cargo/bin:$PATH' >"$HOME/.profile"
workflow 'build: cargo' 'run: cargo --version'
SHELL=/bin/sh run "$kataloop" run
exits "a program that the login shell's profile puts on the PATH" 0
has "is found by a build and by a command" "$out" '  the cargo of the profile: build' '  the cargo of the profile: --version'
rm "$HOME/.profile"

# One source, several places.
workflow 'sync: src/' '{sync: src/, to: x/}' '{sync: src/, to: y/}'
run "$kataloop" run
exits "a folder sent to three places" 0
has "each is named" "$out" "[2] sync src/ to x/: " "[3] sync src/ to y/: "
run "$kataloop" run
is "and known again" "$(grep -c ': skipped, nothing changed' <<<"$out")" 3

# What is not here goes there too, if that is asked for; what is left out stays on both sides.
mkdir "$work/d"
echo theirs | tee "$work/d/old" >"$work/d/stays"
echo ours >src/stays
workflow 'sync: {from: src/, to: d/, exclude: [stays]}'
run "$kataloop" run
is "nothing is removed unless it is asked for" "$(cat "$work/d/old" "$work/d/stays")" $'theirs\ntheirs'
workflow 'sync: {from: src/, to: d/, exclude: [stays], delete: true}'
run "$kataloop" run
has "what is removed is counted" "$out" "0 of 1 files sent, 1 removed"
is "and what is excluded is not touched" "$(ls "$work/d") $(<"$work/d/stays")" $'a\nstays theirs'
rm src/stays

# What is left out in one run, or not come to, is made up for in the next.
workflow 'build: agent'
"$kataloop" run >/dev/null 2>&1
echo four >src/a
run "$kataloop" run --only sync
has "a sync alone" "$out" "1 of 1 files sent"
run "$kataloop" plan
has "the plan knows what that means" "$out" "run   a step before it has changed something since"
run "$kataloop" run
has "the next run builds" "$out" "[1] sync src/: skipped" "  built"
is "what was sent then" "$(cat "$work/src/out")" four
ln -s a src/link
"$kataloop" run >/dev/null 2>&1
ln -sfn b src/link
run "$kataloop" run
has "a link that points elsewhere is a change" "$out" "0 of 1 files sent" "  built"
chmod 0700 src/a
run "$kataloop" run
has "and so is a mode" "$out" "  built"
rm src/link
run "$kataloop" run
has "what stays there is none" "$out" "0 of 1 files sent" "[2] build agent: skipped"

# A run that was cut off behind what a step has changed, before that was noted: what follows is done.
# forget KIND: the notes of steps of that kind.
forget() {
    python3 -c 'import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as db:
    db.execute("DELETE FROM state WHERE key LIKE ?", ("% here " + sys.argv[2] + " %",))' \
        "$KATALOOP_STATE_DIR/kataloop.db" "$1"
}
workflow 'build: agent'
"$kataloop" run >/dev/null 2>&1
for word in five six; do
    echo $word >src/a
    cp -p src/a "$work/src/a"
    forget sync
    run "$kataloop" run
    has "what had been sent by then is built" "$out" "0 of 1 files sent" "  built"
    is "as it is" "$(cat "$work/src/out")" $word
done

# A step that has failed is done again, whatever was before.
workflow 'build: shaky'
"$kataloop" run >/dev/null 2>&1
run "$kataloop" run
has "a build that went well is left out" "$out" "build shaky: skipped"
touch "$scratch/fails"
run "$kataloop" run --force
exits "it fails" 1
rm "$scratch/fails"
run "$kataloop" run
exits "and then does not" 0
has "it is done again, though all is as it was" "$out" "  tried"

# Failures.
workflow 'build: bad' 'run: echo never'
run "$kataloop" run
exits "a build that fails" 1
has "shows the compiler's errors" "$err$out" "the build failed (exit status 2)" "x.c:1:2: error: no such thing" \
    "hint: its whole output is in $KATALOOP_STATE_DIR/runs/"
ok "and what comes after is not done" test "${out/never/}" = "$out"
workflow 'build: killed'
run "$kataloop" run
has "one that a signal ends" "$err$out" "the build failed (ended by SIGKILL)" "x.c:1:2: error: so far"
workflow 'build: none'
run "$kataloop" run
exits "a build that leaves nothing" 1
has "is said" "$err$out" "left no \`$work/src/nothing\`" 'set `output` of build `none`'
workflow 'run: exit 7'
run "$kataloop" run
exits "a command that fails" 1
has "is said with its status" "$err$out" "exit status 7"
workflow 'run: sleep 60' '  timeout: 200ms'
sed -i 's/^      -   timeout/        timeout/' kataloop.yaml
run "$kataloop" run
exits "a step that takes too long" 1
has "is said" "$err" "error: run sleep 60: timed out" "hint: the step's \`timeout\` is 0.20 s"
workflow 'run: "while :; do echo on and on; done"' '  timeout: 300ms'
sed -i 's/^      -   timeout/        timeout/' kataloop.yaml
run timeout 20 "$kataloop" run
exits "one that never pauses in what it says" 1
has "too" "$err$out" "timed out"
workflow 'run: "while :; do echo on and on; done"'
timeout 20 "$kataloop" run >"$scratch/said" 2>&1 &
pid=$!
wait_for 20 grep -q 'on and on' "$scratch/said"
kill -INT "$pid"
wait "$pid"
is "and hears of a Ctrl-C" $? 130
rm src/a
rmdir src
workflow 'sync: src/'
run "$kataloop" run
exits "no sources" 2
has "is said" "$err$out" "src/" "No such file or directory"
mkdir src
echo one >src/a
mv "$work" "$work.away"
run "$kataloop" run
exits "no workspace" 1
has "is said, with what to do" "$err$out" "there is no workspace \`$work\` on here" "set \`workspace\`"
mv "$work.away" "$work"

# Ctrl-C while a command runs: it ends with all it started.
workflow "run: \"sleep 300 & echo \$! > $work/pid; wait\""
"$kataloop" run >"$scratch/said" 2>&1 &
pid=$!
ok "a command runs" wait_for 20 test -s "$work/pid"
kill -INT "$pid"
wait "$pid"
is "interrupted: exit status 130" $? 130
ok "what it had started has gone" wait_for 10 bash -c '! kill -0 "$1"' - "$(<"$work/pid")"
has "it says so" "$(<"$scratch/said")" "interrupted"
run "$kataloop" results
has "and the results do" "$out" "interrupted"

# Two at once: each may disturb the other, which has to be known.
workflow "run: \"echo \$\$ > $work/pid; exec sleep 300\""
rm -f "$work/pid"
"$kataloop" run >/dev/null 2>&1 &
pid=$!
ok "a run works" wait_for 20 test -s "$work/pid"
workflow 'run: echo second'
run "$kataloop" run
exits "a second one goes on beside it" 0
has "and says that there is another" "$out" '(w) is on this host too'
kill -INT "$pid"
wait "$pid"
run "$kataloop" run
ok "but not when that has ended" not test_has "$out" 'is on this host too'

# From a folder below that of the file; a workspace is from the file's, too.
workflow 'run: pwd'
sed -i 's/, workspace: [^,]*//' kataloop.yaml
mkdir -p below
run sh -c 'cd below && exec "$0" run' "$kataloop"
has "where it is called makes no difference" "$out" "
  $project
"

# A save during a run starts the next one.
workflow 'sync: src/' "{name: wait, run: \"until [ -e $work/go ]; do sleep 0.1; done; cat src/a\"}"
"$kataloop" watch >"$scratch/said" 2>&1 &
pid=$!
runs() { test "$(grep -c '^run .*: ok' "$scratch/said")" -ge "$1"; }
ok "a watched run waits for something" wait_for 20 grep -q '^\[2\] wait$' "$scratch/said"
echo 'saved meanwhile' >src/a
touch "$work/go"
ok "a save during a run starts the next one" wait_for 20 runs 2
is "which has it, and the first has not" "$(grep -c '^  saved meanwhile$' "$scratch/said")" 1
kill -INT "$pid"
wait "$pid"

# A watch that nobody reads of any more.
# The run goes on once its reader has gone: one that is done by then writes no more, and waits.
workflow "run: \"until [ -e $work/shut ]; do sleep 0.1; done; echo seen\""
# shellcheck disable=SC2016 # for that shell
run bash -c 'timeout 20 "$0" watch | { head -n 1; exec <&-; touch "$1"; }; exit "${PIPESTATUS[0]}"' \
    "$kataloop" "$work/shut"
exits "ends" 1
has "and says why" "$err" "Broken pipe"
workflow 'run: echo seen'
# shellcheck disable=SC2016 # for that shell
run bash -c 'timeout 20 "$0" watch 2>"$1" | { until grep -q ^watching "$1"; do sleep 0.1; done; }; exit "${PIPESTATUS[0]}"' \
    "$kataloop" "$work/watching"
exits "ends without a save, too" 1
has "and says why then" "$(cat "$work/watching")" "nobody reads what is printed any more: Broken pipe"

# Whoever starts kataloop may have the ends of children ignored.
workflow 'run: echo heard'
run python3 -c 'import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.execv(sys.argv[1], sys.argv[1:])' "$kataloop" run
exits "commands are waited for then, too" 0
workflow "run: \"sleep 300 & echo \$! > $work/pid; wait\""

# A terminal that goes away.
rm "$work/pid"
(trap '' HUP && exec "$kataloop" run) >"$scratch/said" 2>&1 &
pid=$!
wait_for 20 test -s "$work/pid"
kill -HUP "$pid"
kill "$(<"$work/pid")"
wait "$pid"
is "behind nohup it is no end" $? 0

# What whoever starts kataloop has ignored is not ignored by what it starts.
for signal in HUP PIPE; do
    workflow "run: \"kill -$signal \$\$; echo unharmed\""
    # shellcheck disable=SC2016 # for that shell
    run bash -c 'trap "" "$1" && exec "$2" run' - $signal "$kataloop"
    exits "a command that SIG$signal ends" 1
    has "is ended by it" "$err" "ended by SIG$signal"
done
workflow "run: \"sleep 300 & echo \$! > $work/pid; wait\""

# A death: the store knows, and the next run is none the worse for it.
rm "$work/pid"
"$kataloop" run >/dev/null 2>&1 &
pid=$!
wait_for 20 test -s "$work/pid"
kill -KILL "$pid"
wait "$pid" 2>/dev/null
kill "$(<"$work/pid")"
workflow 'run: echo after'
run "$kataloop" run
exits "after a death" 0
run "$kataloop" results
has "the run that died is told" "$out" "lost"

# Both ways, where no workflow has them.
run "$kataloop" diagnose --compare
exits "nothing to compare" 2
has "is said, and what to add" "$err" 'no workflow of ' 'runs both ways' 'recipe: compare-manual-agent'
run "$kataloop" diagnose --compare w
exits "a workflow that has one way" 2
has "is said" "$err" 'workflow `w` of ' 'does not run both ways'
