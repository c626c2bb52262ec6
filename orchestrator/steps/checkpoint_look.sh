# checkpoint_look ID LONGEST [FILTER]: how far the CRIU of a container's checkpoint is, now and then.
#
# Each look prints "criu TICKS PID…" (processor time of CRIU's processes and of what they have started,
# and which they are), "log OFFSET PATH" (of CRIU's log, once it is known, and how much of it was read),
# "data LENGTH", and so many bytes of what was read since the last look: 64 KiB at most; or with FILTER,
# a script for `sed -n`, of all that was added what that leaves (nothing, where that is more). The first
# look comes at once, the second after LONGEST hundredths of a second, each other one after fifty times
# what the last one took, but half a second at least and LONGEST at most. LONGEST 0: one look, which
# reads nothing of the log. TERM ends it with one more look, which reads the rest.
#
# A CRIU is the container's where the process it dumps has the ID in its cgroup, or where the command
# line of CRIU, or of a process it descends from, has it. Looks run beside what is measured: so one
# shell stays for all of them, gives way to everything else, and starts hardly any other program.
id=$1 longest=$2 filter=${3:-}
ours='' log='' source='' offset=0 opened='' last='' seen=''
LC_ALL=C
export LC_ALL
# What is called a log here may have no line's end in gigabytes.
ulimit -v 524288 2>/dev/null
[ "$longest" -eq 0 ] || renice -n 19 "$$" >/dev/null 2>&1
trap 'last=yes' TERM

# Sets $name, $parent and $spent (with what children had that have ended) of process $1. Of one that has a
# line break in its name the fields are on another line: what is called so is no CRIU, and a pattern in it
# names no files.
read_stat() {
    read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
    name=${stat#*(}
    name=${name%%)*}
    set -f
    # shellcheck disable=SC2086 # the fields behind the name
    set -- ${stat##*) }
    set +f
    [ $# -gt 15 ] || return 1
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
        case $word in
        --tree=*) target=${word#*=} ;;
        -t[0-9]*) target=${word#-t} ;;
        esac
        previous=$word
    done <<WORDS
$(tr '\0' '\n' 2>/dev/null <"/proc/$1/cmdline")
WORDS
    case $target in *[!0-9]*) target='' ;; esac
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
        # Of a line, busybox' grep reads what stands before a NUL.
        ! tr '\0' '\n' 2>/dev/null <"/proc/$p/cmdline" | grep -qF -e "$id" || return 0
        read_stat "$p" || return 1
        p=$parent depth=$((depth + 1))
    done
    return 1
}

# Is descriptor $2 of process $1 a file, open for writing? A pipe may say nothing, and a device have no
# end.
is_written() {
    [ -f "/proc/$1/fd/$2" ] || return
    while read -r info; do
        case $info in flags:*[12]) return 0 ;; esac
    done 2>/dev/null <"/proc/$1/fdinfo/$2"
    return 1
}

# The log of CRIU, process $1: what it writes, whatever else has that path where this runs.
find_log() {
    # Descriptors as "… 3 -> /path/criu-dump.log".
    while read -r line; do
        fd=${line%%' -> /'*}
        fd=${fd##* }
        case $line in
        *' -> /'*.log) is_written "$1" "$fd" || continue ;;
        *) continue ;;
        esac
        log=/${line#*' -> /'}
        source=/proc/$1/fd/$fd
        return
    done <<LINKS
$(ls -l "/proc/$1/fd" 2>/dev/null)
LINKS
}

# Is process $1, which is called $name, a CRIU? One that brings its own C library along has the name
# of that one's loader.
is_criu() {
    case $name in
    criu) return 0 ;;
    ld-* | ld.so* | ld64.so*) ;;
    *) return 1 ;;
    esac
    case $(tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline") in
    *criu*' dump '* | *criu*' pre-dump '* | *criu*' swrk '* | *criu*' restore '*) return 0 ;;
    esac
    return 1
}

# Process $1, where it is a CRIU, with what it has started: CRIU waits for that, as for
# iptables-restore, and then that moves.
add() {
    case " $alive " in *" $1 "*) return ;; esac
    read_stat "$1" && is_criu "$1" || return
    alive="$alive $1"
    ticks=$((ticks + spent))
    [ -n "$log" ] || find_log "$1"
    kids=''
    read -r kids 2>/dev/null <"/proc/$1/task/$1/children"
    for kid in $kids; do
        read_stat "$kid" || continue
        if is_criu "$kid"; then
            add "$kid"
        else
            ticks=$((ticks + spent))
        fi
    done
}

# Everything is gone through only where no CRIU is known that runs, or the one that is known does not
# move: it may be one that was left over.
find_criu() {
    ticks=0 alive=''
    for pid in $ours; do add "$pid"; done
    if [ -z "$alive" ] || [ "$seen" = "$ticks $offset" ]; then
        for folder in /proc/[0-9]*; do
            name='' pid=${folder#/proc/}
            read -r name 2>/dev/null <"$folder/comm"
            is_criu "$pid" || continue
            case " $alive " in *" $pid "*) continue ;; esac
            ! is_ours "$pid" || add "$pid"
        done
    fi
    ours=$alive
}

# A dump may be over between two looks: then its log lies where Kata's agents put it. A folder of somebody
# else, or a link in /tmp, may lead anywhere.
find_left_log() {
    for found in /tmp/criu-checkpoint-*"$id"*/work/criu-dump.log; do
        folder=${found%/*/*}
        case $found in
        *[[:cntrl:]]*) ;;
        *)
            [ ! -O "$folder" ] || [ -L "$folder" ] || [ ! -f "$found" ] ||
                { log=$found && source=$found; }
            ;;
        esac
    done
}

read_log() {
    piece=''
    [ -n "$log" ] && [ "$longest" -gt 0 ] || return
    if [ -z "$opened" ]; then
        # Else CRIU has ended since: the log is looked for again.
        { command exec 3<"$source"; } 2>/dev/null || { log='' && return; }
        opened=yes
    fi
    piece=$(
        trap '' TERM
        if [ -n "$filter" ]; then
            sed -n "$filter" <&3
        else
            dd bs=65536 count=1 <&3 2>/dev/null
        fi
        echo .
    )
    piece=${piece%.}
    [ "${#piece}" -le 65536 ] || piece=''
    read -r _ offset <"/proc/$$/fdinfo/3"
}

say() {
    printf 'criu %s%s\n%sdata %s\n%s' "$ticks" "$ours" "${log:+log $offset $log
}" "${#piece}" "$piece" || exit
}

look() {
    find_criu
    read_log
    seen="$ticks $offset"
    say
}

# Sets $now: hundredths of a second.
read_clock() {
    read -r up _ </proc/uptime
    now=$((${up%.*} * 100 + 1${up#*.} - 100))
}

# Where `sleep` knows whole seconds only, one more.
pause() {
    sleep "$(($1 / 100)).$(($1 / 10 % 10))$(($1 % 10))" 2>/dev/null || [ -n "$last" ] ||
        sleep "$(($1 / 100 + 1))"
}

begun=0 now=0
while [ "$longest" -gt 0 ] && [ -z "$last" ]; do
    look
    read_clock
    gap=$(((now - begun) * 50))
    [ "$gap" -ge 50 ] || gap=50
    [ "$begun" -gt 0 ] && [ "$gap" -le "$longest" ] || gap=$longest
    [ -n "$last" ] || pause "$gap"
    read_clock
    begun=$now
done
# One that TERM came into may have lost what it had started: once more, undisturbed.
trap '' TERM
find_criu
[ -n "$log" ] || find_left_log
pieces=0
while read_log; say; [ -n "$piece" ] && [ "$pieces" -lt 64 ]; do
    pieces=$((pieces + 1))
done
exit 0
