#!/bin/sh
# The host's side of the evidence: what containerd, the shim and the journal say of a container.
# Started as `sh -c SCRIPT kataloop MARK SPACE ID`; ID may be empty. The stream is evidence.sh's.
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/kata/bin"
mark=$1 space=$2 id=$3
exec 2>/dev/null

has() { command -v "$1" >/dev/null; }
item() { printf '\n%s item %s %s\n' "$mark" "$1" "$2"; }
tail_item() { printf '\n%s tail %s %s\n' "$mark" "$1" "$2"; }
none() { printf '\n%s none 0 %s\n%s\n' "$mark" "$1" "$2"; }
if timeout 5 true; then
    bounded() { timeout "$@" 2>&1; }
else
    bounded() { shift && "$@" 2>&1; }
fi

if has ctr; then
    item 8192 "ctr tasks list"
    bounded 5 ctr --connect-timeout 2s -n "$space" tasks list | while IFS= read -r line; do
        case $line in
        TASK* | *"${id:-TASK}"* | *rror*) printf '%s\n' "$line" ;;
        esac
    done
    if [ -n "$id" ]; then
        item 4096 "ctr containers list"
        bounded 5 ctr --connect-timeout 2s -n "$space" containers list "id==$id"
    fi
else
    none "ctr tasks list" "the host has no ctr"
fi

if has systemctl; then
    item 1024 "systemctl containerd"
    bounded 5 systemctl show containerd -p ActiveState -p SubState -p MainPID -p NRestarts \
        -p ExecMainStartTimestamp
fi

item 4096 versions
uname -a
for program in containerd nerdctl; do
    if has "$program"; then
        printf '%s: ' "$program"
        bounded 5 "$program" --version | head -n 1
    else
        echo "$program: none"
    fi
done
if has kata-runtime; then
    printf 'kata-runtime: '
    bounded 5 kata-runtime --version | head -n 1
else
    echo 'kata-runtime: none'
fi

# Command lines hold secrets, and whole specifications of containers are logged, with their environment.
# By the names of evidence.sh: NAME=VALUE and the like, --NAME VALUE, an address with a user.
hide() {
    names='token|secret|pass|_pw|pwd|key|cred|_pat|auth|bearer|jwt|cookie|signat|priv'
    sed -E 's/([a-z0-9_.-]*('$names')[a-z0-9_.-]*[\\]*"?[:=] *[\\]*"?)((basic|bearer) )?[^" ,;\\]+/\1<redacted>/Ig
        s/( --?[a-z0-9_.-]*('$names')[a-z0-9_.-]*) +[^ ]+/\1 <redacted>/Ig; s,://[^/ "@]*@,://<redacted>@,g'
}

# The processes that stand for the container on the host, and clients that make a checkpoint now.
commands=$(head -v -c 512 /proc/[0-9]*/cmdline | tr '\0' ' ')
# list_processes shims|clients: their command lines.
list_processes() {
    IFS='
'
    set -f
    for line in $commands; do
        case $line in
        '==> /proc/'*) file=${line#==> } && continue ;;
        *"$mark"*) continue ;;
        esac
        case $1:$line in
        shims:*shim*"${id:-no container}"* | shims:*qemu*"${id:-no container}"* | \
            clients:*nerdctl*' checkpoint '* | clients:*ctr*' checkpoint '* | \
            clients:*runc*' checkpoint '* | clients:*crun*' checkpoint '* | \
            clients:*crictl*' checkpoint '*)
            printf '%s: %s\n' "${file%% *}" "$line"
            ;;
        esac
    done
    IFS=' '
}
item 4096 shims
list_processes shims | hide
item 4096 clients
list_processes clients | hide

if has journalctl; then
    tail_item 12288 "journal kata"
    bounded 5 journalctl -q --no-pager -o short-precise --since -15min -n 60 -t kata -t kata-agent | hide
    tail_item 12288 "journal containerd"
    bounded 5 journalctl -q --no-pager -o short-precise --since -15min -n 60 -u containerd | hide
else
    none "journal" "the host has no journalctl"
fi
printf '\n%s end\n' "$mark"
