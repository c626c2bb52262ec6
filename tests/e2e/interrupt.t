#!/usr/bin/env bash
# Every kind of step, ended in its middle: by Ctrl-C (exit status 130), by a connection that is cut
# (5), and by a death that leaves no time for anything (the next run cleans up). Whatever it was, the
# host is afterwards as it was before.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
use_lab
cd "$scratch" || exit
ctr=
there=/var/tmp/interrupt-$$ before=/var/tmp/before-$$ traces=/run/traces-$$

mend_host() {
    local status=$?
    mend_containerd
    on_host umount "$ctr" 2>/dev/null
    on_host sh -c "rm -rf $there $before $traces; ctr -n elsewhere images ls -q | xargs -r ctr -n elsewhere images rm --sync; ctr namespaces rm elsewhere" >/dev/null
    (exit "$status") # `finish` looks at it
    finish
}
trap mend_host EXIT

# workflow STEP…: the file with these steps.
workflow() {
    lab_file "$there" "builds: {endless: {run: exec sleep 4001}}
images: {guest: {path: $there/guest.img, engine: guestfs}}" "$@"
}
container='container: {image: busybox, client: ctr}'

# The steps of a kind.
steps_of() {
    case $1 in
    sync) workflow 'sync: {from: big/, to: big/}' ;;
    build) workflow 'build: endless' ;;
    inject) workflow "inject: {image: guest, files: [{from: $there/tool, to: /bin/tool}]}" ;;
    restart) workflow 'restart: containerd' ;;
    container) workflow 'container: {image: busybox, client: nerdctl}' ;;
    namespace) workflow 'container: {image: busybox, client: ctr, namespace: elsewhere}' 'checkpoint: {stall_after: 60s}' ;;
    checkpoint) workflow "$container" 'checkpoint: {stall_after: 60s}' ;;
    evidence) workflow "$container" 'checkpoint: {stall_after: 5s}' ;;
    restore)
        workflow 'container: {image: busybox, client: nerdctl, runtime: io.containerd.runc.v2}' \
            'checkpoint: {leave_running: false, stall_after: 60s}' 'restore: true'
        ;;
    criu) workflow "$container" 'criu: ""' ;;
    guest) workflow "$container" 'guest: sleep 4002' ;;
    run) workflow 'run: sleep 4003 & wait' ;;
    esac
}
# can_be_made KIND: else that it is left out is said.
can_be_made() {
    case $1 in container | restore) ;; *) return 0 ;; esac
    has_nerdctl && return
    skip "$1" "$no_nerdctl"
    return 1
}
# What shows on the host that its last one is in the middle.
middle_of() {
    local shows
    case $1 in
    sync) shows="ls $there/big/.file.*" ;;
    build) shows="pgrep -xf 'sleep 4001'" ;;
    inject) shows="ls $there/guest.img.guestimg-*" ;;
    restart) shows="pgrep -xf '/bin/sleep 4000'" ;;
    container) shows='pgrep -f "^nerdctl.* run " && pgrep -x containerd-shim' ;;
    checkpoint | namespace) shows='pgrep -x criu' ;;
    # CRIU is held, so that nothing moves.
    evidence) shows="pkill -STOP -x criu; pgrep -f 'mar[k]=.1 space=.2 id='" ;;
    restore) shows="pgrep -f '^nerdctl.* start '" ;;
    criu) shows='pkill -STOP -x criu' ;; # it would be done in a moment
    guest) shows="pgrep -xf 'sleep 4002'" ;;
    run) shows="pgrep -xf 'sleep 4003'" ;;
    esac
    wait_on_host 120 sh -c "$shows"
}

# What a step in the middle leaves on a host, if something is forgotten; one line each. Not a shim's
# empty folder: containerd itself leaves that until its next start where its own clean-up of a start
# that was cut takes longer than 5 s, as in a lab that is busy. A client that is cut may go on for a
# minute to end its start by itself.
lab_ssh "cat >$traces" <<SH
pgrep -a '^(rsync|nerdctl|criu|guestimg|qemu-system.*|containerd-shim.*)\$'
pgrep -axf 'sleep 400[123]'
ctr containers ls -q
ctr -n elsewhere containers ls -q
for space in default elsewhere; do ctr -n \$space images ls -q; done | grep '^containerd.io/checkpoint/'
ls -d /var/tmp/kataloop-* /tmp/kataloop-* /tmp/criu-checkpoint-*
find $there -name '.*'
find $there -name "guest.img.guestimg-*" -o -name "guest.img.kept-*"
grep -l '^frozen 1' -r /sys/fs/cgroup --include=cgroup.events
:
SH
traces() { on_host sh $traces 2>/dev/null || echo "the host cannot be asked"; }
all_gone() { wait_on_host 90 sh -c "said=\$(sh $traces) && [ -z \"\$said\" ]" || { traces && return 1; }; }

# begin KIND: a run, until it is in the middle of that step; its process is $pid.
begin() {
    steps_of "$1"
    [ "$1" != restart ] || break_containerd 'ExecStartPre=/bin/sleep 4000'
    "$kataloop" run >out 2>err </dev/null &
    pid=$!
    ok "$1: in the middle of it" middle_of "$1"
}
# What it ended with and said, as `run` has it.
ended() {
    status=0
    wait "$pid" 2>/dev/null || status=$?
    out=$(<out) err=$(<err)
    [ "$kind" != restart ] || mend_containerd
}
# as_before NAME
as_before() {
    ok "$1: nothing of it is left" all_gone
    ok "$1: the files are as they were" on_host sh -c "cd $there && cmp guest.img $before/guest.img && cmp big/file $before/file"
}

mkdir big
head -c 300M /dev/urandom >big/file
on_host sh -c "mkdir -p $there/big $before && cd $there && truncate -s 24M guest.img && mkfs.ext4 -q -F guest.img &&
    ctr images export busybox.tar docker.io/library/busybox:latest && ctr -n elsewhere images import busybox.tar &&
    cp /bin/true tool && echo old >big/file && cp guest.img big/file $before && chown -R ubuntu ." >/dev/null || exit
ctr=$(on_host sh -c 'command -v ctr')
is "nothing is there to begin with" "$(traces)" ""

# KINDS: some, to try them alone. What the last three leave is undone in one way, whatever ended them:
# each is ended once.
kinds='sync build inject restart container checkpoint guest run'
for kind in ${KINDS:-$kinds evidence restore}; do
    can_be_made "$kind" || continue
    begin "$kind"
    kill -INT "$pid"
    ended
    exits "Ctrl-C in $kind: exit status" 130
    has "Ctrl-C in $kind: is said" "$err$out" "${kind/evidence/checkpoint}" interrupted
    case $kind in container | checkpoint | evidence | restore | criu | guest)
        has "Ctrl-C in $kind: what was undone is said" "$out" 'undone: container kataloop-'
        ;;
    esac
    as_before "Ctrl-C in $kind"
done

for kind in ${KINDS:-$kinds criu}; do
    can_be_made "$kind" || continue
    begin "$kind"
    on_host pkill -KILL -u ubuntu -f '^sshd-session: ubuntu'
    ended
    exits "a cut connection in $kind: exit status" 5
    has "a cut connection in $kind: is said, and what to do" "$err" "error: ${kind/evidence/checkpoint}" \
        'connection to lab was lost' 'hint: '
    as_before "a cut connection in $kind"
done

# One that stands still answers nothing, and is not over either. The client of a checkpoint goes on
# without its caller.
kind=checkpoint still="Ctrl-C in checkpoint, on a connection that stands still"
begin $kind
on_host pkill -STOP -u ubuntu -f '^sshd-session: ubuntu'
kill -INT "$pid"
ended
on_host pkill -KILL -u ubuntu -f '^sshd-session: ubuntu'
exits "$still: exit status" 130
has "$still: what was undone is said" "$out" 'undone: container kataloop-'
as_before "$still"

for kind in container namespace checkpoint; do
    can_be_made "$kind" || continue
    begin "$kind"
    kill -KILL "$pid"
    ended
    exits "a death in $kind: no time for anything" 137
    [ "$kind" != namespace ] || ok "a death in $kind: its client goes on, to its end" \
        wait_on_host 60 sh -c 'ctr -n elsewhere images ls -q | grep ^containerd.io/checkpoint/'
    workflow 'run: "true"'
    if [ "$kind" = container ]; then
        on_host systemctl stop containerd
        run "$kataloop" run
        exits "a death in $kind, and no containerd: the next run" 0
        has "a death in $kind, and no containerd: says that it stays" "$out" 'has left stays until the next run:'
        on_host systemctl start containerd
        wait_on_host 60 ctr --connect-timeout 1s version
        # The rest by nerdctl, as a host has it that lacks ctr.
        on_host mount --bind /dev/null "$ctr"
    fi
    run "$kataloop" run
    [ "$kind" != container ] || on_host umount "$ctr"
    exits "a death in $kind: the next run" 0
    has "a death in $kind: says what it took away" "$out" 'took away what run' 'had left'
    as_before "a death in $kind"
done
