#!/usr/bin/env bash
# Faults planted in the lab's agent (plants/plant.rs) and in what surrounds it: each is found,
# first; the healthy twin is not accused. What the lab cannot reproduce is in tests/bundles.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
use_lab

project "$scratch/project"
rustjail=src/agent/rustjail/src
cp "$top/tests/e2e/plants/plant.rs" $rustjail
echo 'mod plant;' >>$rustjail/lib.rs
sed -i '/^        Command::new("sh")$/,/\.status()$/c\        crate::plant::dump(self, self.criu_arguments()?, self.cgroup()?)' $rustjail/container.rs
cat >>kataloop.yaml <<'YAML'
  planted:
    host: lab
    steps:
      - build: agent
      - inject: {image: guest, files: [{from: agent, to: /usr/bin/kata-agent, mode: "0755"}]}
YAML

# What is done on the host, in one login for each step of the story. ctr, as it is quicker.
cat >"$scratch/host" <<'SH'
set -u
name=planted
runc=/opt/kata/libexec/runc
drop_in=/run/systemd/system/kata-agent.service.d
log() { echo /tmp/criu-checkpoint-*/work/criu-dump.log; }
group() { cat /run/lab-group; } # a paused task has no process for ctr
until_true() {
    end=$(($(date +%s) + 60))
    until "$@"; do [ "$(date +%s)" -lt "$end" ] && sleep 0.2 || return 1; done
}
ended() { ! systemctl is-active -q planted-client; }
stuck() { tail -n 1 "$(log)" 2>/dev/null | grep -q 'Parasite syscall_ip' && pidof criu >/dev/null; }
# The oldest of them: CRIU tries what the kernel can do with a child of its own.
criu_is() { pid=$(pgrep -ox criu) && grep -q "$1" "/proc/$pid/$2"; }
frozen_criu() { pid=$(pgrep -ox criu) && grep -qx "0::$(group)" "/proc/$pid/cgroup" && grep -qx 'frozen 1' "/sys/fs/cgroup$(group)/cgroup.events"; }
early() {
    for pid in $(cat "/sys/fs/cgroup$(group)/cgroup.procs"); do
        [ "$(awk '$1 == "NSpid:" { print NF }' "/proc/$pid/status")" = 2 ] &&
            grep -qx 'frozen 1' "/sys/fs/cgroup$(group)/cgroup.events" && return
    done
    return 1
}
connected() { grep -q ' 01 ' "/proc/$pid/net/tcp"; } # TCP_ESTABLISHED
zombie() { criu_is '^State:.Z' status; }
log_says() { grep -q "$1" "$(log)" 2>/dev/null; }
gone() { log_says . && ! pgrep -x criu >/dev/null; }
old() { [ $(($(date +%s) - $(stat -c %Y "$(log)"))) -ge 11 ]; }
# PTRACE_SEIZE of the target by a process that does nothing more with it.
tracer() {
    pid=$(sort -n "/sys/fs/cgroup$(group)/cgroup.procs" | head -n 1)
    systemd-run -q --collect --unit planted-tracer \
        perl -e 'syscall(101, 0x4206, 0 + shift, 0, 0) == 0 or die; sleep 120' "$pid"
    until_true grep -q '^TracerPid:.*[1-9]' "/proc/$pid/status"
}
# agent_setting LINE…: of its service.
agent_setting() {
    mkdir $drop_in
    printf '%s\n' '[Service]' "$@" >$drop_in/plant.conf
    systemctl daemon-reload
}
# A system call that the agent, and so its CRIU, may not do.
forbid() { agent_setting "SystemCallFilter=~$1" SystemCallErrorNumber=EPERM; }
# No program that it starts may have more than it has.
no_new_privs() { agent_setting NoNewPrivileges=yes; }
# A kernel that lacks a module.
no_module() {
    mkdir -p /run/modprobe.d
    echo "install $1 /bin/false" >/run/modprobe.d/lab-plant.conf
    modprobe -r "$1"
}
# Nothing of what was planted, and the same container: one whose dump failed early goes on as it was.
again() {
    rm -f /run/lab-plant /run/modprobe.d/lab-plant.conf
    echo 0 >/proc/sys/kernel/yama/ptrace_scope
    [ ! -f $runc.patched ] || mv $runc.patched $runc
    for pid in $(pgrep -x criu; pgrep -f '^sh -c echo'); do
        echo "$pid" >/sys/fs/cgroup/cgroup.procs
        kill -KILL "$pid"
    done 2>/dev/null
    find /sys/fs/cgroup -name cgroup.freeze -exec sh -c 'echo 0 >"$1"' sh {} \; 2>/dev/null
    systemctl stop 'kata-agent*' planted-client planted-tracer 2>/dev/null
    [ ! -d $drop_in ] || { rm -r $drop_in && systemctl daemon-reload; }
    while umount lab-plant 2>/dev/null; do :; done
    rm -f /tmp/criu-checkpoint-*/work/*
}
# Nor a container.
clean() {
    again
    for id in $(ctr containers ls -q); do
        ctr tasks rm --force "$id" >/dev/null 2>&1
        ctr containers rm "$id" >/dev/null 2>&1
    done
    true
}
# [workload=…] fresh OPTION…: the container as new.
fresh() {
    clean
    ctr run -d --runtime io.containerd.kata.v2 "$@" docker.io/library/busybox:latest $name \
        sh -c "${workload:-while :; do sleep 1; done}" >/dev/null || return
    note_group
}
note_group() {
    pid=$(ctr tasks ls | awk '$3 == "RUNNING" { print $2 }')
    sed -n 's/^0:://p' "/proc/$pid/cgroup" >/run/lab-group
}
# checkpoint PLANT: begun, and left to itself.
checkpoint() {
    echo "$1" >/run/lab-plant
    systemd-run -q --collect --unit planted-client ctr tasks checkpoint "$(ctr containers ls -q)"
}
SH
lab_ssh 'cat >/root/planted.sh' <"$scratch/host" || exit
lab_do() { lab_ssh ". /root/planted.sh; $1" </dev/null; }

# The image as it was, and no container of ours. Where ptrace is off until the next boot, a new host.
mend_host() {
    local status=$?
    if [ "$(on_host cat /proc/sys/kernel/yama/ptrace_scope)" = 3 ]; then
        "$lab" reset </dev/null >/dev/null 2>&1 || status=1
    else
        lab_do clean
        on_host sh -c 'image=$(readlink -f "$1") && ! ls "$image.kept-"* >/dev/null 2>&1 ||
            mv "$(ls "$image.kept-"* | sort | head -n 1)" "$image"' sh "$LAB_IMAGE"
    fi
    (exit "$status") # `finish` looks at it
    finish
}
trap mend_host EXIT
run "$kataloop" run planted
exits "the agent with the faults goes into the guest" 0

# found NAME RULE: what is found first, live.
found() {
    run "$kataloop" diagnose planted --host lab --json -o "$scratch/last.evidence"
    has "$1: found" "$out" "\"findings\":[{\"rule\":\"$2\""
}
# wanted NAME: to try some alone, ONLY is a regular expression.
wanted() { [[ $1 =~ ${ONLY:-.} ]]; }
# planted NAME RULE COMMANDS: the fault is there, and found.
planted() {
    wanted "$1" || return 0
    ok "$1: it happens" lab_do "$3"
    found "$1" "$2"
}

# dumped NAME COMMANDS: this CRIU manages all the same, so nothing is accused; how it is where that
# fails is in tests/bundles.
dumped() {
    wanted "$1" || return 0
    ok "$1: dumped" lab_do "$2 && until_true ended && log_says 'finished successfully'"
    run "$kataloop" diagnose planted --host lab --json -o "$scratch/last.evidence"
    has "$1: nothing is found" "$out" '"findings":[]'
}

if wanted "no --freeze-cgroup"; then
    ok "healthy: a checkpoint succeeds" lab_do 'fresh && checkpoint "" && until_true ended && log_says finished'
    run "$kataloop" diagnose planted --host lab --json -o "$scratch/healthy.evidence"
    exits "healthy: no hang" 0
    has "healthy: nothing is found" "$out" '"findings":[]'

    planted "no --freeze-cgroup" frozen-target 'checkpoint no-freeze-cgroup && until_true stuck'
    is "no --freeze-cgroup: a hang" "$status" 4
    cp "$scratch/last.evidence" "$scratch/agent.evidence"
    run "$kataloop" diagnose --compare "$scratch/healthy.evidence" "$scratch/agent.evidence"
    has "compared with the healthy twin: the frozen cgroup is first" "$out" '1. target: frozen'
    ok "the remedy: thawed, the dump goes on to its end" \
        lab_do 'echo 0 >"/sys/fs/cgroup$(group)/cgroup.freeze" && until_true log_says "finished successfully" && until_true ended'
fi

planted "another tracer" traced 'again && tracer && checkpoint "" && until_true ended'
wanted "another tracer" && has "another tracer: by name" "$out" '(perl): CRIU cannot attach'
planted "ptrace forbidden" ptrace-forbidden 'again && checkpoint no-capability && until_true ended'
planted "ptrace forbidden by a seccomp filter" ptrace-forbidden \
    'again && forbid ptrace && checkpoint stay && until_true gone'
wanted "ptrace forbidden by a seccomp filter" &&
    has "ptrace forbidden by a seccomp filter: by name" "$out" 'is under a seccomp filter, which may forbid ptrace'
planted "ptrace forbidden by no_new_privs" ptrace-forbidden \
    'again && no_new_privs && checkpoint reduced && until_true gone'
wanted "ptrace forbidden by no_new_privs" &&
    has "ptrace forbidden by no_new_privs: by name" "$out" 'CRIU does not get CAP_SYS_PTRACE'
dumped "an agent with fewer capabilities" 'again && checkpoint reduced'
planted "no iptables-restore" network-lock 'again && checkpoint no-iptables && until_true ended'
planted "a full file system" no-space 'again && checkpoint full && until_true ended'
planted "a read-only file system" no-space 'again && checkpoint read-only && until_true ended'
planted "a kernel without unix_diag" kernel-options 'again && no_module unix_diag && checkpoint "" && until_true ended'
wanted "a kernel without unix_diag" &&
    has "a kernel without unix_diag: by name" "$out" "the guest's kernel does not tell CRIU of all sockets"
planted "a small limit in the agent" spawner \
    'again && checkpoint small-limit && until_true gone'
planted "a small stack in the agent" spawner \
    'again && checkpoint small-stack && until_true gone'
planted "an agent that ignores SIGCHLD" spawner \
    'again && checkpoint sigchld-ignored && until_true gone'
planted "CRIU inside of the cgroup" criu-frozen 'fresh && checkpoint inside && until_true frozen_criu'
planted "CRIU inside of it before it is CRIU" criu-frozen 'fresh && checkpoint inside-early && until_true early'
planted "an agent that does not wait" no-answer 'fresh && checkpoint no-wait && until_true zombie && until_true old'
planted "a session begun outside" session-leader 'fresh && checkpoint session && until_true ended'
planted "a volume of the host" unsupported 'mkdir -p /root/shared &&
    fresh --mount type=bind,src=/root/shared,dst=/shared,options=rbind:rprivate:rw && checkpoint "" && until_true ended'
planted "a volume that follows the host" unsupported 'mkdir -p /root/shared &&
    fresh --mount type=bind,src=/root/shared,dst=/shared,options=rbind:rw && checkpoint "" && until_true ended'
planted "a pause that nobody ends" left-frozen 'fresh && ctr tasks pause $name'
dumped "a stopped process" 'fresh && checkpoint stopped'
dumped "an agent without standard streams" 'fresh && checkpoint closed-streams'
dumped "an agent that blocks SIGCHLD" 'again && checkpoint sigchld-blocked'
if has_nerdctl; then
    planted "a terminal" unsupported "clean; nerdctl run -d -t --name planted --runtime io.containerd.kata.v2 busybox \
        sh -c 'while :; do sleep 1; done' >/dev/null && note_group && checkpoint '' && until_true ended"
else
    skip "a terminal" "$no_nerdctl"
fi
planted "a connection" unsupported \
    'workload="sleep 9999 | nc -lp 99 & until grep -q \":0063 .* 0A \" /proc/net/tcp*; do :; done; sleep 9999 | nc 127.0.0.1 99" fresh &&
        until_true connected && checkpoint "" && until_true ended'

# --- what only a whole run can see -----------------------------------------------------------------

cat >>kataloop.yaml <<'YAML'
  unpatched:
    host: lab
    steps: [{container: {image: busybox, client: ctr}}, checkpoint: true]
  gone:
    host: lab
    steps: [{container: {image: busybox, client: ctr, command: [sleep, "3600"]}}, checkpoint: {stall_after: 40s}]
YAML
ok "a shim without checkpoints: it is there" lab_do "clean; sed -i.patched \
    '2i case \" \$* \" in *\" checkpoint \"*) echo not implemented >&2; exit 1 ;; esac' \$runc"
run "$kataloop" run unpatched
exits "a shim without checkpoints: the run fails" 1
has "a shim without checkpoints: found" "$out" '1. certain: the shim of io.containerd.kata.v2 cannot checkpoint'
lab_do clean
run "$kataloop" run gone
has "a call that was interrupted: found" "$out" '1. certain: the checkpoint succeeded, and its workload ended: a system call was'

# --- what stays until the next boot ----------------------------------------------------------------

planted "ptrace switched off by Yama" ptrace-forbidden 'fresh && checkpoint no-ptrace && until_true ended'
if wanted "ptrace switched off by Yama"; then
    has "ptrace switched off by Yama: by name" "$out" 'ptrace is switched off by Yama (ptrace_scope 3)'
fi
