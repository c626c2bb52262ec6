#!/usr/bin/env bash
# watch: a save starts the next run, over the connection that is open; Ctrl-C ends.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
use_lab
project "$scratch/project"
cat >>kataloop.yaml <<'YAML'
  edit:
    host: lab
    steps:
      - sync: src/runtime/
      - run: cat src/runtime/main.c
YAML

"$kataloop" watch edit >"$scratch/out" 2>"$scratch/err" &
watcher=$!
runs() { [ "$(grep -c '^run .*: ok' "$scratch/out")" -ge "$1" ]; }
ok "the first run comes at once" wait_for 60 runs 1
ok "then it waits" wait_for 10 grep -q 'a save starts the next run' "$scratch/err"

echo '/* first save */' >>src/runtime/main.c
ok "a save starts a run" wait_for 60 runs 2
ok "with what was saved" grep -q 'first save' "$scratch/out"
ok "over the same connection" test "$(grep -c 'note: connected' "$scratch/out")" -eq 1

echo 'not: [yaml' >>kataloop.yaml
ok "a file that is wrong is said" wait_for 30 grep -q 'kataloop.yaml:[0-9]*:[0-9]*: error:' "$scratch/err"
sed -i '$d' kataloop.yaml
ok "and mended, the next run comes" wait_for 60 runs 3

kill -INT "$watcher"
status=0
wait "$watcher" || status=$?
is "Ctrl-C ends it" "$status" 130
