#!/usr/bin/env bash
# diagnose on this machine: which of its forms is meant, and what belongs to which.
# shellcheck source=../e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"

bundle=$top/tests/bundles/traced.strace.evidence
mkdir "$scratch/bin" "$scratch/empty" "$scratch/project"
export HOME=$scratch PATH=$scratch/bin:$PATH
# One container, which has no virtual machine.
cat >"$scratch/bin/ctr" <<'SH'
#!/bin/sh
case "$*" in
*" ls -q") echo 5b1a2c ;;
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

# Options of other forms.
refused 2 "-o with a bundle" '`diagnose BUNDLE` has no option `--output`' '`CONTAINER`, `RUN`, `--pid PID`' \
    -- "$bundle" -o out
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
