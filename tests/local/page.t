#!/usr/bin/env bash
# Rows of docs/workflow.md that need no host: one file, and a build with make. Every link in the
# documentation leads somewhere.
# shellcheck source=../e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"

mkdir -p "$scratch/project/src/agent/src" "$scratch/project/src/runtime" "$scratch/workspace"
cd "$scratch/project" || exit
echo one >src/agent/src/container.rs
echo other >src/agent/src/other.rs
printf 'shim: shim.in\n\tcp shim.in shim\n' >src/runtime/Makefile
echo text >src/runtime/shim.in
cat >kataloop.yaml <<YAML
version: 1
hosts: {here: {ssh: local, workspace: $scratch/workspace}}
builds:
  runtime: {sync: src/runtime/, dir: src/runtime, run: make, output: shim}
workflows:
  page:
    host: here
    steps:
      - sync: src/agent/src/container.rs
      - build: runtime
YAML

run "$kataloop" run
exits "one file is synced, and the runtime built" 0
is "the file is there, alone" "$(ls "$scratch/workspace/src/agent/src")" container.rs
is "make has run" "$(<"$scratch/workspace/src/runtime/shim")" text
echo two >src/agent/src/container.rs
run "$kataloop" run
has "an edit of the file sends it, and no more" "$out" "1 of 1 files sent" "sync src/runtime/: skipped"
is "it is the new one" "$(<"$scratch/workspace/src/agent/src/container.rs")" two

cd "$top" || exit
dead=''
while IFS=: read -r file link; do
    target=$(dirname "$file")/${link%%#*}
    [ -e "$target" ] || dead+="$file: $link"$'\n'
done < <(git ls-files '*.md' | xargs grep -oE '\]\([^)]+\)' |
    sed -E 's/\]\((.*)\)$/\1/' | grep -v '://')
is "every link leads somewhere" "$dead" ""
for recipe in recipes/*.yaml; do
    name=$(basename "$recipe" .yaml)
    has "recipe $name is in the guide" "$(<docs/guide/workflows.md)" "\`$name\`"
done
