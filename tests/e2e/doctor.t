#!/usr/bin/env bash
# What the doctor says of the lab: healthy, and with faults planted. Each check with a fault of its own is
# in local/doctor.t.
. "$(dirname "$0")/lib.sh"
use_lab
project "$scratch/project"

# plant PROGRAM SCRIPT: that text as /usr/local/sbin/PROGRAM, which root finds first.
planted=()
plant() {
    planted+=("/usr/local/sbin/$1")
    # shellcheck disable=SC2016 # for the host's shell
    on_host sh -c 'printf "%s\n" "$2" >"$1" && chmod 0755 "$1"' sh "/usr/local/sbin/$1" "$2"
}
unplant() {
    on_host rm -f "${planted[@]}"
    planted=()
}

# set_clock: the lab's time is this machine's; sent only when the other side is ready to take it, as
# starting a command there may take a second.
set_clock() {
    local ready
    coproc CLOCK { on_host sh -c 'echo ready; read -r now; date -s "@$now"'; }
    read -r ready <&"${CLOCK[0]}"
    [ "$ready" = ready ] && echo "$EPOCHREALTIME" >&"${CLOCK[1]}"
    # shellcheck disable=SC2154 # coproc sets it
    wait "$CLOCK_PID"
}

# --- healthy -------------------------------------------------------------------------------------

set_clock
on_host ctr run -d --runtime io.containerd.kata.v2 docker.io/library/busybox:latest doctor sleep 3600 >/dev/null 2>&1
examine
exits "healthy: nothing fails" 0
for id in ssh rsync-here connection root rsync-there workspace clock containerd client kata image \
    console criu space-workspace space-image space-cache space-checkpoints; do
    doctor_says "healthy: $id" "$id" ok
done
doctor_says "healthy: the shim is unknown before a checkpoint" shim unknown "only a checkpoint can tell"
doctor_says "healthy: CRIU was asked in the guest" criu ok "Version:" "guest of doctor"
run "$kataloop" doctor
has "for people: a line each" "$out" "ok       connection" "do: run a workflow with a checkpoint"
on_host sh -c 'ctr tasks rm -f doctor && ctr containers rm doctor' >/dev/null

# --- faults that stand beside each other -----------------------------------------------------------

plant rsync 'exit 127'
on_host cp /usr/local/sbin/rsync /usr/local/bin/rsync
plant nerdctl 'echo nerdctl version 2.1.6'
plant kata-runtime '/usr/local/bin/kata-runtime "$@" | sed -e s/agent.debug_console[a-z_0-9.=]*//g -e s,/etc/kata-containers/configuration.toml,/root/kata.toml,'
on_host sh -c 'echo debug_console_enabled = false >/root/kata.toml'
plant containerd-shim-kata-v2 '# errdefs.ErrNotImplemented, "service Checkpoint"'
on_host chown root: "$LAB_WORKSPACE"
on_host date -s '+1 hour' >/dev/null
sed -i 's,path: auto,path: /opt/none.img,' kataloop.yaml
examine
exits "faults: status 1" 1
doctor_says "no rsync there" rsync-there fail "install rsync"
doctor_says "an old nerdctl" client fail "2.1.6 cannot checkpoint" "nerdctl 2.2"
doctor_says "the console is off" console warn "debug_console_enabled = true" "/root/kata.toml"
doctor_says "upstream's shim" shim fail "not implemented" "patched"
doctor_says "the workspace cannot be written" workspace warn "cannot write" chown
doctor_says "the clocks differ" clock warn ahead timedatectl
doctor_says "no such image" image fail "/opt/none.img" "set \`path\` of the image"
doctor_says "no image, no word about its space" space-image unknown
doctor_says "no container, no word about CRIU" criu unknown "ask again while one runs"
unplant
on_host rm -f /usr/local/bin/rsync /root/kata.toml
on_host chown ubuntu: "$LAB_WORKSPACE"
set_clock
sed -i 's,path: /opt/none.img,path: auto,' kataloop.yaml

on_host mv /usr/local/bin/kata-runtime /usr/local/bin/containerd-shim-kata-v2 /root
on_host mv "$LAB_WORKSPACE" "$LAB_WORKSPACE.away"
on_host systemctl stop containerd
examine
exits "more faults: status 1" 1
doctor_says "containerd is down" containerd fail "does not answer" "systemctl status containerd"
doctor_says "no Kata" kata fail "no kata-runtime" "install Kata"
doctor_says "no workspace" workspace fail "no folder $LAB_WORKSPACE"
on_host mv /root/kata-runtime /root/containerd-shim-kata-v2 /usr/local/bin
on_host mv "$LAB_WORKSPACE.away" "$LAB_WORKSPACE"
on_host systemctl start containerd

# --- no root, no way in ----------------------------------------------------------------------------

sed -i "s,ssh: kata-lab,ssh: pwuser@kata-lab," kataloop.yaml
examine
exits "sudo wants a password: status 1" 1
doctor_says "sudo wants a password" root fail "password is required" NOPASSWD
doctor_says "what needs root is unknown" containerd unknown "root would have to ask"

examine nowhere
exits "a host that is not in the file: usage" 2
printf 'version: 1\nhosts: {gone: {ssh: "127.0.0.1:1"}}\nworkflows: {w: {host: gone, steps: [restart: containerd]}}\n' >kataloop.yaml
examine
exits "nobody listens: status 5" 5
doctor_says "nobody listens" connection fail "Connection refused"
doctor_says "nothing more can be asked" containerd unknown "no connection"
