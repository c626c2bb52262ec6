# criu_dump ID FOLDER LOG PROCESS MOUNTS OPTION…: CRIU by hand, as a person in the guest starts it. Dumps
# the eldest process that has PROCESS in its command line, or where that is empty the first process of
# container ID. MOUNTS, with blanks between them, are not dumped. Images, work folder and log go into
# FOLDER, which is there.
#
# Prints "target PID", and at the end "wall NANOSECONDS", "bytes SIZE-OF-THE-IMAGES" and "running yes|no".
# On failure the end of the log goes to standard error, and the exit status is CRIU's.
id=$1 folder=$2 log=$3 process=$4 mounts=$5
shift 5

# By the forms of a container's group: the id, or what systemd makes of it; not a longer name.
in_container() {
    while read -r line; do
        case $line in
        *[/:]"$id" | *[/:]"$id"/* | *[-/:]"$id".scope*) return 0 ;;
        esac
    done 2>/dev/null <"/proc/$1/cgroup"
    return 1
}
parent_of() {
    while read -r word value _; do
        [ "$word" != PPid: ] || { echo "$value" && return; }
    done 2>/dev/null <"/proc/$1/status"
}
first_of_container() {
    for entry in /proc/[0-9]*; do
        pid=${entry#/proc/}
        in_container "$pid" || continue
        in_container "$(parent_of "$pid")" || { echo "$pid" && return; }
    done
}
eldest_with() {
    eldest=''
    for entry in /proc/[0-9]*; do
        pid=${entry#/proc/}
        # This script and what it starts have the words in their command lines too.
        line=$(tr '\000' ' ' 2>/dev/null <"$entry/cmdline")
        case $line in
        *'criu_dump kataloop'*) continue ;;
        *"$1"*) [ -n "$eldest" ] && [ "$eldest" -lt "$pid" ] || eldest=$pid ;;
        esac
    done
    echo "$eldest"
}
# Nanoseconds, to a hundredth of a second where `date` knows no better.
now() {
    stamp=$(date +%s%N)
    case $stamp in
    *[!0-9]*) read -r up _ </proc/uptime && echo "${up%.*}${up#*.}0000000" ;;
    *) echo "$stamp" ;;
    esac
}

if [ -n "$process" ]; then
    target=$(eldest_with "$process")
    [ -n "$target" ] || { echo "no process has \`$process\` in its command line" >&2 && exit 1; }
else
    target=$(first_of_container)
    [ -n "$target" ] || { echo "no process of container $id is there" >&2 && exit 1; }
fi
command -v criu >/dev/null || { echo "criu: not found" >&2 && exit 127; }
echo "target $target"
mkdir "$folder/images" "$folder/work" || exit
set -- dump -v4 --tree "$target" --images-dir "$folder/images" --work-dir "$folder/work" \
    --log-file "$log" "$@"
for mount in $mounts; do
    set -- "$@" --skip-mnt "$mount"
done
begun=$(now)
criu "$@"
status=$?
ended=$(now)
if [ "$status" -ne 0 ]; then
    tail -n 30 "$folder/work/$log" >&2
    exit "$status"
fi
echo "wall $((ended - begun))"
bytes=0
for file in "$folder"/images/*; do
    size=$(wc -c <"$file") && bytes=$((bytes + size))
done
echo "bytes $bytes"
if kill -0 "$target" 2>/dev/null; then echo 'running yes'; else echo 'running no'; fi
