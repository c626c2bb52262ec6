#!/bin/sh
# The guest's side of the evidence: what CRIU, its parents and its target look like right now. Reads,
# changes nothing but its own name, and needs no more than a POSIX shell with busybox or coreutils. (`criu
# check` loads kernel modules: it is asked only where a CRIU has run, which has loaded them.) Started as
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
# Starting a process costs far more than all else here, so files of one kind are read by one program
# for all processes at once, and what it prints is taken apart by the shell.
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
# bounded SECONDS COMMAND…: both outputs of it, no longer than that where there is a `timeout` that is
# told so (busybox before 1.30 has another).
if timeout 5 true; then
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

# The lower number first: a container's init comes before what it started.
stats='' cgroups='' some=/proc/
for _ in 1 2 3 4 5 6 7; do
    some="${some}[0-9]"
    stats="$stats $some/stat" cgroups="$cgroups $some/cgroup"
done
set +f
# shellcheck disable=SC2086
scan=$(head -v -c 1024 $stats $cgroups)
set -f
targets='' crius='' agents='' parents='' tracers='' children='' all=''
n_targets=0 n_crius=0 n_agents=0 n_loaders=0 init='' loaders=''
# add_target PID: bounds what a fork bomb in the container can make of this, and counts all.
add_target() {
    ! is_target "$1" || return 0
    eval "target_$1=yes"
    n_targets=$((n_targets + 1))
    [ "$n_targets" -gt 16 ] || targets="$targets $1"
}
add_criu() {
    n_crius=$((n_crius + 1))
    [ "$n_crius" -gt 8 ] || crius="$crius $1"
}
is_target() { eval "[ -n \"\${target_$1:-}\" ]"; }
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
            criu*) add_criu "$this" ;;
            ld-* | ld.so* | ld64.so*)
                n_loaders=$((n_loaders + 1))
                [ "$n_loaders" -gt 8 ] || loaders="$loaders $this"
                ;;
            kata-agent*)
                n_agents=$((n_agents + 1))
                [ "$n_agents" -gt 4 ] || agents="$agents $this"
                ;;
            init) [ "$this" -gt 1 ] || init=init ;;
            esac
            [ "$pid" != "$this" ] || add_target "$this"
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
                *) add_target "$this" ;;
                esac
                ;;
            esac
            ;;
        esac
        ;;
    esac
done
IFS=' '
# A CRIU that brings its own C library along has the name of that one's loader.
for this in $loaders; do
    case $(head -c 4096 "/proc/$this/cmdline" | tr '\0' ' ') in
    *criu*' dump '* | *criu*' pre-dump '* | *criu*' swrk '* | *criu*' restore '*) add_criu "$this" ;;
    esac
done
# Where Kata's agent is init, it has that name.
read -r parameters </proc/cmdline
case $init" $parameters" in init*' agent.'*) agents=${agents:- 1} ;; esac
# Below the process that was asked for; a child can have a smaller number than its parent.
if [ -n "$pid" ]; then
    for _ in 1 2 3; do
        for this in $all; do
            eval "ppid=\$ppid_$this"
            ! is_target "$ppid" || add_target "$this"
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
    in_list "$agents$crius" "$ppid" || continue
    if in_list "$crius$parents" "$this" || is_target "$this"; then
        continue
    fi
    add children "$this"
done

# first N LIST-NAME LIST: leaves no more than that in it.
first() {
    max=$1 kept='' n=0
    for this in $3; do
        [ "$n" -lt "$max" ] || break
        kept="$kept $this" n=$((n + 1))
    done
    eval "$2=\$kept"
}
first 16 parents "$parents"
first 8 children "$children"

# --- their files -------------------------------------------------------------------------------

files='' tasks='' threaded=''
for this in $targets $crius $agents $parents; do
    add threaded "$this"
done
set +f
for this in $threaded; do
    n=0
    for task in /proc/"$this"/task/[0-9]*; do
        [ "$n" -lt 16 ] || break
        n=$((n + 1))
        [ "${task##*/}" = "$this" ] || tasks="$tasks $task"
    done
done
set -f
# Of a thread of the target that another process traces, its tracer is wanted too. Words end with
# blanks: at a line break the shell does not split here.
read_tracers() {
    # shellcheck disable=SC2086,SC2046
    set -- $(for this in $targets; do printf '%s ' "/proc/$this/status"; done) \
        $(for task in $tasks; do printf '%s ' "$task/status"; done)
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
first 8 tracers "$tracers"

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

# hide ENTRY: puts in $shown what may be shown of an argument or a variable. Hidden is the value of a name
# that may be a secret's, and one that has such a name, a header or a key in it; an option of such a
# name without a value sets $hide_next.
hide() {
    shown=$1 name=${1%%=*} hidden=''
    case $name in
    *[Tt][Oo][Kk][Ee][Nn]* | *[Ss][Ee][Cc][Rr][Ee][Tt]* | *[Pp][Aa][Ss][Ss]* | *_[Pp][Ww] | \
        *[Pp][Ww][Dd]?* | *[!Dd][Pp][Ww][Dd] | *[Kk][Ee][Yy]* | *[Cc][Rr][Ee][Dd]* | *_[Pp][Aa][Tt] | \
        *[Aa][Uu][Tt][Hh]* | *[Bb][Ee][Aa][Rr][Ee][Rr]* | *[Jj][Ww][Tt]* | *[Cc][Oo][Oo][Kk][Ii][Ee]* | \
        *[Ss][Ii][Gg][Nn][Aa][Tt]* | *[Pp][Rr][Ii][Vv]*)
        case $1 in
        *=*) hidden=1 ;;
        -*) hide_next=1 ;;
        esac
        ;;
    esac
    case ${1#*=} in
    *[Tt][Oo][Kk][Ee][Nn][=:\"\'\ ]* | *[Ss][Ee][Cc][Rr][Ee][Tt][=:\"\'\ ]* | \
        *[Pp][Aa][Ss][Ss][=:\"\'\ ]* | *[Pp][Aa][Ss][Ss][Ww][Oo][Rr][Dd][=:\"\'\ ]* | \
        *[Pp][Aa][Ss][Ss][Ww][Dd][=:\"\'\ ]* | *[Pp][Ww][Dd][=:\"\'\ ]* | \
        *[Kk][Ee][Yy][=:\"\'\ ]* | *[Kk][Ee][Yy]-----* | *[Cc][Oo][Oo][Kk][Ii][Ee][=:\"\'\ ]* | \
        *[Aa][Uu][Tt][Hh][Oo][Rr][Ii][Zz]*[=:\"\'\ ]* | *[Bb][Ee][Aa][Rr][Ee][Rr]\ * | \
        *:*@tcp\(* | *:*@unix\(*) hidden=1 ;;
    esac
    case $hidden:$1 in
    1:*=*)
        case $name in
        *[!A-Za-z0-9_.-]*) shown='<redacted>' ;;
        *) shown="$name=<redacted>" ;;
        esac
        ;;
    1:*) shown='<redacted>' ;;
    # An address with a user, maybe with a password, in it.
    *://*@*) shown="${1%%://*}://<redacted>@${1##*@}" ;;
    esac
}
# put_entry ENTRY: of $file, which may be CRIU's command line: that says where the images are.
put_entry() {
    case $previous in
    -D | --images-dir) o_images=$1 ;;
    esac
    case $1 in
    --images-dir=*) o_images=${1#*=} ;;
    esac
    previous=$1
    if [ -n "$hide_next" ]; then
        hide_next='' shown='<redacted>'
    else
        hide "$1"
    fi
    printf '%s\n' "$shown"
}
begin_entries() {
    file=$1 previous='' hide_next='' o_images=''
    item 8192 "$file"
}
# Folders as "PLACE NAME" a line; PLACE, without blanks, goes in front of the name.
folders=''
add_folder() {
    case "$folders$newline" in
    *" $2$newline"*) ;;
    *) [ -z "$2" ] || folders="$folders$newline$1 $2" ;;
    esac
}
end_entries() {
    case $file in */cmdline) this=${file#/proc/} this=${this%/cmdline} ;; *) return ;; esac
    in_list "$crius" "$this" || return
    # By its own root, or from its own working folder.
    case $o_images in
    /*) add_folder "/proc/$this/root" "$o_images" ;;
    *) add_folder "/proc/$this/cwd/" "$o_images" ;;
    esac
}
# Behind each file stands a word that nobody can guess (not MARK: that is on command lines). This
# process takes it for its name, so that one program reads it with the files; where /proc cannot be
# written, there is a program for each file.
seam=/proc/$$/comm between=%${mark#?}
printf '%s' "$between" >"$seam"
read -r name <"$seam"
case $name in %*) between=$name ;; *) seam='' ;; esac
read_files() {
    if [ "$seam" ]; then
        sources=''
        for file; do sources="$sources$file$newline$seam$newline"; done
        # shellcheck disable=SC2086
        head -q -c 16384 $sources
    else
        for file; do
            head -c 16384 "$file"
            printf '%s\n' "$between"
        done
    fi
}
# entries FILE…: what ends with NUL, one a line; a newline inside of one becomes byte 1 and so stays
# with it.
entries() {
    IFS=$newline
    begin_entries "$1"
    for entry in $(read_files "$@" | tr '\n\0' '\001\n'); do
        while [ $# -gt 0 ] && [ "$entry" != "${entry#*"$between"?}" ]; do
            # The file was cut within an entry: half a secret has no name to know it by.
            [ -z "${entry%%"$between"?*}" ] || echo ...
            entry=${entry#*"$between"?}
            end_entries
            shift
            [ $# -eq 0 ] || begin_entries "$1"
        done
        [ -z "$entry" ] || put_entry "$entry"
    done
    IFS=' '
}
# is_written PID FD: is it a file, open for writing? A pipe may say nothing, and a device have no end.
is_written() {
    [ -f "/proc/$1/fd/$2" ] || return
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
# add_open_log PID, and "… 3 -> /path/criu-dump.log" of its descriptors: what CRIU writes, not what else
# may have that path here. Anybody can call a process criu.
add_open_log() {
    fd=${2%%' -> /'*}
    fd=${fd##* }
    case $2 in
    *' -> /'*.log) ! is_written "$1" "$fd" || add_log "/proc/$1/fd/$fd" "/${2#*' -> /'}" ;;
    esac
}
words='' fds='' links=''
for this in $chosen; do
    words="$words /proc/$this/cmdline"
    in_list "$children" "$this" && continue
    words="$words /proc/$this/environ"
    fds="$fds /proc/$this/fd"
    links="$links $this/ns/* $this/exe $this/cwd $this/root"
done
# shellcheck disable=SC2086
entries $words
# A line for each link, whatever it holds; busybox sees to that by itself.
quiet=-q
ls -dq / >/dev/null || quiet=''
# shellcheck disable=SC2086
links=$(cd /proc && set +f && ls -ld $quiet $links)
# A heading for each folder, also where there is but one. Some have a million descriptors.
# shellcheck disable=SC2012,SC2086
fds=$(ls -lR $quiet $fds | head -c 2097152)
IFS=$newline
for line in $fds; do
    case $line in
    /proc/*/fd:)
        file=${line%:} n=0
        this=${file#/proc/}
        this=${this%/fd}
        item 8192 "$file"
        continue
        ;;
    esac
    n=$((n + 1))
    [ "$n" -gt 256 ] || printf '%s\n' "$line"
    ! in_list "$crius" "$this" || add_open_log "$this" "$line"
done
this=''
for line in $links; do
    name=${line%%' -> '*}
    name=${name##* }
    if [ "${name%%/*}" != "$this" ]; then
        this=${name%%/*}
        item 4096 "/proc/$this/ns"
    fi
    printf '%s%s\n' "${line%%"$name"*}" "${line#*"$this"/}"
done
IFS=' '

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
groups='' n=0
for this in $targets $crius $agents; do
    while read -r line; do
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
            *)
                n=$((n + 1))
                [ "$n" -gt 64 ] || groups="$groups$newline$path"
                ;;
            esac
            path=${path%/*}
        done
    done <"/proc/$this/cgroup"
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
head -v -c 8192 /proc/version /proc/uptime /proc/loadavg /proc/meminfo \
    /proc/sys/kernel/yama/ptrace_scope /sys/kernel/security/lsm /proc/sys/kernel/tainted \
    /proc/sys/kernel/io_uring_disabled /proc/sys/kernel/randomize_va_space \
    /etc/criu/default.conf /etc/criu/runc.conf /root/.criu/default.conf

item 8192 /proc/cmdline
for word in $parameters; do
    hide "$word"
    printf '%s\n' "$shown"
done

item 4096 "kernel configuration"
read -r release </proc/sys/kernel/osrelease
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
else
    none "criu --version" "there is no criu on the PATH: $PATH"
fi
item 1024 "which"
for program in criu iptables-restore ip6tables-restore iptables nft; do
    printf '%s: ' "$program"
    command -v "$program" || echo none
done

tail_item 8192 dmesg
dmesg | tail -n 40

# --- CRIU's log and images ---------------------------------------------------------------------

add_folder '' "$images"
# Where CRIU has ended already.
for folder in "$work" "$images"; do
    for file in "$folder/criu-dump.log" "$folder/dump.log"; do
        [ -z "$folder" ] || [ ! -f "$file" ] || add_log - "$file"
    done
done
# Of several checkpoints the youngest first; a folder that is somebody else's, or a link in /tmp, may lead
# anywhere.
set +f
IFS=$newline
# shellcheck disable=SC2045 # what agents call their folders has no line breaks
for file in $(ls -t /tmp/criu-checkpoint-*"${container:-?}"*/work/criu-dump.log \
    /tmp/criu-checkpoint-*"${container:-?}"*/work/dump.log); do
    folder=${file%/*/*}
    [ ! -O "$folder" ] || [ -L "$folder" ] || [ ! -f "$file" ] || add_log - "$file"
done
set -f
# It loads the kernel modules that CRIU uses, as every start of CRIU does. One that has run has left a
# log, or what it knows of the kernel.
if ! has criu; then
    :
elif [ -n "$crius$logs" ] || [ -f /run/criu.kdat ]; then
    item 8192 "criu check"
    bounded 10 criu check
    echo "exit status $?"
else
    none "criu check" "it loads kernel modules, and no CRIU is known to have run here before"
fi
n=0
for line in $logs; do
    [ "$n" -lt 5 ] || break
    n=$((n + 1))
    file=${line%% *} log=${line#* }
    [ "$file" != - ] || file=$log
    # Its beginning names the versions; the errors may be far above the end. By bytes: lines are long
    # where mounts are, and nothing may push the end out, nor warnings an error.
    item 24576 "log $log"
    head -c 2048 "$file"
    if has grep; then
        printf '\n...\n'
        head -c 8388608 "$file" | grep -n 'Error ' | head -c 6144
        printf '\n...\n'
        head -c 8388608 "$file" | grep -n 'Warn ' | head -c 2048
    fi
    printf '\n...\n'
    tail -c 12288 "$file"
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
    # What CRIU hangs on may be their file system: then nothing more is asked of it.
    # shellcheck disable=SC2012,SC2086 # for people
    list=$(bounded 5 ls -l $quiet "$place/")
    case $? in
    124 | 137 | 143)
        none "images $folder" "it does not answer: a look at it took more than 5 s"
        continue
        ;;
    esac
    if [ ! -d "$place" ]; then
        none "images $folder" "there is no such folder"
        continue
    fi
    item 8192 "images $folder"
    printf '%s\n' "$list" | head -n 60
    item 2048 "images state $folder"
    # To root busybox says of anything that it can be written. A folder that is not there cannot be
    # removed, but where nothing can be written that is said first.
    writable=no
    [ ! -w "$place" ] || case $(rmdir "$place/$mark" 2>&1) in
    *'ead-only file system'*) ;;
    *) writable=yes ;;
    esac
    echo "writable: $writable"
    # Each row on one line, however long its device's name is.
    df -kP "$place"
    df -iP "$place"
done
IFS=' '

printf '\n%s end\n' "$mark"
