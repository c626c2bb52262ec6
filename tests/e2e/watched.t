#!/usr/bin/env bash
# What watches a checkpoint from inside of the guest is hurt while it does: the checkpoint goes on to
# its end all the same, it is said that nobody watches, and nothing is left.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
use_lab
cd "$scratch" || exit
looks='[f]ind_left_log' # by a word of checkpoint_look.sh

# begin STEP: a run, until its CRIU is there, which is held; its process is $pid.
begin() {
    lab_file /var/tmp/none '' 'container: {image: busybox, client: ctr}' "$1"
    "$kataloop" run >out 2>err </dev/null &
    pid=$!
    ok "a checkpoint has begun" wait_on_host 120 pkill -STOP -x criu
}
go_on() { on_host pkill -CONT -x criu; }
said() { grep -qF -e "$1" out; }
ended() {
    status=0
    wait "$pid" || status=$?
    out=$(<out) err=$(<err)
    exits "$1: the checkpoint goes on to its end" 0
    has "$1: and is measured" "$out" 'the container still runs' "$2"
    ok "$1: no look is left" not on_host pgrep -f "$looks"
    is "$1: no container is left" "$(on_host ctr containers ls -q)" ""
}

begin 'checkpoint: {stall_after: 60s}'
on_host pkill -KILL -f "$looks"
ok "looks that were killed: it is said" wait_for 20 said \
    'the checkpoint is not watched any further: the looks at CRIU have ended'
go_on
ended "looks that were killed" 'on the host'

begin 'checkpoint: {stall_after: 60s, follow: true}'
on_host pkill -STOP -f "$looks"
ok "looks that stand still: it is said" wait_for 60 said \
    'the checkpoint is not watched any further: the guest has not answered for a while'
go_on
ended "looks that stand still" 'on the host'

# Their last look is taken anew, and has the place of CRIU's figures.
begin 'checkpoint: {stall_after: 60s}'
on_host pkill -STOP -f "$looks"
go_on
ended "looks that do not see the end" 'memdump'
ok "and nothing is said of it" not said 'not watched'
