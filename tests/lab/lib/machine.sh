# shellcheck shell=bash
# A machine under QEMU: started, asked, saved, ended. Sourced by ../lab.
# Uses: $accel (from choose_accel), $base (folder of the base).
# shellcheck disable=SC2154

qemu="qemu-system-x86_64"
memory=3072

# Hardware virtualization only where a guest really runs with it: /dev/kvm may open and still be of
# no use. A kernel without a root reaches its panic, which it says on the console.
kvm_works() {
    [ -w /dev/kvm ] || return 1
    local console
    console=$(timeout 10 "$qemu" -machine q35 -accel kvm -cpu host -m 512 -nographic -no-reboot \
        -nodefaults -serial stdio -kernel "$base/vmlinuz" \
        -append "console=ttyS0 panic=-1 root=/dev/none" </dev/null 2>/dev/null | tr -d '\0') || true
    [[ $console == *'Kernel panic'* ]]
}

choose_accel() {
    if [ -f "$base/accel" ]; then
        accel=$(<"$base/accel")
    elif kvm_works; then
        accel=kvm
    else
        accel=tcg
    fi
    echo "$accel" >"$base/accel"
}

# start_machine FOLDER DISK PORT [STATE]: the disk is a qcow2; STATE is a saved machine to go on
# from. A kernel that panics ends it. The pid is in FOLDER/pid, the monitor at FOLDER/monitor, the console in FOLDER/console.
start_machine() {
    local folder=$1 disk=$2 port=$3 state=${4:-}
    # Emulated, one processor. With two, a kernel that changes its own code (a probe, a packet filter)
    # may run into what the other one has still translated: "Oops: int3". And one lab is one thread
    # then, which two labs beside each other gain from.
    #
    # What QEMU has translated it finds again by its virtual address: programs have to be where they
    # were the last time (norandmaps), or every one is translated anew at every start. Each change of
    # SMAP ends a piece of translated code, and `rep stosb` (ERMS), which the kernel clears its pages
    # with, goes byte by byte. The rest is less to do at each system call and page.
    local cpu=(-accel tcg -cpu max,erms=off,smap=off,smep=off,pku=off,pks=off,la57=off -smp "${LAB_PROCESSORS:-1}")
    local lean="norandmaps mitigations=off init_on_alloc=0 hardened_usercopy=off randomize_kstack_offset=off tsc=reliable"
    # What runs beside it on this computer then takes none of its time: its clock goes on by 2 ns with
    # each instruction (and with ours where there is nothing to execute).
    [ "${LAB_CLOCK:-}" != instructions ] || cpu+=(-icount shift=1,sleep=on)
    if [ "$accel" = kvm ]; then
        cpu=(-accel kvm -cpu host -smp "${LAB_PROCESSORS:-2}")
        lean=''
    fi
    local from=()
    [ -z "$state" ] || from=(-incoming "exec:zstd -dc $(printf %q "$state")")
    # In a session of its own: a Ctrl-C in the moment before its pid is written would leave a machine
    # that nobody knows of.
    setsid "$qemu" -name "kataloop-lab" -machine q35 "${cpu[@]}" -m "$memory" \
        -nodefaults -no-user-config -no-reboot -display none -serial "file:$folder/console" \
        -kernel "$base/vmlinuz" -initrd "$base/initrd.img" \
        -append "root=LABEL=root rw console=ttyS0 quiet net.ifnames=0 panic=-1 lsm=yama $lean" \
        -drive "file=$disk,format=qcow2,if=virtio,cache=unsafe,discard=unmap" \
        -netdev "user,id=n,restrict=on,hostfwd=tcp:127.0.0.1:$port-:22" \
        -device virtio-net-pci,netdev=n -device virtio-rng-pci \
        -qmp "unix:$folder/monitor,server=on,wait=off" \
        -pidfile "$folder/pid" -daemonize "${from[@]}"
}

# One command to the monitor, its answer on standard output. It takes a moment: a Ctrl-C is the
# shell's to answer.
monitor() (
    folder=$1 command=$2
    trap '' INT
    python3 -IS - "$folder/monitor" "$command" <<'PYTHON'
import json, socket, sys
with socket.socket(socket.AF_UNIX) as s:
    s.settimeout(120)
    s.connect(sys.argv[1])
    f = s.makefile("rw")
    f.readline()
    for line in ('{"execute":"qmp_capabilities"}', sys.argv[2]):
        f.write(line + "\n")
        f.flush()
        while True:
            answer = json.loads(f.readline())
            if "event" not in answer:
                break
    if "error" in answer:
        sys.exit("lab: the machine's monitor: " + answer["error"]["desc"])
    print(json.dumps(answer["return"]))
PYTHON
)

# A machine that was saved goes on once its state is in.
resume_machine() {
    wait_until 120 "the saved machine" machine_is_paused "$1"
    monitor "$1" '{"execute":"cont"}' >/dev/null
}

machine_is_paused() {
    case $(monitor "$1" '{"execute":"query-status"}') in
    *'"status": "paused"'*) return 0 ;;
    esac
    return 1
}

machine_runs() {
    local folder=$1 pid
    pid=$(cat "$folder/pid" 2>/dev/null) # it takes the file away when it ends
    [ -n "$pid" ] && [ -d "/proc/$pid" ] && grep -q kataloop-lab "/proc/$pid/cmdline" 2>/dev/null
}

stop_machine() {
    local folder=$1 pid
    machine_runs "$folder" || return 0
    pid=$(cat "$folder/pid" 2>/dev/null) || return 0
    kill "$pid" 2>/dev/null || true
    wait_until 20 "the machine to end" not machine_runs "$folder" || kill -9 "$pid"
}

# Stop the machine and save it whole; it is ended afterwards.
save_machine() {
    local folder=$1 state=$2
    monitor "$folder" '{"execute":"stop"}' >/dev/null
    monitor "$folder" '{"execute":"migrate-set-parameters","arguments":{"max-bandwidth":4294967296}}' >/dev/null
    monitor "$folder" '{"execute":"migrate","arguments":{"uri":"exec:zstd -q -3 > '"$state"'"}}' >/dev/null
    wait_until 300 "the machine's state to be written" migration_done "$folder"
    monitor "$folder" '{"execute":"quit"}' >/dev/null
    wait_until 60 "the machine to end" not machine_runs "$folder"
}

migration_done() {
    local answer
    answer=$(monitor "$1" '{"execute":"query-migrate"}')
    case $answer in
    *'"status": "completed"'*) return 0 ;;
    *'"status": "failed"'*) die "the machine's state could not be saved: $answer" ;;
    esac
    return 1
}

# A port of 127.0.0.1 that is free now. Another program may take it before the machine does: the
# machine then does not start, and says so.
free_port() {
    python3 -ISc 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# ssh_to FOLDER USER COMMAND…: with the lab's own keys and nobody's configuration.
ssh_to() {
    local folder=$1 user=$2
    shift 2
    ssh -F none -o BatchMode=yes -o ConnectTimeout=5 -o IdentitiesOnly=yes \
        -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile="$folder/known_hosts" \
        -o LogLevel=ERROR -i "$base/keys/id_ed25519" -p "$(<"$folder/port")" "$user@127.0.0.1" "$@"
}

ssh_answers() {
    ssh_to "$1" root true 2>/dev/null
}
