# checkpoint_host: the processor time, in ticks, that containerd, its shims, its clients and the
# guests' file servers have spent: what moves on the host while no CRIU does.
ticks=0
for folder in /proc/[0-9]*; do
    read -r stat 2>/dev/null <"$folder/stat" || continue
    name=${stat#*(}
    case $name in
    containerd* | nerdctl* | ctr\)* | runc* | virtiofsd*) ;;
    *) continue ;;
    esac
    # shellcheck disable=SC2086 # the fields behind the name
    set -- ${stat##*) }
    shift 11
    ticks=$((ticks + $1 + $2))
done
echo "$ticks"
