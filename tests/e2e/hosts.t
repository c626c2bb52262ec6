#!/usr/bin/env bash
# Hosts that cannot be reached, each for another reason: what is said, what to do, exit 5. Against an
# sshd of this machine on loopback; needs no lab.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

sshd=/usr/sbin/sshd # it insists on its whole path
command -v "$sshd" ssh-keygen >/dev/null || skip_all "there is no sshd"
started=()
stop_started() {
    local status=$?
    [ "${#started[@]}" -eq 0 ] || kill "${started[@]}"
    wait
    (exit "$status") # `finish` looks at it
    finish
}
trap stop_started EXIT
cd "$scratch" || exit

# --- a server, and keys ----------------------------------------------------------------------
for key in host other wanted stranger; do
    ssh-keygen -q -t ed25519 -N '' -f "$key"
done
ssh-keygen -q -t ed25519 -N secret -f locked
cp wanted.pub authorized
[ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd # where it goes without rights
# serve: an sshd, on a port that was free a moment ago; somebody else may have been faster.
serve() {
    port=$(python3 -c 'import socket
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1])')
    rm -f sshd.log
    "$sshd" -D -e -f sshd_config -p "$port" 2>sshd.log &
    server=$!
    wait_for 20 grep -qE 'Server listening|Cannot bind' sshd.log
    grep -q 'Server listening' sshd.log && return
    kill "$server" 2>/dev/null
    return 1
}
cat >sshd_config <<CONFIG
ListenAddress 127.0.0.1
HostKey $scratch/host
AuthorizedKeysFile $scratch/authorized
StrictModes no
UsePAM no
PasswordAuthentication no
PidFile none
SetEnv HOME=$scratch
CONFIG
serve || serve || serve || { echo "Bail out! sshd does not listen" && exit 1; }
started+=("$server")
known_line() { echo "[127.0.0.1]:$port $(cut -d' ' -f1,2 "$1.pub")"; }
fingerprint() { ssh-keygen -lf "$1.pub" | cut -d' ' -f2; }
known_line host >known

# to DESTINATION [KEY [KNOWN [SETTING]]]: a run of `true` there.
to() {
    cat >kataloop.yaml <<YAML
version: 1
hosts:
  dev:
    ssh: "$1"
    ssh_config: ssh_config
    known_hosts: ${3:-known}
    connect_timeout: 2s
    ${4:-}
workflows:
  w: {host: dev, steps: [{run: "true"}]}
YAML
    cat >ssh_config <<CONFIG
Host *
  IdentityFile $scratch/${2:-wanted}
  IdentityAgent none
  GlobalKnownHostsFile /dev/null
CONFIG
    run setsid -w "$kataloop" run # without a terminal to ask on
}

# unreachable NAME PART…: the last run says every part, and nothing of the plan was begun.
unreachable() {
    local name=$1
    shift
    exits "$name: exit status" 5
    has "$name: says the cause and the next step" "$err" "$@"
    ok "$name: no step was begun" test_has_no "$out" '[1]'
    has "$name: the run ends as failed" "$out" ': failed after '
}
test_has_no() { case $1 in *"$2"*) return 1 ;; esac; }

me=$(id -un)
to "$me@127.0.0.1:$port"
exits "a host in order is reached" 0

# --- nobody there ----------------------------------------------------------------------------
to "$me@no-such-host.invalid"
unreachable "no such host" 'error: there is no host `no-such-host.invalid`: ' \
    'hint: check `ssh` of the host in the workflow file, and ~/.ssh/config'
to "$me@127.0.0.1:1"
unreachable "connection refused" "error: connecting to 127.0.0.1 port 1: Connection refused" \
    'hint: is sshd running there, and is the port right?'

python3 -c 'import signal, socket
s = socket.create_server(("127.0.0.1", 0))
open("mute.new", "w").write(str(s.getsockname()[1]))
signal.pause()' &
started+=($!)
wait_for 20 test -s mute.new
began=$SECONDS
to "$me@127.0.0.1:$(<mute.new)"
unreachable "a server that says nothing" '127.0.0.1' 'hint: '
ok "a server that says nothing: in connect_timeout" test $((SECONDS - began)) -lt 60

# --- keys of ours ----------------------------------------------------------------------------
to "$me@127.0.0.1:$port" stranger
unreachable "key refused" "error: 127.0.0.1 refused to log in \`$me\` (tried: $scratch/stranger)" \
    'hint: put a public key of yours into ~/.ssh/authorized_keys there (`ssh-copy-id`)'
to "$me@127.0.0.1:$port" absent
unreachable "no key" "error: 127.0.0.1 did not log in \`$me\`: no key was found to try" \
    'hint: set `identity` of the host to a private key, or make one'
to "$me@127.0.0.1:$port" locked
unreachable "an encrypted key" "(tried: $scratch/locked)" \
    'hint: a key wants a passphrase, and there is no terminal to ask on: add it to the agent'

# --- keys of the host ------------------------------------------------------------------------
to "$me@127.0.0.1:$port" wanted unknown
unreachable "unknown host key" \
    "error: the host key of 127.0.0.1 is not known: $(fingerprint host) (ssh-ed25519)" \
    'hint: compare it' '`host_key: accept-new`'
ok "unknown host key: is not written down" test ! -e unknown
to "$me@127.0.0.1:$port" wanted unknown "host_key: accept-new"
exits "unknown host key: accept-new goes on" 0
is "and writes it down" "$(<unknown)" "$(<known)"

known_line other >changed
to "$me@127.0.0.1:$port" wanted changed "host_key: accept-new"
unreachable "host key changed" 'error: the host key of 127.0.0.1 has CHANGED' \
    "known is $(fingerprint other) ($scratch/changed line 1)" "now offers $(fingerprint host)" \
    "hint: if you know that it was installed again: ssh-keygen -R '[127.0.0.1]:$port' -f '$scratch/changed'"
is "host key changed: known_hosts stays" "$(<changed)" "$(known_line other)"

# --- what is kept of it ----------------------------------------------------------------------
run "$kataloop" results
exits "results lists them" 0
is "as unreachable" "$(grep -c ' unreachable ' <<<"$out")" 8
