#!/usr/bin/env bash
# What kataloop refuses, and how it says so: each time the thing, the cause, and the next thing to do,
# once. On this machine (the local transport).
. "$(dirname "$0")/../e2e/lib.sh"

export HOME=$scratch # what a login shell of whoever runs this does takes its time
work=$scratch/work project=$scratch/project state=$KATALOOP_STATE_DIR
mkdir -p "$work" "$project/src"
cd "$project" || exit
echo one >src/a
# workflow STEP…: the file with these steps.
workflow() {
    cat >kataloop.yaml <<YAML
version: 1
hosts: {here: {ssh: local, workspace: $work, become: none}}
workflows:
  w:
    host: here
    steps:
YAML
    printf '      - %s\n' "$@" >>kataloop.yaml
}
# said_once PART: in what the last `run` has said, on both outputs.
said_once() {
    cat "$scratch/out" "$scratch/err" # shown where it fails
    test "$(cat "$scratch/out" "$scratch/err" | grep -cF "$1")" -eq 1
}

# --- a run whose results cannot be kept, or shown -------------------------------------------------

workflow 'run: echo hello'
mkdir "$state"
touch "$state/runs"
run "$kataloop" run
exits "a run that has no place for its folder" 1
has "says so" "$err" "kataloop: creating folder \`$state/runs\`: Not a directory" \
    "set KATALOOP_STATE_DIR to a folder that can be written"
ok "once" said_once "Not a directory"
run "$kataloop" run --json
exits "the same as JSON" 1
has "too" "$err" "kataloop: creating folder \`$state/runs\`: Not a directory"
rm "$state/runs"
mkdir -p "$state/runs/latest"
run "$kataloop" run
exits "a folder where the link to the youngest is to be" 1
has "is named, with what to do" "$err" "making the link \`$state/runs/latest\`: Is a directory" \
    "move that folder away"
rmdir "$state/runs/latest"

run sh -c '"$0" run --json >/dev/full' "$kataloop"
exits "events that cannot be written" 1
ok "are said once" said_once 'kataloop: writing events to `standard output`: No space left on device'
run sh -c '"$0" run >/dev/full' "$kataloop"
exits "lines that cannot be written" 1
ok "too" said_once "writing the run's lines: No space left on device"
run sh -c '"$0" run | head -n 1' "$kataloop"
run "$kataloop" results show
ok "no step runs on behind a run that has ended" not grep -q running <<<"$out"
run sh -c '"$0" plan >/dev/full' "$kataloop"
exits "nor does a plan get lost" 1
ok "unsaid" said_once "standard output could not be written: No space left on device"
run sh -c '"$0" run <&- >&-' "$kataloop"
exits "an output that is closed" 1
ok "is missed" said_once "writing the run's lines: Bad file descriptor"
run sh -c '"$0" run --json <&- >&- 2>&-' "$kataloop"
exits "with nowhere to say so" 1
run tail -n 1 "$state/runs/latest/events.jsonl"
has "no file of the run stands in for it" "$out" '"event":"run_end"' 'Bad file descriptor'
workflow 'run: exit 7'
run "$kataloop" run
exits "what the screen has said" 1
ok "is not said again" said_once "exit status 7"
ok "by anybody" not grep -q '^kataloop:' "$scratch/err"
run "$kataloop" run --json
exits "nor what is among the events" 1
is "is on the other output" "$err" ""

# --- watch, and what is away for a moment -----------------------------------------------------------

workflow 'sync: src/'
"$kataloop" watch >"$scratch/said" 2>&1 &
watcher=$!
runs() { test "$(grep -c '^run .*: ok' "$scratch/said")" -ge "$1"; }
waits() { test "$(grep -c '^watching: ' "$scratch/said")" -ge "$1"; }
ok "watch runs, and waits" wait_for 20 waits 1
mv src away
ok "sources that go away are no end" wait_for 20 waits 2
ok "they are named" grep -qF src "$scratch/said"
mv away src
ok "the run comes when they come back" wait_for 20 runs 2
ok "and it waits" wait_for 20 waits 3
mv kataloop.yaml away
ok "nor is it one when the file goes" wait_for 20 waits 4
has "which is said, with what to do" "$(<"$scratch/said")" \
    "kataloop: there is no kataloop.yaml in " "\`-f FILE\` names one"
mv away kataloop.yaml
ok "nor does its return get lost" wait_for 20 runs 3
ok "after which it waits" wait_for 20 waits 5
rm -r "$state/runs"
touch "$state/runs"
echo two >src/a
ok "a run that has no place for its folder is no end" wait_for 20 waits 6
has "it is said, with what to do" "$(<"$scratch/said")" "kataloop: creating folder" "set KATALOOP_STATE_DIR"
rm "$state/runs"
echo three >src/a
ok "and the next one runs" wait_for 20 runs 4
kill -INT "$watcher"
wait "$watcher"
is "Ctrl-C is" $? 130

# --- sources ------------------------------------------------------------------------------------------

workflow 'sync: srcs/' 'sync: {from: src/b, to: ../up}' 'sync: ../work' 'sync: /etc/hostname' 'run: echo hello'
run "$kataloop" plan
exits "sources that are not there, or have no place there" 2
has "are said with their places, all of them" "$err" \
    "kataloop.yaml:7:15: error: looking at \`$project/srcs/\`: No such file or directory" \
    "kataloop.yaml:8:22: error: looking at \`$project/src/b\`: No such file or directory" \
    "    = this path starts from the workflow file's folder" \
    'kataloop.yaml:8:33: error: `../up` is not below the workspace' \
    'kataloop.yaml:9:15: error: `../work` has no place below the workspace of its own' \
    "    = say where it goes: \`sync: {from: ../work, to: …}\`" \
    'kataloop.yaml:10:15: error: `/etc/hostname` has no place below the workspace'
run "$kataloop" run
exits "nor does anything run" 2
is "not even its beginning" "$out" ""
run "$kataloop" run --only run
exits "steps that read none of them run" 0
cat >>kataloop.yaml <<'YAML'
  b: {host: here, steps: [build: b]}
builds:
  b: {sync: [src, gone/], run: make}
YAML
run "$kataloop" plan b
exits "nor does a build's source get by" 2
has "unsaid" "$err" "kataloop.yaml:14:19: error: looking at \`$project/gone/\`: No such file"
workflow 'sync: ""' 'sync: {from: src, to: ""}'
printf 'builds: {b: {sync: [src, ""], run: make}}\n' >>kataloop.yaml
run "$kataloop" plan
exits "empty ones" 2
has "too" "$err" 'kataloop.yaml:7:16: error: `from` is empty' 'kataloop.yaml:8:32: error: `to` is empty' \
    'kataloop.yaml:9:27: error: `sync` is empty'
workflow 'run: ""' 'run: []'
run "$kataloop" plan
exits "commands of nothing" 2
has "either" "$err" 'kataloop.yaml:7:15: error: `command` is empty' 'kataloop.yaml:8:14: error: `command` is empty'
workflow 'inject: {image: i, files: [{from: /a:b, to: bin/x}, {from: /a, to: /b/../c, owner: root}]}'
echo 'images: {i: auto}' >>kataloop.yaml
run "$kataloop" plan
exits "what guestimg would refuse when all is built" 2
has "neither, each at its place" "$err" 'kataloop.yaml:7:43: error: `from` cannot have a colon: `/a:b`' \
    'kataloop.yaml:7:53: error: `to` must be the absolute path of a file, without a colon, not `bin/x`' \
    'not `/b/../c`' 'error: `owner` must be two numbers, UID:GID, not `root`'
workflow '{recipe: basic-checkpoint, repeat: 20}'
run "$kataloop" plan
exits "to repeat what is done once" 2
has "is refused" "$err" 'kataloop.yaml:7:44: error: recipe `basic-checkpoint` has no `measure`, which `repeat` is for'
workflow 'recipe: basic-checkpoint.yaml' 'recipe: ./recipes/basic-checkpoint'
run "$kataloop" plan
exits "recipes that are named as files are" 2
has "are none" "$err" 'kataloop.yaml:7:17: error: there is no recipe `basic-checkpoint.yaml`' \
    '= a recipe is named without its folder and without `.yaml`' \
    'kataloop.yaml:8:17: error: there is no recipe `./recipes/basic-checkpoint`'
workflow 'container: ""' 'restart: ""'
run "$kataloop" plan
exits "a container and a unit of no name" 2
has "are said" "$err" '`image` is empty' '`unit` is empty'
workflow 'guest: {command: ps, save: a/b}' 'checkpoint: {evidence: .x}' 'criu: {folder: tmp/x, log_file: a/b, evidence: ""}'
run "$kataloop" plan
exits "names of files that are none" 2
has "are said before anything runs" "$err" 'kataloop.yaml:7:36: error: `save` must be the name of a file, not `a/b`' \
    "= it is kept among the run's files" '`evidence` must be the name of a file, not `.x`' \
    '`evidence` must be the name of a file, not ``' '`folder` must be an absolute path, not `tmp/x`' \
    '`log_file` must be the name of a file, not `a/b`'
workflow 'run: echo hello'
echo '  both: {host: here, steps: [criu: {evidence: a, folder: x}, checkpoint: {evidence: b}]}' >>kataloop.yaml
run "$kataloop" diagnose --compare
exits "the workflow that --compare finds is looked at like one that is named" 2
has "with places" "$err" 'kataloop.yaml:8:58: error: `folder` must be an absolute path'
workflow "sync: {from: ../work/x, to: x}" "sync: {from: src/, to: $scratch/elsewhere}"
mkdir "$work/x" "$scratch/elsewhere"
run "$kataloop" run
exits "what says where it goes goes there" 0
is "elsewhere too" "$(cat "$scratch/elsewhere/a")" three

# --- hosts --------------------------------------------------------------------------------------------

cat >kataloop.yaml <<'YAML'
version: 1
hosts:
  here: {ssh: local}
  far: {ssh: user@localhost:99999}
  none: user@
workflows: {w: {host: here, steps: [run: "true"]}}
YAML
run "$kataloop" plan
exits "destinations that are none" 2
has "are said with their places" "$err" \
    'kataloop.yaml:4:14: error: `user@localhost:99999` names no host to log in to: `99999` is not a port' \
    'kataloop.yaml:5:9: error: `user@` names no host to log in to: the host is missing' \
    "    = a host is user@host:port, a name of ~/.ssh/config"
rm kataloop.yaml
run "$kataloop" init --host @
exits "nor does init take one" 2
has "and says why" "$err" 'kataloop: `@` names no host to log in to: no user' "  a host is user@host:port"
ok "writing nothing" test ! -e kataloop.yaml
run "$kataloop" doctor user@localhost:99999
exits "nor does doctor" 2
has "but says why" "$err" '`99999` is not a port from 1 to 65535'
mkdir "$scratch/bin"
cat >"$scratch/bin/ssh" <<'SH'
#!/bin/sh
printf '%s\n' "config: line 3: Bad configuration option: foo" "config: terminating, 1 bad configuration options" >&2
exit 255
SH
chmod +x "$scratch/bin/ssh"
PATH=$scratch/bin:$PATH run "$kataloop" guest exec one --host dev -- true
exits "a configuration that ssh refuses" 2
has "is said with the host and the cause" "$err" \
    'ssh cannot say how to reach `dev`: config: line 3: Bad configuration option: foo' 'its configuration is ~/'

# --- the store where it cannot be written -------------------------------------------------------------

workflow 'sync: src/' 'run: echo hello'
run "$kataloop" run
exits "a run" 0
# In a name space of mounts of our own: a state folder on a file system that cannot be written, and on one
# that is full.
in_mounts() {
    unshare -rm sh -euc '
        mount -t tmpfs -o size=1m none "$1"
        cp -r "$2"/. "$1"
        if [ "$3" = full ]; then
            cat /dev/zero >"$1/filler" 2>/dev/null || true
        else
            mount -o remount,ro "$1"
        fi
        shift 3
        exec "$@"' sh "$scratch/mounted" "$state" "$@"
}
mkdir "$scratch/mounted"
mounted_state() { KATALOOP_STATE_DIR=$scratch/mounted in_mounts "$@"; }
if in_mounts ro true 2>"$scratch/why"; then
    for kind in ro full; do
        # shellcheck disable=SC2016 # for that shell
        run mounted_state $kind sh -ec '"$0" results; "$0" results show; "$0" plan' "$kataloop"
        exits "what is kept is read ($kind)" 0
        has "all of it" "$out" "outcome   ok" "2  run echo hello  ok" "skip  nothing changed since run"
        run mounted_state $kind "$kataloop" run
        exits "a run that cannot keep anything" 1
        ok "says so" grep -q '^kataloop: ' "$scratch/err"
    done
    run mounted_state ro "$kataloop" run
    has "with what to do" "$err" "set KATALOOP_STATE_DIR to a folder that can be written"
else
    skip "a store that cannot be written" "no mounts here: $(<"$scratch/why")"
fi
touch "$scratch/file"
for words in results plan run; do
    KATALOOP_STATE_DIR=$scratch/file run "$kataloop" $words
    exits "a state folder that is a file ($words)" 1
    has "is said, with what to do" "$err" "\`$scratch/file" "Not a directory" "set KATALOOP_STATE_DIR"
done
KATALOOP_STATE_DIR=$scratch/none run "$kataloop" results
exits "no store" 0
is "is no runs" "$out" 'No runs yet: `kataloop run` makes one.'
ok "and none is made" test ! -e "$scratch/none"

# --- what is not there to be shown --------------------------------------------------------------------

run "$kataloop" results --host nope
exits "runs of a host that has none" 0
is "are told from no runs at all" "$out" 'No run on `nope`: `kataloop results` lists those on all hosts.'

cat >"$scratch/bin/journalctl" <<'SH'
#!/bin/sh
case "$*" in
*--output=json*--follow*) echo "Failed to open the journal" >&2 && exit 1 ;;
*--output=json*) ;; # which keeps it from saying why there is nothing
*) echo "No journal files were found." >&2 ;;
esac
SH
chmod +x "$scratch/bin/journalctl"
export PATH=$scratch/bin:$PATH
hold_tmp
run "$kataloop" logs latest
free_tmp
exits "a run without a line" 0
has "is said, and why" "$err" "kataloop: not read: the journal of here: No journal files were found." \
    "kataloop: no lines in the time of run 2"
ok "without an option that changes nothing" not grep -q since "$scratch/err"
run "$kataloop" logs --follow
exits "a journal that cannot be followed" 1
has "is said with its cause" "$err" "journalctl ended (exit status 1): Failed to open the journal"

mkdir "$scratch/elsewhere/deep"
cd "$scratch/elsewhere/deep" || exit
run "$kataloop" logs latest
exits "a run's logs, asked for elsewhere" 0
has "are those of its own host" "$err" "the journal of here"
mv "$project/kataloop.yaml" "$project/moved.yaml"
run "$kataloop" logs latest
exits "whose file is gone" 2
has "is said, with what to do" "$err" "kataloop: \`$project/kataloop.yaml\`, which says how to reach host \`here\`" \
    "\`-f FILE\` names it where it is now"
run "$kataloop" logs latest -f "$project/moved.yaml"
exits "and done" 0
run "$kataloop" logs latest --since 1h
exits "a time beside that of a run" 2
has "is said" "$err" '`--since` does not go with a run'
cd "$project" || exit
run "$kataloop" run -f moved.yaml
run "$kataloop" results show
has "a file named from here is found from elsewhere too" "$out" "file      $project/moved.yaml"

run "$kataloop" results show --limit 3
exits "an option that does not go with one run" 2
has "is said" "$err" '`--limit` is for a list of runs'

# --- somebody else's file, which is found and not named -----------------------------------------------

workflow 'run: echo hello'
if chown 12345 kataloop.yaml 2>/dev/null; then
    mkdir -p below
    cd below || exit
    run "$kataloop" run
    exits "the file of another user" 2
    has "is not run" "$err" "kataloop.yaml\` belongs to another user" "if you trust what is in it: \`-f $project"
    is "nothing of it" "$out" ""
    run "$kataloop" run -f ../kataloop.yaml
    exits "but where it is named" 0
    SUDO_UID=12345 run "$kataloop" plan
    exits "or the user's who became root" 0
    cd "$project" || exit
    chown "$(id -u)" kataloop.yaml
    mkdir -p elsewhere
    ln -s ../kataloop.yaml elsewhere/kataloop.yaml
    chown -h 12345 elsewhere/kataloop.yaml
    cd elsewhere || exit
    run "$kataloop" run
    exits "another user's link to a file of one's own" 2
    cd "$project" || exit
else
    skip "the file of another user" "only root gives files away"
fi

# --- steps whose command cannot start, or fails -------------------------------------------------------

workflow 'run: {command: echo hello, dir: not/there}'
run "$kataloop" run
exits "a folder that is not there" 1
has "is named, with what to do" "$err" "there is no folder \`$work/not/there\` on here" \
    "hint: \`dir\` is taken from the workspace, \`$work\`"
workflow 'build: b'
echo 'builds: {b: {dir: not/there, run: make}}' >>kataloop.yaml
run "$kataloop" run
has "a build's too" "$err" "there is no folder \`$work/not/there\` on here"
mv "$work" "$work.away"
for step in 'run: echo hello' 'run: {command: echo hello, dir: sub}' 'sync: src/'; do
    workflow "$step"
    run "$kataloop" run
    exits "no workspace ($step)" 1
    has "is said, with what to do" "$err" "there is no workspace \`$work\` on here" "hint: make the folder there"
done
mv "$work.away" "$work"
workflow 'run: echo oh; exit 7'
run "$kataloop" run
has "a command that fails says where its output is" "$err" "exit status 7: oh" "hint: its whole output is in $state/runs/"
workflow 'run: exit 7'
run "$kataloop" run
has "or that there is none, and where it ran" "$err" "hint: it printed nothing; it ran in \`$work\` on here"
workflow 'run: exit 126'
run "$kataloop" run
has "126 is a status like any other" "$err" "exit status 126"

# --- keys that every step may have --------------------------------------------------------------------

workflow 'run: echo hello' '  timout: 5s' 'run: {command: echo hello, timeout: 5s}'
sed -i 's/^      -   timout/        timout/' kataloop.yaml
run "$kataloop" plan
exits "a key of all steps, misspelt or misplaced" 2
has "is known" "$err" 'kataloop.yaml:8:9: error: step `run` has no key `timout`' '= did you mean `timeout`?' \
    'kataloop.yaml:9:36: error: step `run` has no key `timeout`' \
    '= `timeout` stands beside what says the kind, not below it'

# --- options ---------------------------------------------------------------------------------------

run "$kataloop" run --json -xy
exits "a letter that is no option" 2
has "is named, not the word before it" "$err" 'has no option `-x`'
run "$kataloop" run --json=3
exits "a value for an option that takes none" 2
has "is said" "$err" '`--json=3`: this option takes no value'

# --- a folder whose name is no UTF-8 ------------------------------------------------------------------

odd=$project/$'f\xff'
mkdir "$odd"
workflow 'run: echo hello'
mv kataloop.yaml "$odd/"
cd "$odd" || exit
run "$kataloop" plan --json
exits "is no hindrance" 0
ok "to JSON" python3 -c 'import json, sys; assert json.load(sys.stdin)["file"].endswith("f\ufffd/kataloop.yaml")' \
    <"$scratch/out"
echo x: 1 >>kataloop.yaml
run "$kataloop" plan --json
exits "nor are problems there" 2
ok "lost" python3 -c 'import json, sys; assert json.load(sys.stdin)["problems"]' <"$scratch/out"
