#!/usr/bin/env bash
# Commands and a shell in the guest of a container, and the recipes that look into it.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
use_lab
project "$scratch/project"
cat >>kataloop.yaml <<'YAML'
  look:
    host: lab
    steps:
      - container: busybox
      - guest: cat /proc/sys/kernel/hostname
      - guest: {command: [printf, "%s", "two words"], save: words.txt}
      - recipe: process-tree
      - recipe: guest-logs
      - recipe: agent-logs
        with: {pattern: "containerd|kata", since: "1 day ago", lines: 5}
      - guest: [sh, -c, "echo seen >&2; exit 3"]
  parents:
    host: lab
    steps:
      - recipe: criu-parent
        with: {container: kataloop-guest-test, process: lookalike, wait: 20}
YAML

name='kataloop-guest-test'
on_host ctr run -d --runtime io.containerd.kata.v2 docker.io/library/busybox:latest "$name" \
    sh -c 'while :; do sleep 1; done' || exit
guest() { "$kataloop" guest "$@"; }

# --- exec

run guest exec "$name" -- sh -c 'echo out; echo err >&2; exit 7'
exits "the exit status is the command's" 7
is "standard output alone" "$out" out
is "standard error alone" "$err" err

run guest exec "${name%-test}" -- printf '%s|' 'a b' "it's" '$HOME' ''
exits "the start of an id is enough" 0
is "arguments arrive as they are" "$out" "a b|it's|\$HOME||"

on_host ctr containers create --runtime io.containerd.runc.v2 --label "nerdctl/name=${name%-test}" \
    docker.io/library/busybox:latest another true
run guest exec --json "${name%-test}" -- true
has "a name is more than the start of an id" "$out" '"container":"another"' '"way":"host"'
on_host ctr containers rm another
run guest exec '' -- true
exits "an empty name" 2

head -c 100000 /dev/urandom >bytes
guest exec "$name" -- cat <bytes >live-bytes
ok "bytes go both ways" cmp bytes live-bytes
guest exec "$name" -- sh -c 'cat; exit 1' <bytes | cmp - live-bytes
ok "bytes go both ways, live" test "${PIPESTATUS[*]}" = "1 0"

run guest exec --json "$name" -- sh -c 'echo out; echo err >&2; exit 7'
exits "the exit status with --json" 7
has "one object" "$out" '"way":"vsock"' '"status":7' '"out":"out\n"' '"err":"err\n"'

run guest exec --json --way console "$name" -- sh -c 'echo err >&2; exit 7'
has "the same through kata-runtime" "$out" '"way":"console"' '"status":7' '"err":"err\n"'

on_host sh -c "echo vsock://2:1024 >/run/vc/sbs/$name/agent-url"
run guest exec --way vsock "$name" -- true
exits "a shim that says that the guest is the host" 1
has "is not believed" "$err" 'vsock://2:1024' 'not an address of this guest'
run guest exec --json "$name" -- true
has "without vsock it is the console" "$out" '"way":"console"'
on_host rm "/run/vc/sbs/$name/agent-url"

run guest exec --timeout 2s "$name" -- sh -c 'echo $$; echo a line of sixteen; while :; do sleep 0.1; done'
exits "a command that runs over" 1
has "is named" "$err" 'did not end in time and was stopped'
ok "and gone" wait_for 5 on_host test ! -d "/proc/${out%%$'\n'*}"

run bash -c 'exec "$0" guest exec --timeout 1s "$1" -- true < <(exec sleep 20)' "$kataloop" "$name"
exits "so does waiting for input" 1
has "which is said" "$err" 'standard input, which the command is to get, did not end in time'

# Not through the function: `$!` has to be the program's own id.
"$kataloop" guest exec "$name" -- sh -c 'echo $$; echo a line of sixteen; while :; do sleep 0.1; done' \
    >"$scratch/long" 2>"$scratch/long-err" </dev/null &
ok "a command runs" wait_for 120 grep -q sixteen "$scratch/long"
kill -INT $!
wait $!
is "Ctrl-C ends with 130" $? 130
ok "and stops it in the guest" wait_for 5 on_host test ! -d "/proc/$(head -1 "$scratch/long")"

run guest exec "$name" -- no-such-program
exits "a program that is not there" 127

run guest exec no-such-container -- true
exits "a container that is not there" 1
has "is named" "$err" 'no container of namespace default is called `no-such-container`' 'ctr'

run guest exec --host nowhere "$name" -- true
exits "a host that is not in the file" 2
has "is named" "$err" 'has no host `nowhere`'

run guest exec "$name"
exits "no command" 2

# --- shell

run guest shell "$name"
exits "a shell needs a terminal" 2

run python3 "$top/tests/e2e/on_terminal.py" 33 101 'Ctrl-]' 'echo sum $((40 + 2)); stty size; exit 0\n' \
    "$kataloop" guest shell "$name"
exits "a shell on a terminal, which is put back as it was" 0
has "it is the guest's, and of the terminal's size" "$out" 'sum 42' '33 101'

run python3 "$top/tests/e2e/on_terminal.py" 24 80 'Ctrl-]' '\x1d' "$kataloop" guest shell "$name"
exits "Ctrl-] leaves" 0

# --- the step and the recipes

run "$kataloop" run look
exits "a command that fails in the guest fails the run" 1
has "output and files of the guest's commands" "$out$err" $'\n  lab\n' 'two words' \
    'saved words.txt' 'saved processes.txt' 'containerd' 'seen' \
    'the command failed in the guest: `sh`: exit status 3'
ok "the file holds the bytes" grep -qx 'two words' "$KATALOOP_STATE_DIR"/runs/latest/artifacts/words.txt
ok "the tree shows the guest" grep -q containerd "$KATALOOP_STATE_DIR"/runs/latest/artifacts/processes.txt
is "no container is left" "$(on_host ctr containers ls -q)" "$name"

on_host sh -c 'cp /bin/sleep /tmp/lookalike; exec setsid sh -c "/tmp/lookalike 300; :" >/dev/null 2>&1 </dev/null &'
run "$kataloop" run parents
exits "the parents of a process" 0
has "up to the first" "$out" 'lookalike [S (sleeping)] /tmp/lookalike 300' ' sh [S (sleeping)]' ' 1 systemd '

# --- a guest that goes

# dies WAY PROGRAM: what carries it is killed under a command.
dies() {
    rm -f "$scratch/gone" # of the way before: what is waited for below is not that
    "$kataloop" guest exec --way "$1" "$name" -- sh -c 'echo a line of sixteen; while :; do sleep 0.1; done' \
        >"$scratch/gone" 2>"$scratch/gone-err" </dev/null &
    ok "a command runs by $1" wait_for 120 grep -q sixteen "$scratch/gone"
    on_host pkill -KILL -x "$2"
    wait $!
    is "its console dies" $? 1
    has "and is named" "$(<"$scratch/gone-err")" "the guest's console has ended" debug_console_enabled
}
dies console kata-runtime
dies vsock perl

on_host sh -c "ctr tasks rm --force $name >/dev/null"
run guest exec "$name" -- true
exits "a container that does not run" 1
has "has no guest" "$err" 'no sandbox of this id runs on the host' 'has the container ended?'
on_host ctr containers rm "$name"
