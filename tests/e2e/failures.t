#!/usr/bin/env bash
# What goes wrong on a host in a run, and what is left of it afterwards. Connections that are cut are
# in interrupt.t.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
use_lab
cd "$scratch" || exit
there=/var/tmp/failures-$$
mend_host() {
    local status=$?
    mend_containerd
    on_host sh -c "umount $there/small 2>/dev/null; rm -rf $there"
    (exit "$status") # `finish` looks at it
    finish
}
trap mend_host EXIT

# workflow STEP…: the file with these steps.
workflow() {
    lab_file "$there" "images: {guest: {path: $there/guest.img}}" "$@"
}
on_host sh -c "mkdir $there && cd $there && truncate -s 24M guest.img && mkfs.ext4 -q -F guest.img &&
    cp /bin/true tool && chown ubuntu ." || exit

# --- containerd does not come back -----------------------------------------------------------
before=$(on_host sha256sum "$there/guest.img")
break_containerd 'ExecStart=' 'ExecStart=/bin/sh -c "echo broken on purpose >&2; exit 3"'
workflow "inject: {image: guest, files: [{from: $there/tool, to: /bin/tool}]}" \
    "inject: {image: guest, files: [{from: $there/tool, to: /bin/other}]}" 'restart: containerd'
run "$kataloop" run
exits "containerd does not come back: the step failed" 1
has "shows the journal's last lines" "$out" 'broken on purpose'
has "says what was done about it" "$err" 'error: restart containerd: ' 'hint: the previous image was put back'
is "each change of it is put back" "$(grep -c 'note: put the previous image back' <<<"$out")" 2
is "the image is the old one" "$(on_host sha256sum "$there/guest.img")" "$before"
mend_containerd || exit

# failed NAME PART…: the last run's step failed; its error says every part.
failed() {
    local name=$1
    shift
    exits "$name: the step failed" 1
    has "$name: says the cause and the next step" "$err" "$@" 'hint: '
}

workflow "inject: {image: guest, files: [{from: $there/tool, to: /bin/third}]}" \
    'restart: {unit: containerd, ready: [no-such-program]}'
run "$kataloop" run
failed "a mistake in \`ready\`" 'error: restart containerd: whether it answers cannot be asked: `no-such-program`' \
    'set `ready` of the step to a command that lab has'
ok "a mistake in \`ready\`: the image is not put back for that" not test_has "$out" 'put the previous image back'

# --- the workspace, and room -----------------------------------------------------------------
workflow 'sync: {from: src/, to: src/}'
sed -i "s#workspace: $there#workspace: $there/none#" kataloop.yaml
mkdir -p src
head -c 30M /dev/urandom >src/file
run "$kataloop" run
failed "no workspace" "error: sync src/: there is no workspace \`$there/none\` on lab" 'set `workspace`'

on_host sh -c "mkdir $there/small && mount -t tmpfs -o size=40M,mode=1777 small-$$ $there/small &&
    cp --sparse=never $there/guest.img $there/small/" || exit
sed -i "s#workspace: $there/none#workspace: $there/small#" kataloop.yaml
run "$kataloop" run
failed "no space for the sources" 'error: sync src/: ' 'No space left on device' 'free some space there'
is "no space for the sources: no part of a file is left" "$(on_host find "$there/small/src" -name '*file*')" ""

workflow "inject: {image: guest, files: [{from: $there/tool, to: /bin/tool}]}"
sed -i "s#path: $there/guest.img#path: $there/small/guest.img#" kataloop.yaml
run "$kataloop" run
failed "no space for a copy of the image" "there is no space for a copy of \`guest.img\` in \`$there/small\`" \
    'free some space there'
is "no space for a copy of the image: it is as it was" \
    "$(on_host sh -c "ls $there/small | grep -v lock; sha256sum <$there/small/guest.img")" "guest.img
src
$(on_host sh -c "sha256sum <$there/guest.img")"

# --- an image whose journal is dirty, and an engine that can replay it -------------------------
on_host sh -c "cp $there/guest.img $there/dirty.img && debugfs -w -R 'feature needs_recovery' $there/dirty.img" >/dev/null 2>&1
sed -i "s#path: $there/small/guest.img#path: $there/dirty.img#" kataloop.yaml
run "$kataloop" run
exits "a dirty journal: the other engine does it" 0
has "and says why" "$out" 'guestfs engine: ' 'journal has to be replayed'
is "and the file is in it" "$(on_host sh -c "debugfs -R 'cat /bin/tool' $there/dirty.img 2>/dev/null | cmp - $there/tool && echo same")" same

# --- rights and clients ------------------------------------------------------------------------
workflow 'restart: containerd'
sed -i "s#ssh: kata-lab#ssh: pwuser@kata-lab#" kataloop.yaml
run "$kataloop" run
failed "sudo wants a password" 'error: restart containerd: ' 'sudo wants a password on the host'

workflow 'container: {image: busybox, client: nerdctl}'
program=$(on_host sh -c 'command -v nerdctl') && on_host mount --bind /dev/null "$program"
run "$kataloop" run
[ -z "$program" ] || on_host umount "$program"
failed "the client is missing" 'error: container busybox: lab has no nerdctl' 'install it there (nerdctl 2.2 or later'

# --- containers that do not start ----------------------------------------------------------------
does_not_start() {
    local name=$1 client=$2
    shift 2
    run "$kataloop" run
    failed "$name, by $client" 'the container does not start' "$@"
    is "$name, by $client: nothing of it is left" "$(on_host ctr containers ls -q)" ""
}
for client in nerdctl ctr; do
    if [ "$client" = nerdctl ] && ! has_nerdctl; then
        skip "containers that do not start, by nerdctl" "$no_nerdctl"
        continue
    fi
    workflow "container: {image: no-such-image, client: $client}"
    does_not_start "no such image" $client no-such-image 'is `no-such-image` the image'
    workflow "container: {image: busybox, client: $client, runtime: io.containerd.none.v1}"
    does_not_start "no such runtime" $client "install the runtime's shim on lab" '`io.containerd.none.v1`'
    workflow "container: {image: busybox, client: $client, command: [no-such-command]}"
    does_not_start "no such command" $client no-such-command
done

# --- a shim that dies while it starts its task -------------------------------------------------------
# What nerdctl has the log written by waits for that task for ever, unless it is ended too.
if has_nerdctl; then
    workflow 'container: {image: busybox, client: nerdctl, runtime: io.containerd.runc.v2}'
    "$kataloop" run >out 2>err </dev/null &
    pid=$!
    # shellcheck disable=SC2016 # for sh there
    ok "a shim that dies: its task is being made" wait_on_host 60 sh -c \
        'runc=$(pgrep -of "^[^ ]*runc .* create ") && kill -STOP "$runc" &&
        shim=$(ps -o ppid= -p "$runc") && kill -KILL $shim "$runc"'
    ok "a shim that dies: somebody waits to write its log" wait_on_host 5 pgrep -f "[_]NERDCTL_INTERNAL_LOGGING"
    status=0
    wait "$pid" || status=$?
    out=$(<out) err=$(<err)
    failed "a shim that dies" 'the container does not start'
    is "a shim that dies: no container is left" "$(on_host ctr containers ls -q)" ""
    ok "a shim that dies: nobody waits to write its log" wait_on_host 30 sh -c '! pgrep -f "[_]NERDCTL_INTERNAL_LOGGING"'
else
    skip "a shim that dies" "$no_nerdctl"
fi

# --- a container that cannot be removed --------------------------------------------------------------
workflow 'container: {image: busybox, client: ctr, runtime: io.containerd.runc.v2}' \
    'run: {command: systemctl stop containerd, become: true}'
run "$kataloop" run
left=$(grep -o 'kataloop-2[0-9a-f-]*-1' <<<"$out" | head -1)
exits "containerd is down at the end: the run failed" 1
has "says what stays" "$err" "$left"
on_host systemctl start containerd
wait_on_host 60 ctr --connect-timeout 1s version
is "the container is there" "$(on_host ctr containers ls -q)" "$left"
workflow 'run: "true"'
run "$kataloop" run
exits "the next run" 0
has "takes it away" "$out" 'took away what run' 'had left'
is "nothing of it is left" "$(on_host ctr containers ls -q)" ""
