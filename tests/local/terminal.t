#!/usr/bin/env bash
# What a person sees: runs on a terminal of a given size, names that would move its cursor, narrow
# tables, the shells' completion.
. "$(dirname "$0")/../e2e/lib.sh"

export HOME=$scratch TERM=xterm LC_ALL=C.UTF-8 # elsewhere its marks are others
work=$scratch/work project=$scratch/project
mkdir -p "$work" "$project/src"
cd "$project" || exit

# workflow STEP…: the file with these steps.
workflow() {
    cat >kataloop.yaml <<YAML
version: 1
hosts: {here: {ssh: local, workspace: $work, become: none}}
builds: {loud: {dir: ., run: "for i in 1 2 3; do echo building \$i; done"}}
workflows:
  w:
    host: here
    steps:
YAML
    printf '      - %s\n' "$@" >>kataloop.yaml
}

# on COLUMNS COMMAND…: on a terminal so wide; what it shows in the end is in $out, the exit status in
# $status. begin_on does not wait for the end: that is for end_on. All that was written is in raw.
begin_on() {
    columns=$1
    shift
    : >"$scratch/raw" # now: who waits for a word does not see an earlier one
    python3 "$top/tests/e2e/on_terminal.py" 24 "$columns" '' '' "$@" >"$scratch/raw" 2>"$scratch/err" &
}
end_on() {
    status=0
    wait "$!" || status=$?
    out=$(python3 "$top/tests/local/screen.py" "$columns" <"$scratch/raw") err=$(<"$scratch/err")
}
on() { begin_on "$@" && end_on; }
# steps_only: what of $out is of steps, without the times.
steps_only() { sed -e '0,/kataloop\.yaml$/d;$d' -e 's/  [0-9.]* m\?s$//' -e 's/  failed after [0-9.]* m\?s$/  failed/' <<<"$out"; }

# The output of steps that are there for it stays; that of others is seen only while they run.
cat >told.sh <<'SH'
seq 30
printf '\033[1mbold\tand \033[2Jno more\r\n'
printf '%070d\n' 7
until [ -e "$1" ]; do sleep 0.1; done
printf end
SH
workflow 'build: loud' "{run: [sh, $project/told.sh, $work/go], name: tell}"
begin_on 50 "$kataloop" run
ok "what a command says is there while it runs" wait_for 20 grep -q 'and no more' "$scratch/raw"
ok "and it runs still" not grep -q '✓ tell' "$scratch/raw"
touch "$work/go"
end_on
exits "a run on a terminal" 0
is "its output stays, whole and clean, above its line" "$(steps_only)" "✓ build loud
$(seq 30 | sed 's/^/  /')
  bold    and no more
  $(printf %048d 0)
$(printf %022d 7)
  end
✓ tell"
workflow '{run: "echo once; exit 3", name: tell}'
on 50 "$kataloop" run
exits "a command that fails" 1
is "has said it once" "$(grep -c '^  once$' <<<"$out") $(grep -c '│' <<<"$out")" "1 0"

# A step has the same number everywhere, however many are left out.
workflow 'run: echo one' 'build: loud' 'run: echo three' 'run: exit 4'
run "$kataloop" plan --from 2
has "a plan of some steps has the numbers of the whole" "$out" "2  build loud" "4  run exit 4"
run "$kataloop" plan --from 3 --json
has "as JSON too" "$out" '"index":2,"label":"run echo three"' '"index":3'
run "$kataloop" run --from 3
exits "a run from the third" 1
has "says the numbers of the plan" "$out" "[3] run echo three" "[4] run exit 4: failed"
ok "in the run's folder too" test -e "$KATALOOP_STATE_DIR/runs/latest/03-run-echo-three.log"
run "$kataloop" results show
ok "and in the results" grep -q '^ *3  run echo three' <<<"$out"
ok "with none for what was left out" not grep -q '^ *[12]  ' <<<"$out"
run "$kataloop" run --from 4
ok "such a number begins there" not grep -q 'run echo three' <<<"$out"
run "$kataloop" run --only ''
exits "no name at all" 2
has "names no step" "$err" 'has no step ``' '`kataloop plan` lists its steps'
run "$kataloop" run --from ''
exits "here neither" 2

# Ctrl-C while a command runs that will not hear of it: what goes on is said, and it goes on being seen.
cat >deaf.sh <<'SH'
trap '' INT TERM
echo $$ >"$1"
echo begun
sleep 300 &
while :; do wait; done
SH
workflow "{run: [sh, $project/deaf.sh, $work/pid], name: deaf}"
begin_on 80 "$kataloop" run
wait_for 20 grep -q begun "$scratch/raw"
read -r pid <"/proc/$!/task/$!/children"
kill -INT "$pid"
ok "a first Ctrl-C is answered at once" wait_for 2 grep -q 'stopping: what runs has to end' "$scratch/raw"
before=$(wc -c <"$scratch/raw")
# shellcheck disable=SC2016 # for the shell there
ok "the step's clock goes on" wait_for 2 bash -c '[ "$(wc -c <"$1")" -gt "$2" ]' - "$scratch/raw" $((before + 100))
end_on
exits "the command is killed" 130
has "it has ended as a step that was stopped" "$out" "  begun" "✗ deaf  stopped after "
ok "nothing of it is left" not kill -0 "$(<"$work/pid")"

begin_on 80 "$kataloop" run
wait_for 20 grep -q begun "$scratch/raw"
read -r pid <"/proc/$!/task/$!/children"
kill -INT "$pid"
wait_for 2 grep -q 'stopping: ' "$scratch/raw"
kill -HUP "$pid"
kill -TERM "$pid"
end_on
ok "a third one ends it at once" test "$status" -gt 128
has "and says what that leaves" "$out" "kataloop: ended at once, without cleaning up
  the next run on that host does; a command may still run there"
kill -KILL -- -"$(<"$work/pid")"

# Narrow terminals.
# words FILE: one a line; figures may change from one time to the next.
words() { tr -s '[:space:]' '\n' <"$1" | tr -d '0-9.'; }
workflow 'run: "exit 1; : a command line that goes on and on, further than any terminal is wide, and further still"' \
    'run: never'
for columns in 40 80; do
    on $columns "$kataloop" run
    ok "$columns columns: how a step has ended is seen" grep -q '✗ run exit 1; .*…  failed after [0-9.]* m\?s$' <<<"$out"
done
for verb in 'run -h' doctor; do
    # shellcheck disable=SC2086 # words
    "$kataloop" $verb >"$scratch/wide" 2>&1
    # shellcheck disable=SC2086
    on 40 "$kataloop" $verb
    printf '%s\n' "$out" >"$scratch/narrow"
    ok "$verb: no word is broken in 40 columns" cmp <(words "$scratch/narrow") <(words "$scratch/wide")
done
on 40 "$kataloop" results
ok "results: what has no room is left out" not grep -q '…$' <<<"$(head -1 <<<"$out")"

# What a file calls things cannot move the cursor, whoever shows it.
odd=$'odd\e[2J.yaml'
cat >"$odd" <<YAML
version: 1
hosts: {"h\e[31m\nx": {ssh: local, workspace: $work, become: none}}
workflows:
  "w\e[2Jz":
    host: "h\e[31m\nx"
    steps:
      - {run: "true", name: "s\e[1A\x9b1A"}
YAML
for verb in plan run results 'results show' doctor 'plan nowhere'; do
    file=(-f "$odd")
    [[ $verb == results* ]] && file=()
    # shellcheck disable=SC2086 # words
    run "$kataloop" $verb "${file[@]}"
    ok "$verb: no escape sequence of a name" not grep -q $'\e\|\xc2\x9b' <<<"$out$err"
done
has "names are shown without" "$err" 'has no workflow `nowhere`' 'known: wz'
printf 'version: 1\nh\xc2\x9b31m\e[31mosts: {}\n' >"$odd"
run "$kataloop" plan -f "$odd"
exits "a file that is wrong" 2
ok "its text cannot either" not grep -q $'\e\|\xc2\x9b' <<<"$out$err"

# Completion, by a shell on a terminal: what it makes of what is typed.
"$kataloop" completion bash >"$scratch/completion.bash"
ok "bash reads its completion" bash -n "$scratch/completion.bash"
cat >"$scratch/rc" <<BASH
source '$scratch/completion.bash'
kataloop() { printf '[%s]' "\$@" && echo; }
bind 'set enable-bracketed-paste off'
PS1='type: '
BASH
mkdir -p 'a folder'
touch 'my file.yaml' 'a folder/it.yaml' case.evidence
# typed LINE: the words that bash makes of it, tabs and all.
typed() {
    python3 "$top/tests/e2e/on_terminal.py" 24 80 'type: ' "$1\nexit\n" \
        bash --noprofile --rcfile "$scratch/rc" -i | grep -o '^\[.*\]'
}
is "bash completes the name of a file, quoted" "$(typed 'kataloop run -f my\t')" '[run][-f][my file.yaml]'
is "and goes on within a folder" "$(typed 'kataloop run -f a\tit\t')" '[run][-f][a folder/it.yaml]'
is "diagnose: a bundle too" "$(typed 'kataloop diagnose ca\t')" '[diagnose][case.evidence]'
is "and its words" "$(typed 'kataloop diagnose --comp\t')" '[diagnose][--compare]'
is "elsewhere no file" "$(typed 'kataloop results ca\t')" '[results][ca]'

has "the version can be asked for, and help says how" "$("$kataloop" --help)" '`kataloop --version`'
ok "so does the manual" grep -q -- '--version' "$top/docs/man/kataloop.1.scd"

# A limit of nothing.
workflow 'run: "true"' '  timeout: 0'
sed -i 's/^      -   timeout/        timeout/' kataloop.yaml
run "$kataloop" plan
exits "a time-out of 0" 2
has "is no time-out, and its place is said" "$err" 'kataloop.yaml:9:18: error: `timeout` must be more than 0, not `0`'
