#!/usr/bin/env bash
# The loop for real: an edit of the agent is synced, built, injected, run, and measured; what did not
# change is not done again.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
use_lab
project "$scratch/project"

# The agent that is in the image, as libguestfs sees it on this machine.
image_sha256() {
    on_host sh -c "zstd -q -c <'$LAB_IMAGE'" | zstd -q -dc --sparse -o "$scratch/image" -f &&
        guestfish_here --ro -a "$scratch/image" run : \
            mount-ro /dev/sda1 / : checksum sha256 /usr/bin/kata-agent
    rm -f "$scratch/image"
}

# The digests that agents said of themselves since $1.
agents_said() {
    on_host journalctl -q -u kata-agent --since "@$1" -o cat --no-pager |
        sed -n 's/^kata-agent .* sha256=\([0-9a-f]*\):.*/\1/p'
}

# --- an edit ---------------------------------------------------------------------------------
sed -i "s/(lab)/(edit $$)/" src/agent/src/main.rs
began=$(on_host date +%s)
run "$kataloop" run
exits "a loop of an edit passes" 0
has "every step is done" "$out" 'sync src/agent/: ' 'build agent: ' 'inject guest: ' \
    'changed, checked and put in place' 'restart containerd: ' 'checkpoint 2/2: ' 'still runs'
has "the build's output is shown" "$out" 'Compiling kata-agent' 'Finished `release` profile'
has "the samples are a table" "$out" 'full-loop: checkpoint, 2 samples' 'wall' 'median' 'p95' \
    'image_bytes' 'still_running'

injected=$(sed -n 's/.*kata-agent sha256 \([0-9a-f]*\)$/\1/p' <<<"$out")
is "what was injected is in the image, by libguestfs" "$(image_sha256)" "$injected"
is "what was injected is what ran, by its own word" "$(agents_said "$began" | sort -u)" "$injected"
has "and it is the edit" \
    "$(on_host /mnt/kata-containers/src/agent/target/release/kata-agent --version)" "(edit $$)"

# --- what is kept of it ----------------------------------------------------------------------
run "$kataloop" results --json
exits "results lists runs" 0
id=$(python3 -c 'import json, sys; print(json.load(sys.stdin)["runs"][0]["run"])' <<<"$out")
run "$kataloop" results show "$id"
has "results show shows the run" "$out" "$id" 'build agent' 'checkpoint 1/2' 'median'
ok "its folder has the events" python3 -c '
import json, sys
types = [json.loads(line)["event"] for line in open(sys.argv[1] + "/events.jsonl")]
assert types[0] == "run_start" and types[-1] == "run_end", types
assert types.count("sample") == 2, types' "$KATALOOP_STATE_DIR/runs/$id"
ok "and the whole output of the build" grep -q 'Compiling kata-agent' -r "$KATALOOP_STATE_DIR/runs/$id"

# --- nothing changed -------------------------------------------------------------------------
run "$kataloop" plan
exits "plan" 0
has "plan says what will be skipped, and why" "$out" "nothing changed since run $id"
run "$kataloop" run --json
exits "a second run passes" 0
ok "it skips sync, build, inject, restart, and says why" python3 -c '
import json, sys
events = [json.loads(line) for line in sys.stdin]
skipped = [e for e in events if e["event"] == "step_skip"]
assert [e["kind"] for e in skipped] == ["sync", "build", "inject", "restart"], skipped
assert all("nothing changed since run" in e["why"] for e in skipped), skipped
assert events[-1]["event"] == "run_end"' <<<"$out"

# --- a part of it ----------------------------------------------------------------------------
run "$kataloop" run --only sync --force
exits "--only with --force" 0
has "does that step" "$out" 'sync src/agent/: ' '0 of '
ok "and no other" test "$(grep -c '^\[[0-9]*\] [a-z ]*.*: ' <<<"$out")" -eq 1
run "$kataloop" run checkpoint
exits "another workflow, by name" 0
run "$kataloop" run --only nothing
exits "a step that is not there" 2
has "says where they are listed" "$err" 'has no step `nothing`' '`kataloop plan` lists its steps'

# --- somebody changed the host ---------------------------------------------------------------
on_host touch /mnt/kata-containers/src/agent/src/main.rs
run "$kataloop" run --only sync
has "a source changed on the host is sent again" "$out" 'sync src/agent/: ' '1 of '

# --- sources that only root may write there ----------------------------------------------------
as_root() { lab_file "$LAB_WORKSPACE" '' "sync: {from: src/runtime/, to: /root/sync-$$/, become: $1}"; }
as_root false
run "$kataloop" run
exits "a folder of root's, without become" 1
has "is refused by name" "$err" 'Permission denied'
as_root true
run "$kataloop" run
exits "with become" 0
is "it is written, as root" "$(on_host sh -c "cat /root/sync-$$/main.c; stat -c %U /root/sync-$$/main.c")" \
    "$(<src/runtime/main.c)
root"
run "$kataloop" run
has "and known again" "$out" 'skipped, nothing changed'
on_host rm -r "/root/sync-$$"

ok "nothing of ours is left" test -z "$(on_host ctr containers ls -q)$(on_host sh -c 'ls -d /var/tmp/kataloop-* 2>/dev/null')"
