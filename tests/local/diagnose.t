#!/usr/bin/env bash
# diagnose on this machine: which of its forms is meant, and what belongs to which.
# shellcheck source=../e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"

bundle=$top/tests/bundles/traced.strace.evidence
mkdir "$scratch/bin" "$scratch/empty" "$scratch/project"
export HOME=$scratch PATH=$scratch/bin:$PATH
# Two containers, which have no virtual machine; the second is called web.
cat >"$scratch/bin/ctr" <<'SH'
#!/bin/sh
case "$*" in
*" ls -q") printf '%s\n' 5b1a2c 5b1a2c99 ;;
*" ls "*'=="web"'*) echo 5b1a2c99 ;;
*" ls "*) ;;
*info*) echo '{"Runtime":{"Name":"io.containerd.runc.v2"}}' ;;
esac
SH
chmod +x "$scratch/bin/ctr"
cd "$scratch/project" || exit
cat >kataloop.yaml <<YAML
version: 1
hosts: {here: {ssh: local, workspace: $scratch, become: none}}
workflows:
  w: {host: here, steps: [{guest: "cat '$bundle'", container: 5b1a2c, save: hung.evidence}]}
YAML
run "$kataloop" run
exits "a run that keeps evidence" 0
kept=$KATALOOP_STATE_DIR/runs/latest
is "what is kept is its owner's alone" \
    "$(stat -c %a "$KATALOOP_STATE_DIR/kataloop.db" "$kept/" "$kept/artifacts" "$kept/artifacts/hung.evidence" | paste -sd ' ')" \
    "600 700 700 600"

# refused STATUS NAME PART… -- ARGUMENT…
refused() {
    local wanted=$1 name=$2 parts=()
    shift 2
    while [ "$1" != -- ]; do
        parts+=("$1")
        shift
    done
    shift
    run "$kataloop" diagnose "$@"
    exits "$name" "$wanted"
    has "$name: said" "$err" "${parts[@]}"
}

# What a word means of a container: its id, its name, the start of an id, in this order.
for words in '5b1a2c 5b1a2c' 'web 5b1a2c99' '5b1a2c9 5b1a2c99'; do
    run "$kataloop" guest exec --json "${words% *}" -- true
    has "${words% *} is a container" "$out" "\"container\":\"${words#* }\""
done
refused 1 "the start of two" 'more than one container of namespace default is called `5b1a`' 'give more of the id' -- 5b1a
refused 1 "a name that would end a filter" 'no container of namespace default is called `web"`' -- 'web"'

# Options of other forms.
refused 2 "-o with a bundle" '`diagnose BUNDLE` has no option `--output`' '`CONTAINER`, `RUN`, `--pid PID`' \
    -- "$bundle" -o out
refused 2 "a day without a run" 'there is no run `20200101`' -- 20200101
refused 2 "a host for a run" '`diagnose RUN` has no option `--host`' -- latest --host here
refused 2 "a way to a process" '`diagnose --pid PID` has no option `--way`' -- --pid 1 --way host
refused 2 "a process compared" '`diagnose --compare [WORKFLOW]` has no option `--pid`' -- --compare --pid 3
refused 2 "a host for two" '`diagnose --compare A B` has no option `--host`' -- --compare "$bundle" "$bundle" -H here
refused 2 "a way that there is not" 'no way into a guest called `bad`' 'known: auto, vsock, console, host' \
    -- 5b1a2c --way bad
refused 2 "a way whose name is misspelt" 'no way into a guest called `vscok`' 'did you mean `vsock`?' \
    -- 5b1a2c --way vscok
is "nothing was written" "$(ls)" kataloop.yaml

# Where the evidence would go, before it is taken.
refused 1 "no such folder" '`--output none/x`: writing to `none`: No such file' -- --pid $$ -o none/x
ln -s "$scratch/elsewhere" link
refused 2 "a link in its place" '`--output link`: it exists and is not a regular file' -- --pid $$ -o link
ok "it stays" test -L link

run "$kataloop" diagnose latest -o out
has "evidence of a run is judged" "$out" "the target is traced already"
ok "and kept, if asked for" cmp out "$bundle"
run "$kataloop" diagnose --pid $$ -o own
exits "a process of this machine" 0
has "is looked at, and kept" "$(<own)" "target $$"
is "for nobody else's eyes" "$(stat -c %a own)" 600

# Files of a run are called as the step says, and lie in its folder. saves COMMAND NAME…: a run.
saves() {
    { sed '/^workflows/,$d' kataloop.yaml && printf 'workflows:\n  w:\n    host: here\n    steps:\n' &&
        printf '      - {guest: %s, container: 5b1a2c, save: %s}\n' "$@"; } >saves.yaml
    run "$kataloop" run -f saves.yaml
}
saves 'echo one' words 'echo two' words
exits "two files of one name" 0
is "are two files" "$(cat "$kept"/artifacts/words "$kept"/artifacts/2-words)" $'one\ntwo'
for name in ../out /out .out '""'; do
    saves 'echo one' "$name"
    exits "a file called $name" 2
    has "is refused" "$err" '`save` must be the name of a file'
done
is "and not written" "$(find "$kept/" -name "*out")" ""
rm saves.yaml

# Which of several hosts, where none is named: that of the workflow that would run.
cat >several.yaml <<YAML
version: 1
hosts:
  away: {ssh: nobody@127.0.0.1:1}
  here: {ssh: local, workspace: $scratch, become: none}
default: w
workflows: {v: {host: away, steps: [run: "true"]}, w: {host: here, steps: [run: "true"]}}
YAML
run "$kataloop" diagnose --pid $$ -f several.yaml
exits "the host of the default workflow" 0
run "$kataloop" diagnose --pid $$ -f several.yaml --host away
exits "or the one that is named" 5

# What is not there.
refused 1 "no process" 'there is no process 99999999 on the host' 'name its container' -- --pid 99999999 -o none
ok "there is nothing of it to keep" test ! -e none
refused 1 "no bundle" 'there is no file `nope.evidence`' 'kataloop results' -- nope.evidence
refused 1 "no bundle, by its path" 'there is no file `./nope`' -- ./nope
refused 1 "a folder" "reading \`$scratch\`: Is a directory" 'a file that ends in `.evidence`' -- "$scratch"
refused 2 "a process without a number" '`--pid x` is not a process id' 'the number that `ps` shows' -- --pid x
refused 1 "no file, no run, no container" '`nope` is neither a file nor a run; looking for a container' \
    'no container of namespace default is called `nope`' -- nope
refused 1 "the first of two is not there" 'there is no file or run `nope`' 'kataloop results' -- --compare nope "$bundle"
refused 1 "nor the second" 'there is no file `nope.evidence`' -- --compare "$bundle" nope.evidence
refused 2 "one bundle" "two are compared, and \`$bundle\` is one" '--compare [A B | WORKFLOW]' -- --compare "$bundle"
refused 2 "one run" 'two are compared, and `latest` is one' -- --compare latest
cd "$scratch/empty" || exit
refused 1 "no bundle, no project" 'there is no file `nope.evidence`' -- nope.evidence
refused 2 "no anything" '`nope` is neither a file nor a run; looking for a container' 'there is no kataloop.yaml' -- nope

printf '#!/bin/sh\nexit 127\n' >"$scratch/bin/ctr"
refused 1 "no containerd" 'here has no `ctr`, which comes with containerd' '`kataloop doctor` shows' \
    -- -f "$scratch/project/kataloop.yaml" nope

# A bundle that came by mail.
sed 's/$/\r/' "$bundle" >mailed.evidence
run "$kataloop" diagnose "$bundle"
plain=$status$out
run "$kataloop" diagnose mailed.evidence
is "line ends of CR LF change nothing" "$status$out" "$plain"
printf 'kataloop-evidence 1\r\n[x]\r\n|a\rb\r\nend\r\n' >odd.evidence
refused 2 "a carriage return within a line is no end" 'odd.evidence:3: a control character' -- odd.evidence
