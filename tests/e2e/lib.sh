# shellcheck shell=bash
# What the tests of this folder share: TAP output, a state folder of their own, a project to run on
# the lab that LAB_NAME names. Sourced first by every *.t; `prove tests/e2e/NAME.t` runs one alone.
# shellcheck disable=SC2034 # used by those who source it
set -uo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
kataloop=$top/${BUILD:-build}/kataloop
guestimg=$top/${BUILD:-build}/guestimg
lab=$top/tests/lab/lab
scratch=$(mktemp -d)
export KATALOOP_STATE_DIR=$scratch/state NO_COLOR=1 TERM=dumb
planned=0 failed=0

finish() {
    local status=$?
    rm -rf "$scratch"
    echo "1..$planned"
    # A test that ends before its last line has failed, whatever it had passed.
    [ "$status" -eq 0 ] || { echo "Bail out! $0 ended with status $status" && exit "$status"; }
    [ "$failed" -eq 0 ] || exit 1
}
trap finish EXIT

# ok NAME COMMAND…: one test; what the command says is shown where it fails.
ok() {
    local name=$1 said
    shift
    planned=$((planned + 1))
    if said=$("$@" 2>&1); then
        echo "ok $planned - $name"
    else
        failed=$((failed + 1))
        echo "not ok $planned - $name"
        printf '%s\n' "$* failed:" "$said" | sed 's/^/# /'
    fi
}

# not COMMAND…: it fails. 255 is ssh's own failure, which says nothing of the command there.
not() {
    local status=0
    "$@" || status=$?
    [ "$status" -ne 0 ] && [ "$status" -ne 255 ]
}

# run COMMAND…: keeps its exit status in $status, its outputs in $out and $err.
run() {
    status=0
    "$@" >"$scratch/out" 2>"$scratch/err" </dev/null || status=$?
    out=$(<"$scratch/out") err=$(<"$scratch/err")
}

# is NAME GOT EXPECTED
is() { ok "$1" test_same "$2" "$3"; }
test_same() {
    [ "$1" = "$2" ] || { printf 'got:\n%s\nexpected:\n%s\n' "$1" "$2" && return 1; }
}

# has NAME TEXT PART…: every part stands in the text, word for word.
has() {
    local name=$1
    shift
    ok "$name" test_has "$@"
}
test_has() {
    local text=$1 part
    shift
    for part; do
        case $text in
        *"$part"*) ;;
        *) printf 'this:\n%s\nhas no:\n%s\n' "$text" "$part" && return 1 ;;
        esac
    done
}

# What looks like a checkpoint's log in /tmp is seen by every test of this machine: held while there is one
# that was planted, or none may be.
hold_tmp() { exec 9</tmp && flock 9; }
free_tmp() { exec 9<&-; }

# exits NAME STATUS: what the last `run` ended with; its outputs are shown where it is another.
exits() { ok "$1" test_status "$2"; }
test_status() {
    [ "$status" -eq "$1" ] ||
        { printf 'exit status %s, not %s\n-- out:\n%s\n-- err:\n%s\n' "$status" "$1" "$out" "$err" && return 1; }
}

# examine [HOST]: the doctor's word; of each check a line "ID | VERDICT | DETAIL | REMEDY" in $checks.
examine() {
    run "$kataloop" doctor --json "$@"
    checks=''
    [ -z "$out" ] || checks=$(python3 -c '
import json, sys
for c in json.load(sys.stdin)["checks"]:
    print(c["id"], c["verdict"], c["detail"], c.get("remedy", ""), sep=" | ")' <<<"$out")
}

# doctor_says NAME ID VERDICT [PART…]: of a check; its detail and remedy say every part.
doctor_says() {
    local name=$1 line
    line=$(grep "^$2 | " <<<"$checks")
    has "$name" "$line" "$2 | $3 |" "${@:4}"
}

# skip NAME WHY: one test, which cannot be made here.
skip() {
    planned=$((planned + 1))
    echo "ok $planned - $1 # SKIP $2"
}

# skip_all WHY: loudly.
skip_all() {
    trap - EXIT
    rm -rf "$scratch"
    echo "1..0 # SKIP $1"
    exit 0
}

# Make LAB_HOST, LAB_PORT … known (tests/lab/lab env); the lab must be up.
use_lab() {
    local settings
    settings=$("$lab" env) || { echo "Bail out! the lab is not up (tests/lab/lab up)" && exit 1; }
    eval "$settings"
}

# A lab that could not build nerdctl has ctr alone.
has_nerdctl() { [ "$LAB_NERDCTL" = yes ]; }
no_nerdctl='the lab has no nerdctl'

# lab_ssh COMMAND: a shell's line on the lab, as root, beside kataloop. One connection for all of a
# test's: a login takes seconds there. It ends half a minute behind the last.
lab_ssh() {
    local status=0
    ssh -F "$LAB_SSH_CONFIG" -o ControlMaster=auto -o ControlPersist=30 \
        -o ControlPath="$scratch/ssh-%r" -l root kata-lab "$@" || status=$?
    # Where nothing is what a test expects, no answer would be it.
    [ "$status" -ne 255 ] || echo "the lab cannot be asked"
    return "$status"
}

# on_host COMMAND…: the same of words.
on_host() { lab_ssh "$(printf '%q ' "$@")"; }

# What machines run with here, as the lab has found out ("kvm" or "tcg"): it keeps that beside its keys.
lab_accel() { cat "$(dirname "$LAB_KEY")/../accel"; }

# guestfish on this machine, whose /dev/kvm may be there and of no use.
guestfish_here() {
    local settings=''
    [ "$(lab_accel)" = kvm ] || settings=force_tcg
    LIBGUESTFS_BACKEND=direct LIBGUESTFS_BACKEND_SETTINGS=$settings guestfish "$@"
}

# wait_for SECONDS COMMAND…: poll until it succeeds; no shorter than that, though bash counts whole ones.
wait_for() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -le "$end" ] || return 1
        sleep 0.1
    done
}

# wait_on_host SECONDS COMMAND…: the same of a command there, asked for there: a question from here
# costs an emulated machine more than what it waits for.
wait_on_host() {
    local seconds=$1
    shift
    # shellcheck disable=SC2016 # for bash there
    on_host timeout "$seconds" bash -c 'exec 9<> <(:)
        until "$@" >/dev/null 2>&1; do read -rt 0.2 -u 9; done; :' bash "$@"
}

# lab_file WORKSPACE MORE STEP…: a kataloop.yaml for the lab with one workflow of these steps; MORE is
# further sections of it.
lab_file() {
    cat >kataloop.yaml <<YAML
version: 1
hosts: {lab: {ssh: kata-lab, ssh_config: $LAB_SSH_CONFIG, workspace: $1}}
$2
workflows:
  w:
    host: lab
    steps:
YAML
    shift 2
    printf '      - %s\n' "$@" >>kataloop.yaml
}

# break_containerd LINE…: of its section [Service]; it is not started anew. mend_containerd: as it was.
containerd_drop_in=/run/systemd/system/containerd.service.d
break_containerd() {
    printf '%s\n' '[Service]' "$@" | lab_ssh \
        "mkdir -p $containerd_drop_in && cat >$containerd_drop_in/broken.conf && systemctl daemon-reload"
}
mend_containerd() {
    on_host sh -c "[ ! -d $containerd_drop_in ] || { rm -r $containerd_drop_in; systemctl daemon-reload
        systemctl reset-failed containerd; systemctl restart containerd; }"
}

# project FOLDER: a copy of the lab's sources with a kataloop.yaml for the lab; `cd` there. A lab that
# is emulated beside another one may stand still for 10 s with nothing wrong.
project() {
    mkdir -p "$1"
    cp -r "$LAB_SOURCE/." "$1"
    cat >"$1/kataloop.yaml" <<YAML
version: 1
hosts:
  lab:
    ssh: kata-lab
    ssh_config: $LAB_SSH_CONFIG
    workspace: $LAB_WORKSPACE
builds:
  agent:
    sync: src/agent/
    dir: src/agent
    run: cargo build --release
    output: target/release/kata-agent
  runtime:
    sync: src/runtime/
    dir: src/runtime
    run: make
    output: containerd-shim-kata-v2-info
images:
  guest: {path: auto}
workflows:
  loop:
    host: lab
    steps:
      - recipe: full-loop
        repeat: 2
        with: {stall_after: 40s}
  checkpoint:
    host: lab
    steps:
      - recipe: basic-checkpoint
        with: {stall_after: 40s}
YAML
    cd "$1" || exit
}
