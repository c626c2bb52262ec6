# checkpoint_look ID OFFSET LOG PID…: how far the CRIU of a container's checkpoint is.
#
# Prints "criu TICKS PID…" (processor time of CRIU's processes, and which they are), "log PATH" (of
# CRIU's log, once it is known), an empty line, and what the log holds from byte OFFSET on, 64 KiB at
# most. A CRIU is the container's where the process it dumps has the ID in its cgroup, or where the
# command line of CRIU, or of a process it descends from, has it; or where it is one of the PIDs known
# already. Runs now and then while something is measured, so nearly all of it is done by the
# shell itself.
id=$1 offset=$2 log=$3
shift 3
known=" $* "
ticks=0
ours='' others=''

# Sets $name, $parent and $spent (with what children had that have ended) of process $1.
read_stat() {
    read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
    name=${stat#*(}
    name=${name%%)*}
    # shellcheck disable=SC2086 # the fields behind the name
    set -- ${stat##*) }
    parent=$2
    shift 11
    spent=$(($1 + $2 + $3 + $4))
}

# The process that CRIU, process $1, dumps.
find_target() {
    target='' previous=''
    while read -r word; do
        case $previous in
        -t | --tree) target=$word ;;
        esac
        previous=$word
    done <<WORDS
$(tr '\0' '\n' 2>/dev/null <"/proc/$1/cmdline")
WORDS
}

# By the forms of a container's group: the id, or what systemd makes of it; not a longer name.
in_container() {
    while read -r line; do
        case $line in
        *[/:]"$id" | *[/:]"$id"/* | *[-/:]"$id".scope*) return 0 ;;
        esac
    done 2>/dev/null <"/proc/$1/cgroup"
    return 1
}

is_ours() {
    find_target "$1"
    [ -z "$target" ] || ! in_container "$target" || return 0
    p=$1 depth=0
    while [ "$p" -gt 1 ] && [ "$depth" -lt 6 ]; do
        ! grep -qF -e "$id" "/proc/$p/cmdline" 2>/dev/null || return 0
        read_stat "$p" || return 1
        p=$parent depth=$((depth + 1))
    done
    return 1
}

find_log() {
    # Descriptors as "… 3 -> /path/criu-dump.log".
    while read -r line; do
        case $line in
        *' -> /'*.log)
            log=/${line#*' -> /'}
            return
            ;;
        esac
    done <<LINKS
$(ls -l "/proc/$1/fd" 2>/dev/null)
LINKS
}

for folder in /proc/[0-9]*; do
    pid=${folder#/proc/}
    read_stat "$pid" || continue
    if [ "$name" != criu ]; then
        others="$others $parent:$spent"
        continue
    fi
    sum=$spent
    case $known in
    *" $pid "*) ;;
    *) is_ours "$pid" || continue ;;
    esac
    ours="$ours $pid"
    ticks=$((ticks + sum))
    [ -n "$log" ] || find_log "$pid"
done
# CRIU waits for what it starts, as iptables-restore: that moves too.
for other in $others; do
    case " $ours " in
    *" ${other%:*} "*) ticks=$((ticks + ${other#*:})) ;;
    esac
done
# A dump may be over between two looks: then its log lies where Kata's agents put it.
[ -n "$log" ] || for found in /tmp/criu-checkpoint-*"$id"*/work/criu-dump.log; do
    [ ! -f "$found" ] || log=$found
done
echo "criu $ticks$ours"
[ -z "$log" ] || echo "log $log"
echo
[ -z "$log" ] || tail -c "+$((offset + 1))" "$log" 2>/dev/null | head -c 65536
exit 0
