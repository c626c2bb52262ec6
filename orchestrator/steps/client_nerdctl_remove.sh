# client_nerdctl_remove NAMESPACE NAME: stop and remove a container of nerdctl, with the process that
# writes its log. That one waits for ever where the container's task never came to be, as when its shim
# died while it started (nerdctl's issue 5006). containerd names the container in its environment; which
# one has that name, nerdctl keeps in its data folder, the third word of that process's command line. Only
# processes of our own user are asked: others may call themselves that too.
space=$1 name=$2
of_container() { grep -qzxF "CONTAINER_ID=$2" "$1/environ" 2>/dev/null; }
loggers=''
for cmdline in $(grep -lzxF _NERDCTL_INTERNAL_LOGGING /proc/[0-9]*/cmdline 2>/dev/null); do
    process=${cmdline%/cmdline}
    [ -O "$process" ] || continue
    data=$(tr '\0' '\n' <"$cmdline" | sed -n 3p)
    id=$(cat "$data/names/$space/$name")
    [ -n "$id" ] && of_container "$process" "$id" && loggers="$loggers $process:$id"
done 2>/dev/null
nerdctl --namespace "$space" rm --force --volumes "$name"
status=$?
for logger in $loggers; do
    process=${logger%:*}
    of_container "$process" "${logger#*:}" && kill "${process#/proc/}" 2>/dev/null
done
exit "$status"
