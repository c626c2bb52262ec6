#!/usr/bin/env bash
# Rows of docs/workflow.md that need no host: one file, and a build with make. Every link in the
# documentation leads somewhere.
# shellcheck source=../e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"

mkdir -p "$scratch/project/src/agent/src" "$scratch/project/src/runtime" "$scratch/workspace" "$scratch/bin"
cd "$scratch/project" || exit
echo one >src/agent/src/container.rs
echo other >src/agent/src/other.rs
printf 'shim: shim.in\n\tcp shim.in shim\n' >src/runtime/Makefile
echo text >src/runtime/shim.in
cat >kataloop.yaml <<YAML
version: 1
hosts: {here: {ssh: local, workspace: $scratch/workspace, become: none}}
builds:
  runtime: {sync: src/runtime/, dir: src/runtime, run: make, output: shim}
workflows:
  page:
    host: here
    steps:
      - sync: src/agent/src/container.rs
      - build: runtime
  tree:
    host: here
    steps: [{recipe: process-tree, with: {container: 5b1a2c, processes: "page-lookalik[e]"}}]
  logs:
    host: here
    steps: [{recipe: agent-logs, with: {pattern: asked, unit: other.service, lines: 1, since: today}}]
YAML

run "$kataloop" run
exits "one file is synced, and the runtime built" 0
is "the file is there, alone" "$(ls "$scratch/workspace/src/agent/src")" container.rs
is "make has run" "$(<"$scratch/workspace/src/runtime/shim")" text
echo two >src/agent/src/container.rs
run "$kataloop" run
has "an edit of the file sends it, and no more" "$out" "1 of 1 files sent" "sync src/runtime/: skipped"
is "it is the new one" "$(<"$scratch/workspace/src/agent/src/container.rs")" two

# Recipes: what is typed after `grep -E` and `journalctl` on the page. One container, which has no virtual
# machine, and a journal that says what it was asked.
cat >"$scratch/bin/ctr" <<'SH'
#!/bin/sh
case "$*" in
*" ls -q") echo 5b1a2c ;;
*info*) echo '{"Runtime":{"Name":"io.containerd.runc.v2"}}' ;;
esac
SH
printf '#!/bin/sh\nprintf "%%s\\n" before "asked: $*" behind\n' >"$scratch/bin/journalctl"
chmod +x "$scratch/bin/ctr" "$scratch/bin/journalctl"
export PATH=$scratch/bin:$PATH HOME=$scratch SHELL=/bin/sh
echo "PATH=$scratch/bin:\$PATH" >"$HOME/.profile" # a login shell sets it anew
(exec -a page-lookalike sleep 300) &
lookalike=$!
wait_for 10 grep -q page-lookalike "/proc/$lookalike/cmdline"
run "$kataloop" run tree
exits "the processes that a pattern names" 0
is "are shown, and none that looks for them" \
    "$(sed 's/.* page-lookalike/page-lookalike/' "$KATALOOP_STATE_DIR/runs/latest/artifacts/processes.txt")" "page-lookalike 300"
kill "$lookalike"
wait "$lookalike"
run "$kataloop" run tree
exits "a pattern that names none" 0
has "is said" "$out" 'no process matches page-lookalik[e]'
run "$kataloop" run logs
exits "lines of the journal" 0
has "are those of the unit and the time that were asked for" "$out" \
    'asked: --no-pager --quiet --output short-precise --since today _SYSTEMD_UNIT=other.service + SYSLOG_IDENTIFIER=kata'
ok "and no others" not grep -q 'before\|behind' <<<"$out"

cd "$top" || exit
dead='' links=0
while IFS=: read -r file link; do
    links=$((links + 1))
    target=$(dirname "$file")/${link%%#*}
    [ -e "$target" ] || dead+="$file: $link"$'\n'
done < <(grep -roHE --include='*.md' '\]\([^)]+\)' README.md docs tests |
    sed -E 's/\]\((.*)\)$/\1/' | grep -v '://')
is "every link leads somewhere" "$dead" ""
ok "and there are some" test "$links" -gt 0
for recipe in recipes/*.yaml; do
    name=$(basename "$recipe" .yaml)
    has "recipe $name is in the guide" "$(<docs/guide/workflows.md)" "\`$name\`"
done
