#!/usr/bin/env bash
# What goes wrong on a host in the middle of a run, and what is left of it afterwards.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
use_lab
cd "$scratch" || exit
there=/var/tmp/failures-$$
drop_in=/run/systemd/system/containerd.service.d
mend_host() {
    local status=$?
    on_host sh -c "rm -rf $there; [ ! -d $drop_in ] || { rm -r $drop_in; systemctl daemon-reload; systemctl reset-failed containerd; systemctl restart containerd; }"
    (exit "$status") # `finish` looks at it
    finish
}
trap mend_host EXIT

# workflow STEP…: the file with these steps.
workflow() {
    cat >kataloop.yaml <<YAML
version: 1
hosts: {lab: {ssh: kata-lab, ssh_config: $LAB_SSH_CONFIG, workspace: $there}}
builds: {endless: {run: "echo \$\$ > pid; while :; do sleep 1; done"}}
images: {guest: {path: $there/guest.img}}
workflows:
  w:
    host: lab
    steps:
YAML
    printf '      - %s\n' "$@" >>kataloop.yaml
}
on_host sh -c "mkdir $there && cd $there && truncate -s 24M guest.img && mkfs.ext4 -q -F guest.img &&
    cp /bin/true tool && chown ubuntu ." || exit

# --- the connection is cut in the middle of a build ------------------------------------------
workflow 'build: endless'
"$kataloop" run >out 2>err </dev/null &
pid=$!
ok "a build runs" wait_for 60 on_host test -s "$there/pid"
on_host pkill -KILL -u ubuntu -f '^sshd-session: ubuntu'
status=0
wait "$pid" || status=$?
out=$(<out) err=$(<err)
exits "a cut connection: exit status" 5
has "says so, and what to do" "$err" 'error: build endless: ' 'connection to lab was lost' 'hint: '
ok "nothing of the build is left" wait_for 30 on_host sh -c "! kill -0 \$(cat $there/pid)"

# --- containerd does not come back -----------------------------------------------------------
before=$(on_host sha256sum "$there/guest.img")
on_host sh -c "mkdir -p $drop_in && printf '[Service]\nExecStart=\nExecStart=/bin/sh -c \"echo broken on purpose >&2; exit 3\"\n' >$drop_in/broken.conf && systemctl daemon-reload"
workflow "inject: {image: guest, files: [{from: $there/tool, to: /bin/tool}]}" 'restart: containerd'
run "$kataloop" run
exits "containerd does not come back: the step failed" 1
has "shows the journal's last lines" "$out" 'broken on purpose'
has "says what was done about it" "$err" 'error: restart containerd: ' 'hint: the previous image was put back'
is "the image is the old one" "$(on_host sha256sum "$there/guest.img")" "$before"
