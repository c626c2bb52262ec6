#!/usr/bin/env bash
# What the doctor says of this machine, whose programs are scripts here: each check as it should be, and
# with a fault of its own. On a real host: e2e/doctor.t.
# shellcheck source=../e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"

mkdir "$scratch/bin" "$scratch/work"
cd "$scratch" || exit
date=$(command -v date)
printf '#!/bin/sh\nPATH=%q exec %q "$@"\n' "$scratch/bin" "$kataloop" >kataloop
chmod +x kataloop
kataloop=$scratch/kataloop
for program in sh env awk sed grep stat dirname tr cat tail; do
    ln -s "$(command -v "$program")" "bin/$program"
done
# plant PROGRAM SCRIPT: never through one of those links.
plant() {
    rm -f "bin/$1"
    printf '#!/bin/sh\n%s\n' "$2" >"bin/$1"
    chmod +x "bin/$1"
}
# [step=…] healthy [IMAGES]: everything as it should be, for a workflow of that step. The container's
# runtime is no virtual machine, so that its guest is this machine.
healthy() {
    cat >kataloop.yaml <<YAML
version: 1
hosts: {here: {ssh: local, workspace: $scratch/work, become: none}}
images: {${1:-guest: $scratch/kata.img}}
workflows: {w: {host: here, steps: [${step:-restart: containerd}]}}
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
# sick ID VERDICT PART…: what was said of a check that has its fault.
sick() {
    local id=$1 verdict=$2
    shift 2
    doctor_says "$id: $verdict, $1" "$id" "$verdict" "$@"
}

healthy
examine here
exits "healthy: nothing fails" 0
for id in ssh rsync-here connection root rsync-there workspace clock containerd client kata image console \
    criu space-workspace space-image space-cache space-checkpoints; do
    doctor_says "healthy: $id" "$id" ok
done

# --- faults, as many at once as stand beside each other ---------------------------------------------------

plant ssh 'exit 127'
plant rsync 'exit 127'
plant date 'echo noon'
plant nerdctl 'echo nerdctl version 2.1.6'
plant containerd-shim-kata-v2 '# service Checkpoint'
plant kata-runtime 'echo "{\"Runtime\": {\"Config\": {\"Path\": \"/none\"}}}"'
plant df 'printf "F S U A\nx 1 1 500\n"'
rmdir work
rm bin/criu
examine here
exits "faults: status 1" 1
sick ssh warn 'there is no ssh' 'install the OpenSSH client'
sick rsync-here fail 'there is no rsync' 'apt-get install rsync'
sick rsync-there fail 'there is no rsync' 'apt-get install rsync'
sick workspace fail "there is no folder $scratch/work" 'set `workspace`'
sick clock unknown '`date` on here gives no time'
sick client fail '2.1.6 cannot checkpoint' 'client: ctr'
sick shim fail 'not implemented' patched
sick console warn 'off: nothing can be seen of a guest' 'debug_console_enabled = true' /none
sick criu fail 'the guest of one has no criu' 'into the guest image'
for place in workspace image cache checkpoints; do
    sick space-$place fail '500.0 KiB free' 'free some'
done

mkdir work
healthy
plant date 'echo 1000000000000000'
plant ctr '[ "$*" != "--connect-timeout 5s version" ] || { echo no socket >&2; exit 1; }'
plant nerdctl 'echo nerdctl of tomorrow'
plant kata-runtime 'echo wrong configuration >&2; exit 1'
plant df 'printf "F S U A\nx 1 1 500000\n"'
rm bin/containerd-shim-kata-v2 kata.img
examine here
sick clock warn behind timedatectl
sick containerd fail 'it does not answer: no socket' 'systemctl status containerd'
sick client unknown 'nerdctl of tomorrow'
sick kata fail '`kata-runtime env` fails: wrong configuration' 'configuration file'
sick shim fail 'containerd finds no containerd-shim-kata-v2' "containerd's PATH"
sick image fail "there is no $scratch/kata.img" 'set `path` of the image'
sick console unknown 'does not name its configuration'
sick criu unknown 'no Kata container runs' 'ask again while one runs'
sick space-workspace warn '488.3 MiB free' 'free some'
sick space-image unknown 'no image was found'

healthy 'guest: auto'
plant df :
plant containerd-shim-kata-v2 '# /containerd.task.v2.Task/Checkpoint is not supported'
rm bin/ctr bin/nerdctl bin/kata-runtime
examine here
sick containerd fail 'there is no ctr' 'install containerd there'
sick client fail 'neither nerdctl nor ctr' 'install nerdctl 2.2'
sick kata fail 'there is no kata-runtime' 'install Kata'
sick shim fail 'not supported' patched
sick image fail 'neither the workflow file nor kata-runtime names one' 'set `path` of an entry of `images`'
sick space-cache unknown '`df` there does not say'

healthy
plant id 'echo 1000'
rm bin/nerdctl
examine here
sick root fail '`become` is none, and the login user is not root' 'become: sudo'
sick client unknown 'root would have to ask'
healthy
rm bin/nerdctl
examine here
sick client ok 'ctr, which can checkpoint; no nerdctl'

# --- what the workflow at hand needs, and no more ---------------------------------------------------------

step='container: {image: busybox, client: ctr}' healthy
plant nerdctl 'echo nerdctl version 2.1.6'
examine here
sick client ok 'ctr, which can checkpoint'
step='container: {image: busybox, client: nerdctl}' healthy
rm bin/nerdctl
examine here
sick client fail 'there is no nerdctl' 'set `client` of the steps'
step='inject: {image: second, files: [{from: /a, to: /b}]}' healthy "first: /none.img, second: $scratch/kata.img"
examine here
sick image ok "$scratch/kata.img"
step='container: {image: busybox, runtime: io.containerd.runc.v2}' healthy 'first: /none.img'
rm bin/kata-runtime bin/containerd-shim-kata-v2
examine here
exits "a workflow without Kata needs none" 0
for id in kata shim image console criu space-image; do
    doctor_says "a workflow without Kata: $id" "$id" ok 'not needed: workflow `w` has no Kata container'
done

step='run: {command: make}' healthy 'first: /none.img'
rm bin/ctr bin/nerdctl bin/kata-runtime bin/containerd-shim-kata-v2
plant df 'printf "F S U A\nx 1 1 500000\n"'
examine here
exits "a workflow of builds needs no containerd" 0
for id in containerd client kata shim image console criu space-image space-checkpoints; do
    doctor_says "a workflow of builds: $id" "$id" ok 'not needed: no step of workflow `w` is about containers'
done

# --- the console's own switch, and what is dropped in beside Kata's configuration -------------------------

healthy
plant kata-runtime "echo '{\"Runtime\": {\"Config\": {\"Path\": \"$scratch/configuration.toml\"}}}'"
mkdir config.d
printf '[agent.kata]\n# debug_console_enabled = true\ndebug_console_enabled = false\n' >configuration.toml
examine here
sick console warn 'off: nothing can be seen of a guest'
printf '[agent.kata]\n  debug_console_enabled = true # for now\n' >config.d/10-console.toml
examine here
sick console ok 'on'
printf '[agent.kata]\ndebug_console_enabled=false\n' >config.d/20-console.toml
examine here
sick console warn 'off: nothing can be seen of a guest'
