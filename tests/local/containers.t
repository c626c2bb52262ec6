#!/usr/bin/env bash
# Containers of a run, with a client that only keeps notes: each pass takes its own away, a failure too,
# what does not go is taken away by the next run, and nothing of anybody else is.
. "$(dirname "$0")/../e2e/lib.sh"

export HOME=$scratch BOX=$scratch/box NOTES=$scratch/notes PATH=$scratch/bin:$PATH
mkdir -p "$BOX" "$scratch/bin" "$scratch/project/recipes"
cd "$scratch/project" || exit

# A container is a file of $BOX, with the run's label in it. While $NOTES/stuck is there none goes.
mkdir "$NOTES"
cat >"$scratch/bin/ctr" <<'SH'
#!/bin/sh
case "$*" in
'namespaces ls -q') echo default ;;
*' containers ls -q labels.'*) cd "$BOX" && grep -lxF -e "${*##*==}" -- * 2>/dev/null || : ;;
*' containers ls -q id=='*) cd "$BOX" && ls -- "${*##*==}" 2>/dev/null || : ;;
*' tasks ls') cd "$BOX" && for name in *; do echo "$name 1 RUNNING"; done ;;
*' run --detach '*)
    while [ "$1" != --label ]; do shift; done
    echo "${2#*=}" >"$BOX/$4" && echo "made ${4##*-}" >>"$NOTES/all"
    ;;
*' containers rm '*)
    [ ! -e "$NOTES/stuck" ] || { echo "it does not go" >&2 && exit 1; }
    while [ $# -gt 1 ]; do shift; done
    rm "$BOX/$1" && echo "removed ${1##*-}" >>"$NOTES/all"
    ;;
esac
SH
printf '#!/bin/sh\n' >"$scratch/bin/nerdctl"
chmod +x "$scratch"/bin/*

container='container: {image: box, client: ctr, runtime: io.containerd.runc.v2}'
# workflow STEP…: the file with these steps.
workflow() {
    cat >kataloop.yaml <<YAML
version: 1
hosts: {here: {ssh: local, workspace: $scratch, become: none}}
workflows:
  w:
    host: here
    steps:
YAML
    printf '      - %s\n' "$@" >>kataloop.yaml
    : >"$NOTES/all"
}
noted() { paste -sd , "$NOTES/all"; }
left() { ls "$BOX"; }

cat >recipes/twice.yaml <<YAML
version: 1
help: a container for each sample
repeat: 2
measure:
  - $container
YAML
workflow "$container" 'recipe: twice' 'run: echo "ran" >>"$NOTES/all"'
run "$kataloop" run
exits "a run with a container, and two passes" 0
is "each pass takes away its own, the end what is left" "$(noted)" "made 1,made 2,removed 2,made 3,removed 3,ran,removed 1"
is "nothing is left" "$(left)" ""

workflow "$container" "$container" 'run: exit 7'
run "$kataloop" run
exits "a run that fails" 1
is "takes away what it made, the youngest first" "$(noted)" "made 1,made 2,removed 2,removed 1"
has "and says so" "$out" "undone: container kataloop-"

workflow "$container" 'run: echo "runs" >>"$NOTES/all"; sleep 300'
"$kataloop" run >"$scratch/said" 2>&1 &
pid=$!
ok "a run is in its middle" wait_for 20 grep -q runs "$NOTES/all"
kill -INT "$pid"
wait "$pid"
is "Ctrl-C ends it" $? 130
is "and it takes away what it made all the same" "$(noted)" "made 1,runs,removed 1"

# --- what does not go -----------------------------------------------------------------------------

touch "$NOTES/stuck"
workflow "$container"
run "$kataloop" run
exits "a container that does not go" 1
name=$(left) id=$(left | sed 's/^kataloop-//; s/-1$//')
has "is named" "$err" "taking away container $name: removing the container: " "it does not go"
run "$kataloop" results show "$id"
has "which the results say too" "$out" "left things"
workflow 'run: "true"'
run "$kataloop" run
exits "the next run" 0
has "tries again, and says that it stays" "$out" "what run $id has left stays until the next run: " "it does not go"
is "it does" "$(left)" "$name"
rm "$NOTES/stuck"

# Others have given theirs that label, or a name much like it; and there are folders.
echo "$id" >"$BOX/web"
echo other >"$BOX/kataloop-$id-other"
echo "$id" >"$BOX/my-kataloop-$id-1"
theirs=$(left | grep -vxF "$name")
mkdir "/tmp/kataloop-$id-8" "/tmp/my-kataloop-$id-8" "$scratch/elsewhere"
touch "/tmp/kataloop-$id-8/images" "$scratch/elsewhere/file"
ln -s "$scratch/elsewhere" "/tmp/kataloop-$id-9"
another=/tmp/kataloop-$id-another-users
if [ "$(id -u)" -eq 0 ]; then install -d -o 12345 "$another"; else another=''; fi
run "$kataloop" run
exits "the run after that" 0
has "takes it away" "$out" "took away what run $id had left"
is "and nobody else's" "$(left)" "$theirs"
is "its folder too, and no other" "$(ls -d "/tmp/kataloop-$id-"* "/tmp/my-kataloop-$id-"* "$scratch/elsewhere/file")" \
    "/tmp/kataloop-$id-9${another:+
$another}
/tmp/my-kataloop-$id-8
$scratch/elsewhere/file"
rm -rf "/tmp/kataloop-$id-9" "/tmp/my-kataloop-$id-8" ${another:+"$another"}
run "$kataloop" results show "$id"
ok "after which nothing is left to take" not grep -q "left things" <<<"$out"

# --- CRIU by hand, whose folder is the host's where there is no virtual machine -------------------

cat >"$scratch/bin/nerdctl" <<'SH'
#!/bin/sh
name=$(printf '%s\n' "$@" | grep -m 1 '^kataloop-')
case "$*" in
*' run '* | *' create '*) touch "$BOX/$name" && echo "$name" ;;
*' rm '*) rm "$BOX/$name" ;;
*' ps '*) ls "$BOX" ;;
esac
SH
printf '#!/bin/sh\n' >"$scratch/bin/criu"
chmod +x "$scratch/bin/criu"
sleep "1000.$$" &
# folders FILE: those of the run that has said what is in it.
folders() { ls -d /tmp/kataloop-*"$(sed -n '1s/^run \([^:]*\):.*/\1/p' "$1")"-* 2>/dev/null; }
nerdctl='container: {image: box, client: nerdctl, runtime: io.containerd.runc.v2}'
workflow "$nerdctl" "criu: {process: sleep 1000.$$}" 'checkpoint: {watch: false}' 'restore: true'
run "$kataloop" run
exits "a dump by hand, and a restore that removes its container" 0
is "CRIU's folder is gone" "$(folders "$scratch/out")" ""
workflow "$nerdctl" "criu: {process: sleep 1000.$$, keep: true}" 'run: echo "runs" >>"$NOTES/all"; while kill -0 "$PPID"; do sleep 0.1; done'
"$kataloop" run >"$scratch/said" 2>&1 &
pid=$!
ok "a run that keeps it is in its middle" wait_for 20 grep -q runs "$NOTES/all"
kill -KILL "$pid"
wait "$pid" 2>/dev/null
workflow 'run: "true"'
run "$kataloop" run
has "the run after one that was killed takes away what it has left" "$out" "had left"
kept=$(folders "$scratch/said")
ok "but not what is to be kept" test -d "$kept/images"
rm -rf "$kept"
kill %?sleep

# Images that are to stay are moved at the end; CRIU's log, which lies beside them here, is kept all the same.
mkdir "$scratch/criu"
cp "$(command -v bash)" "$scratch/criu/criu"
cat >"$scratch/checkpoint" <<'SH'
while [ "$1" != --work-path ]; do shift; done
mkdir "${2%/work}/images" "$2"
echo x >"${2%/work}/images/pages"
exec "$SCRATCH/criu/criu" -c 'exec 3>>"$0"; printf "(00.%06d) Error (criu/x.c:1): of it\n" $(seq 60) >&3
    for i in $(seq 60); do printf "(01.%06d) more\n" "$i" >&3; sleep 0.1; done' "$2/dump.log" "$3"
SH
sed -i "s|^\*' tasks ls') |*' tasks checkpoint '*) SCRATCH='$scratch' exec sh '$scratch/checkpoint' \"\$@\" ;;\n&|" "$scratch/bin/ctr"
workflow "$container" 'checkpoint: {keep: true, stall_after: 5s}'
run "$kataloop" run
exits "a checkpoint whose images are to stay" 0
kept=$(sed -n 's/.* the images stay in \(.*\) on here$/\1/p' "$scratch/out")
ok "they do" test -s "$kept/images/pages"
has "CRIU's log is among the run's files" "$(<"$KATALOOP_STATE_DIR/runs/latest/artifacts/criu-dump.log")" \
    " $kept/work/dump.log" "of it"
rm -r "$kept"
echo : >"$scratch/checkpoint"
run "$kataloop" run
exits "a checkpoint that leaves nothing to keep" 1
has "says so" "$err" "there is nothing to keep: no images are in /var/tmp/kataloop-" "containerd has none of the checkpoint" \
    'hint: where does this runtime put them?'
is "and its folder is gone" \
    "$(find /var/tmp -maxdepth 1 -name "kataloop-*$(readlink "$KATALOOP_STATE_DIR/runs/latest")*")" ""

# The name of a checkpoint's folder can be known on the host.
workflow 'run: mkdir "/var/tmp/kataloop-$(readlink "$KATALOOP_STATE_DIR/runs/latest")-2"' "$nerdctl" 'checkpoint: true'
run "$kataloop" run
exits "a checkpoint whose folder somebody else has made" 1
has "says so" "$err" "making a folder for the checkpoint: " "File exists"
foreign=/var/tmp/kataloop-$(readlink "$KATALOOP_STATE_DIR/runs/latest")-2
ok "and does not remove it" rmdir "$foreign"
workflow 'run: "true"'

# What stands in the store for a run's id goes into commands for root: only such ids do.
python3 -c 'import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as db:
    db.execute("UPDATE runs SET id = ?, dirty = 1 WHERE id = ?", ("no/../id", sys.argv[2]))' \
    "$KATALOOP_STATE_DIR/kataloop.db" "$id"
run "$kataloop" run
exits "an id that is none" 0
has "is looked for nowhere" "$out" 'what run no/../id has left stays until the next run: `no/../id` is not a run'
