# checkpoint_host: what moves on the host while no CRIU does: the time, in ticks, that containerd, its
# shims, its clients and the guests' file servers have computed, and that containerd's control group has
# waited for disks (a checkpoint's images are written and synced), where the kernel counts that.
ticks=0
for folder in /proc/[0-9]*; do
    set -f # a name may have a pattern in it
    read -r stat 2>/dev/null <"$folder/stat" || continue
    name=${stat#*(}
    case $name in
    containerd\)*)
        group=''
        read -r group 2>/dev/null <"$folder/cgroup"
        # "some avg10=… avg60=… avg300=… total=MICROSECONDS"
        if read -r _ _ _ _ waited 2>/dev/null <"/sys/fs/cgroup${group#0::}/io.pressure"; then
            ticks=$((ticks + ${waited#total=} / 10000))
        fi
        ;;
    containerd* | nerdctl* | ctr\)* | runc* | virtiofsd*) ;;
    *) continue ;;
    esac
    # shellcheck disable=SC2086 # the fields behind the name, which may have a line break in it
    set -- ${stat##*) }
    [ $# -gt 13 ] || continue
    shift 11
    ticks=$((ticks + $1 + $2))
done
echo "$ticks"
