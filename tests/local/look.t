#!/usr/bin/env bash
# checkpoint_look.sh, which stays in the guest while a checkpoint runs: what it takes for the
# container's CRIU, and that nothing of its log is lost; and criu_held.sh, which holds that CRIU.
. "$(dirname "$0")/../e2e/lib.sh"
look=$top/orchestrator/steps/checkpoint_look.sh
id=$(printf '%064d' "$$")
own_loader=$(ldd "$(command -v bash)" | awk '$1 ~ "/ld" { print $1 }')
for shell in dash 'busybox ash' 'bash --posix'; do
    command -v "${shell%% *}" >/dev/null && shells+=("$shell")
done
ok "there is a shell to try" test "${#shells[@]}" -ge 2

# What is named criu is taken for one: a shell that writes a log, and one that it has started. A pipe that
# says nothing is no log, whatever it is called.
mkfifo "$scratch/pipe.log"
cat >"$scratch/odd" <<'SH'
printf 'x /*/*/*\nx' >"/proc/$$/comm"
echo >"$1"
exec 3<>"$2"
read -r _ <&3
SH
cp "$(command -v bash)" "$scratch/criu"
mkdir "$scratch/started"
cp "$(command -v sleep)" "$scratch/started/criu"
start_criu() { # ARGUMENT…
    mkfifo "$scratch/go"
    # shellcheck disable=SC2016,SC2086 # for that shell; nothing, or a loader
    ${loader:-} "$scratch/criu" -c '"$2" 100 & disown; exec 3<>"${0%/*}/pipe.log" 5>>"$0"; echo first >&5
        while read -r line; do echo "$line" >&5; done <"$1"; kill "$!"' \
        "$scratch/dump.log" "$scratch/go" "$scratch/started/criu" "$@" &
    criu=$!
    exec 4>"$scratch/go"
    await test -s "$scratch/dump.log"
}
end_criu() {
    exec 4>&-
    wait "$criu"
    rm -f "$scratch/dump.log" "$scratch/go"
}
await() { # a minute at least: looks have the lowest priority, and this machine may have much to do
    for ((i = 0; i < 6000; i++)); do
        ! "$@" 2>/dev/null || return 0
        sleep 0.01
    done
    return 1
}
# The log's bytes of what was said.
log_said() {
    python3 -c '
import sys
said = sys.stdin.buffer
for line in said:
    word, _, rest = line.partition(b" ")
    if word == b"data":
        sys.stdout.buffer.write(said.read(int(rest)))
    elif word not in (b"criu", b"log"):
        sys.exit(f"no record: {line}")'
}
# In a group of their own, all of which is told, as the guest's console does it.
begin_looks() { # [FILTER]
    rm -f "$scratch/said" # of the looks before: what is waited for below is not theirs
    set -m
    "${sh[@]}" "$look" "$id" 100 "$@" >"$scratch/said" 2>/dev/null &
    looks=$!
    set +m
    await said 'data '
}
end_looks() {
    kill -- "-$looks"
    status=0
    wait "$looks" || status=$?
    is "$name: TERM ends them" "$status" 0
}
is_stopped() { grep -q '^State:.T' "/proc/$1/status"; }
said() { grep -qF -e "$1" "$scratch/said"; }

# A process in a cgroup of the container's name.
target='' group=''
for tree in /sys/fs/cgroup /sys/fs/cgroup/freezer; do
    if [ -z "$target" ] && [ -w "$tree/cgroup.procs" ] && mkdir "$tree/$id" 2>/dev/null; then
        group=$tree/$id
        sleep 1000 &
        target=$!
        echo "$target" >"$group/cgroup.procs" || exit
    fi
done
[ -n "$target" ] || skip "the container's is found by its cgroup" "no cgroup can be made here"

for shell in "${shells[@]}"; do
    # shellcheck disable=SC2206 # words
    sh=($shell)
    name=${sh[0]}
    run "${sh[@]}" "$look" "$id" 0
    is "$name: without a CRIU nothing is said of one" "$out" "criu 0
data 0"

    # What a dump has left, in a folder of root's; not where somebody's link leads.
    mkdir -p "$scratch/left/work"
    echo x >"$scratch/left/work/criu-dump.log"
    hold_tmp
    ln -s "$scratch/left" "/tmp/criu-checkpoint-$id"
    run "${sh[@]}" "$look" "$id" 0
    is "$name: a link in /tmp is not followed" "$out" "criu 0
data 0"
    rm "/tmp/criu-checkpoint-$id"
    mv "$scratch/left" "/tmp/criu-checkpoint-$id"
    run "${sh[@]}" "$look" "$id" 0
    rm -r "/tmp/criu-checkpoint-$id"
    free_tmp
    is "$name: the log that a dump has left is found" "$out" "criu 0
log 0 /tmp/criu-checkpoint-$id/work/criu-dump.log
data 0"

    start_criu --of another
    run "${sh[@]}" "$look" "$id" 0
    is "$name: nor with one of somebody else" "$out" "criu 0
data 0"
    end_criu

    mkdir "$scratch/no-process"
    mkfifo "$scratch/no-process/cgroup"
    start_criu --tree "..$scratch/no-process"
    run timeout -s KILL 10 "${sh[@]}" "$look" "$id" 0
    is "$name: nor with one that dumps what is no process" "$out" "criu 0
data 0"
    end_criu
    rm -r "$scratch/no-process"

    # A process names itself as it likes: one with a line break is no CRIU, nor keeps others from being seen.
    start_criu --of another
    dash -c 'printf "criu\nx" >"/proc/$$/comm"; echo >"$1"; exec 3<"$2"; read -r _ <&3' \
        "/tmp/$id" "$scratch/up" "$scratch/pipe.log" &
    odd=$!
    await test -s "$scratch/up"
    run "${sh[@]}" "$look" "$id" 0
    is "$name: nor with one that only looks like one" "$out" "criu 0
data 0"
    kill "$odd"
    rm "$scratch/up"
    end_criu

    # Nor is a name taken for a pattern: here that of what a CRIU has started.
    dash -c 'printf criu >"/proc/$$/comm"; dash "$1" "$2" "$3"; :' \
        "/tmp/$id" "$scratch/odd" "$scratch/up" "$scratch/pipe.log" 2>/dev/null &
    odd=$!
    await test -s "$scratch/up"
    run "${sh[@]}" "$look" "$id" 0
    has "$name: nor does a name that is a pattern end the look" "$out" "criu " " $odd" "data 0"
    kill "$(pgrep -P "$odd")"
    wait "$odd"
    rm "$scratch/up"

    # By the process that it dumps, where a cgroup can be made here.
    for tree in "--tree $target" "--tree=$target" "-t$target"; do
        [ -n "$target" ] || break
        # shellcheck disable=SC2086 # words
        start_criu $tree
        run "${sh[@]}" "$look" "$id" 0
        has "$name: the container's is found by $tree" "$out" " $criu "
        end_criu
    done

    loader=$own_loader
    start_criu dump --tree 1 --images "/tmp/$id/images"
    run "${sh[@]}" "$look" "$id" 0
    loader=''
    has "$name: one that brings its own loader is found too" "$out" " $criu "
    end_criu

    start_criu --tree 1 --images "/tmp/$id/images"
    run "${sh[@]}" "$look" "$id" 0
    ok "$name: the container's is found, and one look reads nothing" \
        test_has "$out" "criu " " $criu $(pgrep -P "$criu")" "log 0 $scratch/dump.log" "data 0"

    begin_looks
    ok "$name: the looks begin at once" await said 'data 6'
    printf '%s\n' 'b\0r%s' >&4
    ok "$name: what is added comes with the next" await said 'b\0r%s'
    head -c 200000 /dev/zero | tr '\0' x >&4
    echo >&4
    echo 'the end' >&4
    await grep -q 'the end' "$scratch/dump.log"
    end_looks
    ok "$name: with all that the log has by then" said 'the end'
    log_said <"$scratch/said" >"$scratch/got"
    ok "$name: nothing is lost and nothing comes twice" cmp "$scratch/got" "$scratch/dump.log"
    printf '%s\n' one two three >&4
    await grep -q three "$scratch/dump.log"
    begin_looks '/^tw/p
$p'
    end_looks
    has "$name: with a filter, what it leaves is said, and how much was read" "$(<"$scratch/said")" \
        "log $(stat -c %s "$scratch/dump.log") " 'data 10' "two
three"
    end_criu

    # A TERM that comes with the hold itself: this shell is among those that are held.
    sleep 1000 &
    held=$!
    "${sh[@]}" "$top/orchestrator/steps/criu_held.sh" "$id" \
        "echo criu 0 \$(cat '$scratch/pids' 2>/dev/null)" 'exit 1' &
    holder=$!
    echo "$held $holder" >"$scratch/pids.new"
    mv "$scratch/pids.new" "$scratch/pids"
    ok "$name: what is to be held is" await is_stopped "$holder"
    kill "$holder"
    kill -CONT "$holder"
    status=0
    wait "$holder" || status=$?
    is "$name: TERM ends the one who holds it" "$status" 143
    ok "$name: and lets it go" not is_stopped "$held"
    kill -KILL "$held"
    wait "$held" 2>/dev/null
    rm "$scratch/pids"
done

sh=("${shells[0]}")
start_criu "/tmp/$id"
truncate -s 800M "$scratch/dump.log"
most=$(python3 - "${sh[@]}" "$look" "$id" 100 '$p' <<'PY'
import resource, subprocess, sys
looks = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
for line in looks.stdout:
    if line.startswith(b"data "):
        break
looks.terminate()
looks.communicate()
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
PY
)
ok "a log without a line's end does not fill the memory ($most KiB)" test "$most" -lt 530000
end_criu

dash -c 'printf "nerdctl /*/*\nx" >"/proc/$$/comm"; echo >"$1"; exec 3<"$2"; read -r _ <&3' \
    dash "$scratch/up" "$scratch/pipe.log" &
odd=$!
await test -s "$scratch/up"
run sh "$top/orchestrator/steps/checkpoint_host.sh"
ok "what moves on the host is told, whatever a process there is called" grep -qx '[0-9][0-9]*' <<<"$out"
kill "$odd"

if [ -n "$target" ]; then
    kill "$target"
    wait "$target"
    ok "the cgroup of this test is gone" rmdir "$group"
fi
