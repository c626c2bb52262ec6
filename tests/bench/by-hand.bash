# shellcheck shell=bash
# A round by hand, line by line as the page has it that kataloop replaces, and the same by
# `kataloop run`; both with the parts that are no work of theirs told apart. Sourced.
# shellcheck disable=SC2034,SC2154
WS=$LAB_WORKSPACE
IMG=$LAB_IMAGE
edited=src/agent/rustjail/src/container.rs

prepare_rounds() {
    time_clients
    project "$scratch/project"
    cat >>kataloop.yaml <<'YAML'
  by-ctr:
    host: lab
    steps:
      - recipe: full-loop
        repeat: 2
        with: {stall_after: 40s, client: ctr}
YAML
    edit_agent
    # Neither side's first round counts: guestimg is sent, guestfish is read from the disk, the emulated
    # machine has to warm up.
    samples=/dev/null
    for variant in "${variants[@]}"; do
        round=0 measure_round "$variant"
    done
    samples=$results/$name.tsv
}

# Both sides run the same nerdctl; how long its own work takes is written down on the lab.
clients=/run/bench-clients
time_clients() {
    on_host sh -c 'cat >/usr/local/sbin/nerdctl && chmod 0755 /usr/local/sbin/nerdctl' <<SH
#!/bin/bash
start=\$EPOCHREALTIME
/usr/local/bin/nerdctl "\$@"
status=\$?
case " \$* " in *" run "* | *" checkpoint "* | *" rm "*) echo "\$start \$EPOCHREALTIME" >>$clients ;; esac
exit \$status
SH
}
clients_time() {
    on_host awk '{ sum += $2 - $1 } END { printf "%.6f\n", sum }' "$clients"
}

# An edit that neither the compiler nor the linker leaves out: each gives another agent.
edit_agent() {
    edits=$((${edits:-0} + 1))
    sed "s|fs::create_dir_all(&self.work_dir)?;|&\n        std::hint::black_box(\"edit $EPOCHSECONDS-$edits\");|" \
        "$LAB_SOURCE/$edited" >"$edited"
    ! cmp -s "$LAB_SOURCE/$edited" "$edited"
}

# stage NAME COMMAND…: adds the seconds to $spent[NAME].
declare -A spent
stage() {
    local stage=$1
    shift
    timed "$@"
    cat "$scratch/said" >>"$scratch/log"
    spent[$stage]=$(minus "$took" "-${spent[$stage]:-0}")
}

by_hand() {
    # The last round's checkpoints would be in the way.
    on_host sh -c 'rm -rf /var/lib/nerdctl/checkpoints/*'
    began
    stage sync rsync -avz -e "ssh -F $LAB_SSH_CONFIG" "$edited" "kata-lab:$WS/$edited"
    stage build "${on_lab[@]}" "cd $WS/src/agent && ~/.cargo/bin/cargo build --release 2>&1 | tail -5"
    stage inject "${on_lab[@]}" "sudo guestfish -a $IMG -i upload $WS/src/agent/target/release/kata-agent /usr/bin/kata-agent : chmod 0755 /usr/bin/kata-agent"
    stage restart "${on_lab[@]}" "sudo systemctl restart containerd && sleep 8"
    checkpoint_by_hand TEST-CHECKPOINT
    checkpoint_by_hand TIMED-CHECKPOINT time
    spent[whole]=$(minus "$EPOCHREALTIME" "$start")
}

checkpoint_by_hand() {
    # shellcheck disable=SC2016 # for root's shell there
    stage checkpoint "${on_lab[@]}" 'all=$(sudo nerdctl ps -aq); [ -z "$all" ] || sudo nerdctl rm -f $all'
    stage checkpoint "${on_lab[@]}" "sudo nerdctl run -d --name test-checkpoint --runtime io.containerd.kata.v2 busybox sleep 3600"
    stage checkpoint "${on_lab[@]}" "sleep 6"
    stage checkpoint "${on_lab[@]}" "${2:-} sudo nerdctl checkpoint create test-checkpoint $1"
}

# by_kataloop WORKFLOW
by_kataloop() {
    began
    stage whole "$bench" peak "$scratch/peak" "$kataloop" run --json "$1"
    spent[inject]=$(python3 "$here/step_time.py" inject <"$scratch/said")
}

began() {
    spent=()
    : >"$scratch/log"
    since=$(on_host sh -c ": >$clients; date +%s.%N")
    start=$EPOCHREALTIME
}

# What cargo says it took ("… target(s) in 1m 02s"); nothing where it had nothing to do.
compiler_time() {
    sed -nE 's/.*target\(s\) in (([0-9]+)m )?([0-9.]+)s.*/\2 \3/p' "$scratch/log" | tail -n 1 |
        awk 'NF > 1 { $1 *= 60 } { print $1 + $2 }'
}

# From the agent's start of CRIU to its answer, by its own journal.
criu_time() {
    on_host journalctl -u 'kata-agent*' -o short-unix --no-pager --since "@$since" |
        awk '/checkpoint of process/ { from = $1 } /kata-agent: criu:/ { sum += $1 - from }
            END { printf "%.6f\n", sum }'
}

measure_round() {
    case $1 in
    "by hand") by_hand ;;
    *", ctr") by_kataloop by-ctr ;;
    *) by_kataloop loop ;;
    esac
    local compiler criu alike
    compiler=$(compiler_time) criu=$(criu_time)
    alike=$(minus "$(clients_time)" "-${compiler:-0}")
    sample whole "${spent[whole]}"
    sample overhead "$(minus "${spent[whole]}" "${compiler:-0}" "$criu")"
    sample rest "$(minus "${spent[whole]}" "${spent[inject]}")"
    sample rest_overhead "$(minus "${spent[whole]}" "${spent[inject]}" "${compiler:-0}" "$criu")"
    sample alike "$alike"
    sample own "$(minus "${spent[whole]}" "${spent[inject]}" "$alike")"
    [ "$1" = "by hand" ] || sample memory "$(awk '{ print $1 / 1000 }' "$scratch/peak")"
}
