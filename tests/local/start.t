#!/usr/bin/env bash
# What helps to start: init, the schema, completion, the manual; config/ is what the program says.
# shellcheck source=../e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
unset KATALOOP_RECIPES

mkdir -p "$scratch/project/src/agent/src" "$scratch/project/src/runtime"
cd "$scratch/project" || exit
echo 'fn main() {}' >src/agent/src/main.rs

run "$kataloop" init
exits "init writes a file" 0
has "and says what next" "$out" "edit it" "kataloop doctor" "kataloop plan" "kataloop run"
is "it is the example in config/" "$(<kataloop.yaml)" "$(<"$top/config/kataloop.yaml")"
run "$kataloop" plan
exits "which is right as it stands" 0
has "and plans the loop" "$out" "workflow loop" "on dev" "build agent" "restart containerd" "checkpoint 10/10"
run "$kataloop" plan steps
exits "so is its other workflow" 0
has "which is the loop written out" "$out" "inject guest" "container busybox" "checkpoint"
run "$kataloop" doctor elsewhere
exits "a host that is not in it" 2
has "is said, with those that are" "$err" 'has no host `elsewhere`' 'known: dev'
echo mine >kataloop.yaml
run "$kataloop" init --host other
exits "a file that is there" 2
has "stays, and the user is told" "$err" 'there is a `kataloop.yaml` in this folder already' "move it away"
is "untouched" "$(<kataloop.yaml)" mine
is "nothing else is left" "$(ls -A)" $'kataloop.yaml\nsrc'
rm kataloop.yaml

run "$kataloop" init --host '[::1]:2222' --workspace '/mnt/a "b" \c'
exits "odd names" 0
has "are quoted" "$(<kataloop.yaml)" 'ssh: "[::1]:2222"' 'workspace: "/mnt/a \"b\" \\c"'
run "$kataloop" plan
exits "and read back" 0
rm kataloop.yaml
run "$kataloop" init --host $'a\nb'
exits "a line end in a host is refused" 2
is "and nothing written" "$(ls -A)" src
rm -r src/agent
run "$kataloop" init --host local
has "without the sources it says so" "$out" "src/agent is not here"

rm kataloop.yaml
mkdir -p src/agent src/runtime
"$kataloop" init --host nobody@127.0.0.1:1 >/dev/null
run "$kataloop" run
exits "nothing listens there" 5
has "which is said, with what to do" "$err" "connecting to 127.0.0.1 port 1: Connection refused" "is sshd running there"
run "$kataloop" results show
has "the run is kept" "$out" "outcome   unreachable" "error     connecting to"
ok "and is not said to have left anything" not grep -q "left things" <<<"$out"

# --- wrong words, and what is not there yet
mkdir "$scratch/nothing"
cd "$scratch/nothing" || exit
run "$kataloop"
exits "no verb" 2
has "is said, with where they are" "$err" "no verb was given" '`kataloop -h` lists the verbs'
run "$kataloop" --json run
exits "an option before the verb" 2
has "is told where it stands" "$err" '`kataloop` has no option `--json`' "options of a verb stand after it"
run "$kataloop" run
exits "no workflow file" 2
has "is said by its place, with what to do" "$err" "there is no kataloop.yaml in \`$scratch/nothing\`" \
    '`kataloop init` writes one; `-f FILE` names one'
run "$kataloop" doctor
has "a verb for a host needs none" "$err" 'without one name a host: `kataloop doctor HOST`'
run "$kataloop" logs
has "by its option, where it has one" "$err" '`kataloop logs --host HOST`'
run "$kataloop" guest exec one -- true
has "in the verb of two, too" "$err" '`kataloop guest --host HOST`'
KATALOOP_STATE_DIR=$scratch/nowhere run "$kataloop" results show
exits "no run" 2
is "is said without a name" "$err" $'kataloop: there is no run yet\n  `kataloop run` makes one'
run "$kataloop" results --hots=5
exits "a wrong option with a value" 2
is "is one without it" "$err" $'kataloop: `kataloop results` has no option `--hots`\n  did you mean `--host`?'
run "$kataloop" init extra
is "a verb without arguments" "$err" \
    $'kataloop: `kataloop init` takes no argument `extra`\n  usage: kataloop init [OPTIONS]'
run "$kataloop" results -n
is "an option without its value" "$err" \
    $'kataloop: `-n` needs a value\n  `kataloop results -h` says which'
run "$kataloop" guest --way bad exec box -- ls
is "a way that there is not, before anything is connected" "$status$err" \
    $'2kataloop: there is no way into a guest called `bad`\n  known: auto, vsock, console, host'
printf 'version: 1\nhosts: {a: local}\nworkflows: {}\n' >kataloop.yaml
run "$kataloop" plan
exits "a file without workflows" 2
has "says what is missing" "$err" 'has no workflow' 'add one to its section `workflows`'
mkdir "$scratch/removed"
run sh -c 'cd "$1" && rmdir "$1" && "$0" plan' "$kataloop" "$scratch/removed"
has "a folder that is gone" "$err" "was this folder removed?"
cd "$scratch/project" || exit

# --- the schema (`make schema` writes both files again)
is "config/kataloop.schema.json is the program's" "$("$kataloop" schema)" "$(<"$top/config/kataloop.schema.json")"
is "config/recipe.schema.json too" "$("$kataloop" schema --recipe)" "$(<"$top/config/recipe.schema.json")"
cat >"$scratch/validate.py" <<'PY'
import json, sys
import jsonschema, yaml
schema = json.load(open(sys.argv[1]))
jsonschema.Draft7Validator.check_schema(schema)
v = jsonschema.Draft7Validator(schema)
for path in sys.argv[2:]:
    for e in v.iter_errors(yaml.safe_load(open(path))):
        sys.exit(f"{path}: {'/'.join(map(str, e.path))}: {e.message[:300]}")
PY
if python3 -c 'import jsonschema, yaml' 2>/dev/null; then
    run python3 "$scratch/validate.py" "$top/config/kataloop.schema.json" "$top/config/kataloop.yaml"
    ok "the example holds against it" test_status 0
    run python3 "$scratch/validate.py" "$top/config/recipe.schema.json" "$top"/recipes/*.yaml
    ok "so does every recipe" test_status 0
    sed 's/workspace:/workspaze:/' "$top/config/kataloop.yaml" >bad.yaml
    run python3 "$scratch/validate.py" "$top/config/kataloop.schema.json" bad.yaml
    exits "an unknown key does not" 1
    sed 's/keep: 5/keep: many/' "$top/config/kataloop.yaml" >bad.yaml
    run python3 "$scratch/validate.py" "$top/config/kataloop.schema.json" bad.yaml
    exits "nor a word for a number" 1
    sed 's/- restart: containerd/- reboot: now/' "$top/config/kataloop.yaml" >bad.yaml
    run python3 "$scratch/validate.py" "$top/config/kataloop.schema.json" bad.yaml
    exits "nor a step of no kind" 1
else
    skip "the example and the recipes hold against the schemas" "python3-jsonschema or python3-yaml is missing"
fi

# --- completion
"$kataloop" completion bash >"$scratch/completion.bash"
cat >"$scratch/complete" <<'BASH'
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_kataloop
echo "${COMPREPLY[*]}"
BASH
complete() { bash "$scratch/complete" "$scratch/completion.bash" kataloop "$@"; }
ok "bash registers it" bash -c "source '$scratch/completion.bash' && complete -p kataloop"
is "a verb" "$(complete wa)" watch
is "hidden verbs are no proposals" "$(complete __)" ""
is "an option of the verb" "$(complete run --fo)" --force
is "and of that verb only" "$(complete results --fo)" ""
is "words of the verb" "$(complete guest ex)" exec
is "shells" "$(complete completion '')" "bash zsh fish --help"
touch workflow.yaml
is "files where a file is wanted" "$(complete run -f work)" workflow.yaml
is "nothing where a name is" "$(complete run --from '')" ""
for shell in zsh fish; do
    if command -v "$shell" >/dev/null; then
        "$kataloop" completion "$shell" >"$scratch/completion.$shell"
        ok "$shell reads it" "$shell" -n "$scratch/completion.$shell"
    else
        skip "$shell reads it" "there is no $shell"
    fi
done
run "$kataloop" completion csh
exits "no such shell" 2
has "says which there are" "$err" 'no completion for `csh`' "bash, zsh and fish"

# --- help fits the terminal
on_screen() { script -qec "stty cols $1; $kataloop $2" /dev/null | tr -d '\r'; }
# shellcheck disable=SC2086 # a verb and an option
for text in -h 'plan -h' 'diagnose -h'; do
    is "$text on 50 columns" "$(on_screen 50 "$text" | awk 'length > 50')" ""
    is "$text says the same in a pipe" "$(on_screen 50 "$text" | tr -s ' \n' ' ')" \
        "$("$kataloop" $text | tr -s ' \n' ' ')"
done

is "help VERB is VERB -h" "$("$kataloop" help logs)" "$("$kataloop" logs -h)"
run "$kataloop" help lgos
exits "help on a verb that is not there" 2
has "names the nearest" "$err" 'there is no verb `lgos`' 'did you mean `kataloop logs`?'

# --- the manual
verbs=$("$kataloop" -h | sed -n '/^verbs:/,/^$/s/^  \([a-z]*\) .*/\1/p')
manual=$("$kataloop" __man verbs)
ok "help lists the verbs" test "$(wc -w <<<"$verbs")" -gt 5
for verb in $verbs; do has "the manual has $verb" "$manual" "## $verb"; done
not_hidden() { ! grep -q __man <<<"$1"; }
ok "and no hidden verb" not_hidden "$manual$("$kataloop" -h)"
has "the file's reference has every kind of step" "$("$kataloop" __man steps)" \
    "## sync" "## build" "## inject" "## restart" "## container" "## checkpoint" "## run"

# --- make install, and back
in_dest() { make -C "$top" -s --no-print-directory DESTDIR="$scratch/dest" "$1" >/dev/null; }
installed() { (cd "$scratch/dest" && find . -type f | sed 's,.*/share/,share/,; s,.*/bin/,bin/,'); }
ok "make install" in_dest install
has "puts programs, recipes, examples and completions in place" "$(installed)" bin/kataloop bin/guestimg \
    share/kataloop/recipes/full-loop.yaml share/doc/kataloop/kataloop.yaml \
    share/doc/kataloop/systemd/kataloop-nightly.timer share/bash-completion/completions/kataloop \
    share/zsh/site-functions/_kataloop share/fish/vendor_completions.d/kataloop.fish
others=$(dirname "$(find "$scratch/dest" -path '*/bin/kataloop')")/another
touch "$others"
ok "make uninstall" in_dest uninstall
is "takes all of it away, and nothing else" "$(installed)" bin/another
