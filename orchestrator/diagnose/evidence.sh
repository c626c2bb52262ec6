#!/bin/sh
# The guest's side of the evidence: what CRIU, its parents and its target look like right now. Reads,
# changes nothing, and needs no more than a POSIX shell with busybox or coreutils. Started as
#
#   sh -c SCRIPT kataloop MARK [--container ID] [--pid PID] [--images DIR] [--work DIR]
#
# Prints a stream that stream.c turns into a bundle. MARK is a word that nobody here can guess; a
# line that begins with it is ours, all else is content:
#
#   MARK item MAX NAME    what follows is an item; at most MAX bytes of it are kept
#   MARK tail MAX NAME    the same, the last MAX bytes
#   MARK none 0 NAME      an item that is not there; what follows is why
#   MARK files MAX        what follows is the output of `head -v -c MAX`: one item for each file
#   MARK end
#
# Starting a process costs far more than all else here, so the kernel's small files are read by one
# `head` for all processes at once, and lists are taken apart by the shell.
set -f
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
mark=$1
shift
container='' pid='' images='' work=''
while [ $# -gt 1 ]; do
    case $1 in
    --container) container=$2 ;;
    --pid) pid=$2 ;;
    --images) images=$2 ;;
    --work) work=$2 ;;
    esac
    shift 2
done
newline='
'
exec 2>/dev/null
read -r began _ </proc/uptime
began=${began%%.*}

has() { command -v "$1" >/dev/null; }
# Not by "$*": that joins with whatever IFS is at the moment.
item() { printf '\n%s item %s %s\n' "$mark" "$1" "$2"; }
tail_item() { printf '\n%s tail %s %s\n' "$mark" "$1" "$2"; }
none() { printf '\n%s none 0 %s\n%s\n' "$mark" "$1" "$2"; }
# bounded SECONDS COMMAND…: both outputs of it, no longer than that where there is a `timeout`.
if has timeout; then
    bounded() { timeout "$@" 2>&1; }
else
    bounded() { shift && "$@" 2>&1; }
fi
# add LIST-NAME WORD: once.
add() {
    eval "case \" \$$1 \" in *\" \$2 \"*) ;; *) $1=\"\$$1 \$2\" ;; esac"
}
in_list() {
    case " $1 " in *" $2 "*) return 0 ;; esac
    return 1
}
# Put the fields of a /proc/PID/stat in $comm and $ppid. A process names itself as it likes, with
# parentheses, line breaks and shell code.
stat_fields() {
    comm=${1#*\(}
    comm=${comm%\)*}
    # shellcheck disable=SC2086 # words are wanted
    set -- ${1##*\) }
    ppid=${2:-x}
    case $ppid in *[!0-9]*) return 1 ;; esac
}

# --- who is who --------------------------------------------------------------------------------

set +f
scan=$(head -v -c 1024 /proc/[0-9]*/stat /proc/[0-9]*/cgroup)
set -f
targets='' crius='' agents='' parents='' tracers='' children='' all=''
file=''
IFS=$newline
for line in $scan; do
    case $line in
    '==> /proc/'*' <==')
        file=${line#==> /proc/}
        file=${file% <==}
        ;;
    *)
        case $file in
        */stat)
            this=${file%/stat}
            case $this in '' | *[!0-9]* | "$$") continue ;; esac
            IFS=' '
            stat_fields "$line" || { IFS=$newline && continue; }
            eval "ppid_$this=\$ppid"
            all="$all $this"
            case $comm in
            criu*) [ "$this" = $$ ] || add crius "$this" ;;
            kata-agent*) add agents "$this" ;;
            esac
            [ "$pid" != "$this" ] || add targets "$this"
            IFS=$newline
            ;;
        */cgroup)
            # By the forms of a container's group: the id, or what systemd makes of it.
            case $line in
            *[/:]"${container:-no container}" | *[/:]"${container:-no container}"/* | \
                *[-/:]"${container:-no container}".scope*)
                this=${file%/cgroup}
                case $this in
                '' | *[!0-9]*) ;;
                *) add targets "$this" ;;
                esac
                ;;
            esac
            ;;
        esac
        ;;
    esac
done
IFS=' '
# Below the process that was asked for; a child can have a smaller number than its parent.
if [ -n "$pid" ]; then
    for _ in 1 2 3; do
        for this in $all; do
            eval "ppid=\$ppid_$this"
            ! in_list "$targets" "$ppid" || add targets "$this"
        done
    done
fi
for this in $crius; do
    while eval "this=\$ppid_$this" && [ "${this:-0}" -gt 0 ]; do
        ! in_list "$parents" "$this" || break
        add parents "$this"
    done
done
for this in $all; do
    eval "ppid=\$ppid_$this"
    if in_list "$crius" "$this" || in_list "$parents" "$this" || in_list "$targets" "$this"; then
        continue
    fi
    if in_list "$agents" "$ppid" || in_list "$crius" "$ppid"; then
        add children "$this"
    fi
done

# first N LIST: bounds what a fork bomb in the container can make of this.
first() {
    max=$1 kept='' n=0
    for this in $2; do
        [ "$n" -lt "$max" ] || break
        kept="$kept $this" n=$((n + 1))
    done
    echo "$kept"
}
count() { echo $#; }
# shellcheck disable=SC2086
n_targets=$(count $targets)
targets=$(first 16 "$targets") crius=$(first 8 "$crius") agents=$(first 4 "$agents")
parents=$(first 16 "$parents") children=$(first 8 "$children")

# --- their files -------------------------------------------------------------------------------

files='' tasks=''
set +f
for this in $targets $crius $agents; do
    n=0
    for task in /proc/"$this"/task/[0-9]*; do
        [ "$n" -lt 16 ] || break
        n=$((n + 1))
        [ "${task##*/}" = "$this" ] || tasks="$tasks $task"
    done
done
set -f
# Of a thread of the target that another process traces, its tracer is wanted too.
read_tracers() {
    # shellcheck disable=SC2086,SC2046
    set -- $(for this in $targets; do echo "/proc/$this/status"; done) \
        $(for task in $tasks; do echo "$task/status"; done)
    [ $# -gt 0 ] || return 0
    IFS=$newline
    for line in $(head -v -c 4096 "$@"); do
        case $line in
        TracerPid:*)
            tracer=${line##*[!0-9]}
            if [ "${tracer:-0}" -gt 0 ] && ! in_list "$crius" "$tracer"; then
                add tracers "$tracer"
            fi
            ;;
        esac
    done
    IFS=' '
}
read_tracers

item 16384 processes
echo "targets in all: $n_targets"
for role in target criu parent agent tracer child; do
    case $role in
    child) list=$children ;;
    criu) list=$crius ;;
    *) eval "list=\$${role}s" ;;
    esac
    for this in $list; do
        echo "$role $this"
    done
done

chosen='' first_target=''
for this in $targets; do
    first_target=${first_target:-$this}
done
# The first process too: by it namespaces are told apart.
for this in $crius $targets $parents $agents $tracers $children 1; do
    add chosen "$this"
done
for this in $chosen; do
    for part in status stat wchan syscall stack limits cgroup mountinfo oom_score_adj; do
        case $part in
        # Long, and the same for all of one mount namespace.
        mountinfo) in_list "$crius $first_target" "$this" || continue ;;
        esac
        files="$files /proc/$this/$part"
    done
done
for task in $tasks; do
    files="$files $task/status $task/wchan $task/syscall $task/stack"
done
printf '\n%s files 8192\n' "$mark"
# shellcheck disable=SC2086
head -v -c 8192 $files

# redacted: reads entries that end with NUL, prints one a line; values of names that may be secrets
# are left out, a newline inside of one becomes byte 1 and so stays with it. An option of such a
# name hides the word behind it too.
redacted() {
    hide_next=''
    IFS=$newline
    for word in $(tr '\n\0' '\001\n'); do
        if [ -n "$hide_next" ]; then
            hide_next=''
            echo '<redacted>'
            continue
        fi
        case ${word%%=*} in
        *[Tt][Oo][Kk][Ee][Nn]* | *[Ss][Ee][Cc][Rr][Ee][Tt]* | *[Pp][Aa][Ss][Ss]* | \
            *[Pp][Ww][Dd]?* | *[Kk][Ee][Yy]* | *[Cc][Rr][Ee][Dd]* | *[Aa][Uu][Tt][Hh]* | \
            *[Cc][Oo][Oo][Kk][Ii][Ee]* | *[Ss][Ii][Gg][Nn][Aa][Tt]* | *[Pp][Rr][Ii][Vv]*)
            case $word in
            *=*) word="${word%%=*}=<redacted>" ;;
            -*) hide_next=1 ;;
            esac
            ;;
        *)
            # An address with a user's password in it.
            case $word in
            *://*:*@*) word="${word%%://*}://<redacted>@${word##*@}" ;;
            esac
            ;;
        esac
        printf '%s\n' "$word"
    done
    IFS=' '
}
# is_written PID FD: is it open for writing?
is_written() {
    while read -r info; do
        case $info in flags:*[12]) return 0 ;; esac
    done <"/proc/$1/fdinfo/$2"
    return 1
}
# Logs as "FILE NAME" a line: where it is read, without blanks, or - where that is its name.
logs=''
add_log() {
    case "$logs$newline" in
    *" $2$newline"*) ;;
    *) logs="$logs$newline$1 $2" ;;
    esac
}
# add_open_logs PID, its descriptors on standard input as "… 3 -> /path/criu-dump.log": what CRIU
# writes, not what else may have that path here. Anybody can call a process criu.
add_open_logs() {
    while read -r line; do
        fd=${line%%' -> /'*}
        fd=${fd##* }
        case $line in
        *' -> /'*.log) ! is_written "$1" "$fd" || add_log "/proc/$1/fd/$fd" "/${line#*' -> /'}" ;;
        esac
    done
}
for this in $chosen; do
    item 8192 "/proc/$this/cmdline"
    redacted <"/proc/$this/cmdline"
    in_list "$children" "$this" && continue
    item 8192 "/proc/$this/environ"
    redacted <"/proc/$this/environ"
    item 8192 "/proc/$this/fd"
    links=$(ls -l "/proc/$this/fd")
    printf '%s\n' "$links"
    ! in_list "$crius" "$this" || add_open_logs "$this" <<LINKS
$links
LINKS
    item 4096 "/proc/$this/ns"
    (cd "/proc/$this" && set +f && ls -ld ns/* exe cwd root)
done

# --- the freezers ------------------------------------------------------------------------------

cgroup2='' freezer1=''
IFS=$newline
for line in $(head -c 65536 /proc/self/mountinfo); do
    IFS=' '
    # shellcheck disable=SC2086
    set -- $line
    point=$5
    case "$line " in
    *' - cgroup2 '*) cgroup2=${cgroup2:-$point} ;;
    *' - cgroup '*freezer*) freezer1=${freezer1:-$point} ;;
    esac
    IFS=$newline
done
IFS=' '
groups=''
for this in $targets $crius $agents; do
    IFS=$newline
    for line in $(head -c 4096 "/proc/$this/cgroup"); do
        path=${line#*:*:}
        case $line in
        0::/*) path=$cgroup2$path ;;
        *:freezer:/*) path=$freezer1$path ;;
        *) continue ;;
        esac
        path=${path%/}
        # The group and all above it: freezing any of them freezes it.
        while [ -n "$path" ] && [ "$path" != "$cgroup2" ] && [ "$path" != "$freezer1" ]; do
            case "$newline$groups$newline" in
            *"$newline$path$newline"*) ;;
            *) groups="$groups$newline$path" ;;
            esac
            path=${path%/*}
        done
    done
    IFS=' '
done
IFS=$newline
set --
for path in $groups; do
    for part in cgroup.freeze cgroup.events cgroup.procs freezer.state freezer.self_freezing \
        freezer.parent_freezing; do
        [ ! -f "$path/$part" ] || set -- "$@" "$path/$part"
    done
done
IFS=' '
item 1024 freezers
echo "cgroup v2: ${cgroup2:-none}"
echo "cgroup v1 freezer: ${freezer1:-none}"
printf '\n%s files 4096\n' "$mark"
[ $# -eq 0 ] || head -v -c 4096 "$@"

# --- the system --------------------------------------------------------------------------------

printf '\n%s files 8192\n' "$mark"
head -v -c 8192 /proc/version /proc/cmdline /proc/uptime /proc/loadavg /proc/meminfo \
    /proc/sys/kernel/yama/ptrace_scope /sys/kernel/security/lsm /proc/sys/kernel/tainted \
    /proc/sys/kernel/io_uring_disabled /proc/sys/kernel/randomize_va_space

item 4096 "kernel configuration"
release=$(uname -r)
options='^(# )?CONFIG_(CHECKPOINT_RESTORE|NAMESPACES|UTS_NS|IPC_NS|PID_NS|NET_NS|FHANDLE|EVENTFD|EPOLL|UNIX_DIAG|INET_DIAG|INET_UDP_DIAG|PACKET_DIAG|NETLINK_DIAG|NETFILTER_XT_MARK|TUN|INOTIFY_USER|MEM_SOFT_DIRTY|USERFAULTFD|SECURITY_YAMA|CGROUP_FREEZER)[ =]'
if [ -r /proc/config.gz ] && has zcat && has grep; then
    zcat /proc/config.gz | grep -E "$options"
elif [ -r "/boot/config-$release" ] && has grep; then
    grep -E "$options" "/boot/config-$release"
else
    none "kernel configuration" "neither /proc/config.gz nor /boot/config-$release can be read here"
fi

if has criu; then
    item 1024 "criu --version"
    bounded 5 criu --version
    item 8192 "criu check"
    bounded 10 criu check
    echo "exit status $?"
else
    none "criu --version" "there is no criu on the PATH: $PATH"
fi
item 1024 "which"
for program in criu iptables-restore ip6tables-restore iptables nft; do
    echo "$program: $(command -v "$program" || echo none)"
done

# --- CRIU's log and images ---------------------------------------------------------------------

# images_of PID: the images' folder, as CRIU's command line has it.
images_of() {
    o_images='' previous=''
    IFS=$newline
    for word in $(tr '\n\0' '\001\n' <"/proc/$1/cmdline"); do
        case $previous in
        -D | --images-dir) o_images=$word ;;
        esac
        case $word in
        --images-dir=*) o_images=${word#*=} ;;
        esac
        previous=$word
    done
    IFS=' '
}
# Folders as "PLACE NAME" a line; PLACE, without blanks, goes in front of the name.
folders=''
add_folder() {
    case "$folders$newline" in
    *" $2$newline"*) ;;
    *) [ -z "$2" ] || folders="$folders$newline$1 $2" ;;
    esac
}
for this in $crius; do
    images_of "$this"
    # By its own root, or from its own working folder.
    case $o_images in
    /*) add_folder "/proc/$this/root" "$o_images" ;;
    *) add_folder "/proc/$this/cwd/" "$o_images" ;;
    esac
done
add_folder '' "$images"
# Where CRIU has ended already.
set +f
for folder in "$work" "$images" /tmp/criu-checkpoint-*"${container:-?}"*/work; do
    [ -n "$folder" ] || continue
    for file in criu-dump.log dump.log; do
        [ ! -f "$folder/$file" ] || add_log - "$folder/$file"
    done
done
set -f
IFS=$newline
n=0
for line in $logs; do
    [ "$n" -lt 3 ] || break
    n=$((n + 1))
    file=${line%% *} log=${line#* }
    [ "$file" != - ] || file=$log
    # Its beginning names the versions; the errors may be far above the end.
    item 24576 "log $log"
    head -n 12 "$file"
    if has grep; then
        echo '...'
        head -c 8388608 "$file" | grep -nE 'Error |Warn ' | head -n 40
    fi
    echo '...'
    tail -n 60 "$file"
    item 1024 "log state $log"
    stat -L -c "size: %s${newline}modified: %Y" "$file"
    read -r now _ </proc/uptime
    now=${now%%.*}
    # What the caller knows of the time is from before this script.
    echo "now: $(date +%s)${newline}delay: $((${now:-0} - ${began:-0}))"
done
[ "$n" -gt 0 ] || none log "no criu-dump.log or dump.log of this checkpoint was found"
n=0
for line in $folders; do
    [ "$n" -lt 3 ] || break
    n=$((n + 1))
    folder=${line#* } place=${line%% *}${line#* }
    if [ -d "$place" ]; then
        item 8192 "images $folder"
        # shellcheck disable=SC2012 # for people
        ls -l "$place/" | head -n 60
        item 2048 "images state $folder"
        if [ -w "$place" ]; then
            echo 'writable: yes'
        else
            echo 'writable: no'
        fi
        df -k "$place"
        df -i "$place"
    else
        none "images $folder" "there is no such folder"
    fi
done
IFS=' '

tail_item 8192 dmesg
dmesg | tail -n 40
printf '\n%s end\n' "$mark"
