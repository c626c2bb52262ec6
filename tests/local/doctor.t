#!/usr/bin/env bash
# What the doctor says of this machine, whose programs are scripts here: each check as it should be, and
# with a fault of its own. On a real host: e2e/doctor.t.
# shellcheck source=../e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"

mkdir "$scratch/bin" "$scratch/work"
cd "$scratch" || exit
date=$(command -v date)
for program in sh env awk sed grep stat dirname tr cat; do
    ln -s "$(command -v "$program")" "bin/$program"
done
# plant PROGRAM SCRIPT: never through one of those links.
plant() {
    rm -f "bin/$1"
    printf '#!/bin/sh\n%s\n' "$2" >"bin/$1"
    chmod +x "bin/$1"
}
# Everything as it should be, in a file with these images. The container's runtime is no virtual machine,
# so that its guest is this machine.
healthy() {
    cat >kataloop.yaml <<YAML
version: 1
hosts: {here: {ssh: local, workspace: $scratch/work, become: none}}
images: {${1:-guest: $scratch/kata.img}}
workflows: {w: {host: here, steps: [run: "true"]}}
YAML
    ln -sf "$date" bin/date
    truncate -s 1M kata.img
    plant id 'echo 0'
    plant ssh 'echo OpenSSH_9 >&2'
    plant rsync 'echo rsync version 3'
    plant df 'printf "F S U A\nx 1 1 99999999\n"'
    plant systemctl :
    plant nerdctl 'echo nerdctl version 2.2.0'
    plant containerd-shim-kata-v2 :
    plant criu 'echo Version: 4.1'
    plant kata-runtime 'echo "{\"Runtime\": {\"Version\": {\"Semver\": \"4.1.0\"}, \"Config\": {\"Path\": \"/none\"}},
        \"Kernel\": {\"Parameters\": \"agent.debug_console\"}}"'
    plant ctr 'case "$*" in
    *version*) printf "Server:\n  Version:  1.7\n" ;;
    *namespaces*) echo default ;;
    *info*) echo "{\"Runtime\": {\"Name\": \"io.containerd.runc.v2\"}}" ;;
    *tasks*) echo "one 1 RUNNING" ;;
    *" -q"*) echo one ;;
    *) echo "one busybox io.containerd.kata.v2" ;;
    esac'
}
examine() { PATH=$scratch/bin run "$kataloop" doctor --json; }
# sick ID VERDICT PART…: after a fault was planted; what is said of that check. Then all is healthy again.
sick() {
    local id=$1 verdict=$2
    shift 2
    examine
    doctor_says "$id: $verdict, $1" "$id" "$verdict" "$@"
    [ "$verdict" != fail ] || exits "$id: status 1" 1
    healthy
}

healthy
examine
exits "healthy: nothing fails" 0
for id in ssh rsync-here connection root rsync-there workspace clock containerd client kata image console \
    criu space-workspace space-image space-cache space-checkpoints; do
    doctor_says "healthy: $id" "$id" ok
done

plant ssh 'exit 127'
sick ssh warn 'there is no ssh' 'install the OpenSSH client'
plant rsync 'exit 127'
sick rsync-here fail 'there is no rsync' 'apt-get install rsync'
plant rsync 'exit 127'
sick rsync-there fail 'there is no rsync' 'apt-get install rsync'
plant id 'echo 1000'
sick root fail '`become` is none, and the login user is not root' 'become: sudo'
rmdir work
sick workspace fail "there is no folder $scratch/work" 'set `workspace`'
mkdir work
plant date 'echo noon'
sick clock unknown '`date` there gives no time'
plant date 'echo 1000000000000000'
sick clock warn behind timedatectl
plant ctr 'exit 127'
sick containerd fail 'there is no ctr' 'install containerd there'
plant ctr 'echo no socket >&2; exit 1'
sick containerd fail 'it does not answer: no socket' 'systemctl status containerd'
rm bin/ctr bin/nerdctl
sick client fail 'neither nerdctl nor ctr' 'install nerdctl 2.2'
plant nerdctl 'echo nerdctl version 2.1.6'
sick client fail '2.1.6 knows no checkpoints' 'client: ctr'
rm bin/nerdctl
sick client ok 'ctr, which can checkpoint; no nerdctl'
plant nerdctl 'echo nerdctl of tomorrow'
sick client unknown 'nerdctl of tomorrow'
rm bin/kata-runtime
sick kata fail 'there is no kata-runtime' 'install Kata'
plant kata-runtime 'echo wrong configuration >&2; exit 1'
sick kata fail '`kata-runtime env` fails: wrong configuration' 'configuration file'
rm bin/containerd-shim-kata-v2
sick shim fail 'containerd finds no containerd-shim-kata-v2' "containerd's PATH"
plant containerd-shim-kata-v2 '# service Checkpoint'
sick shim fail 'not implemented' patched
rm kata.img
sick image fail "there is no $scratch/kata.img" 'set `path` of the image'
healthy 'guest: auto'
sick image fail 'neither the workflow file nor kata-runtime names one' 'set `path` of an entry of `images`'
plant kata-runtime 'echo "{}"'
sick console unknown 'does not name its configuration'
plant kata-runtime 'echo "{\"Runtime\": {\"Config\": {\"Path\": \"/none\"}}}"'
sick console warn 'off: nothing can be seen of a guest' 'debug_console_enabled = true' /none
rm bin/criu
sick criu fail 'the guest of one has no criu' 'into the guest image'
plant ctr '[ "$*" != "--connect-timeout 5s version" ] || printf "Server:\n  Version:  1.7\n"'
sick criu unknown 'no Kata container runs' 'ask again while one runs'
for place in workspace cache checkpoints; do
    plant df 'printf "F S U A\nx 1 1 10000\n"'
    sick space-$place fail '9.8 MiB free' 'free some'
done
plant df 'printf "F S U A\nx 1 1 500000\n"'
sick space-workspace warn '488.3 MiB free' 'free some'
plant df 'printf "F S U A\nx 1 1 500\n"'
sick space-image fail '500.0 KiB free' 'free some'
plant df :
sick space-cache unknown '`df` there does not say'
