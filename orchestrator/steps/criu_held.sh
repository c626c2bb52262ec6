# criu_held ID LOOK EVIDENCE ARG…: wait for the CRIU of a container's checkpoint, hold it (SIGSTOP), take
# the evidence, and let it go on. LOOK and EVIDENCE are checkpoint_look.sh and evidence.sh, ARG… is for
# the latter. CRIU is done in a second where nothing hangs, and evidence takes half of one: held at its
# start, both ways of starting it are seen at the same point.
id=$1 look=$2 evidence=$3
shift 3
held=''
# shellcheck disable=SC2086 # the ids of processes are words
let_go() {
    [ -z "$held" ] || kill -CONT $held 2>/dev/null
    held=''
}
trap 'let_go; exit 143' HUP INT TERM
while [ -z "$held" ]; do
    # Its first line is "criu TICKS PID…". They are known as held before they are: TERM may come between.
    read -r _ _ held <<LOOK
$(sh -c "$look" sh "$id" 0)
LOOK
    # shellcheck disable=SC2086 # as above
    [ -z "$held" ] || kill -STOP $held 2>/dev/null || let_go
done
sh -c "$evidence" kataloop "$@"
status=$?
let_go
exit "$status"
