#!/usr/bin/env bash
# The lab where its building fails: builders of ours in the place of its own, and no machine.
# shellcheck source=../e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"

cp -r "$top/tests/lab" "$scratch/lab"
export KATALOOP_LAB_CACHE=$scratch/cache
# build_with LINE…: a base that is built by these lines. Root asks for it as `build` does for others.
build_with() {
    { echo 'build_base() {' && printf '%s\n' "$@" '}' &&
        echo 'collect_proxy_environment() { :; }'; } >"$scratch/lab/lib/base.sh"
    run "$scratch/lab/lab" base
}

# shellcheck disable=SC2016 # for that shell
build_with 'echo said' 'ls "$1/nothing"' 'echo went on' 'touch "$1/half"'
exits "a command that fails in the middle of it ends building" 2
has "what it said is shown" "$err" "said"
has "its error too" "$err" "nothing': No such file"
has "with where the rest is" "$err" "lab: building failed; the whole log is in $scratch/cache/build.log"
ok "nothing after it is done" not grep "went on" "$scratch/cache/build.log"
is "and nothing stays in the cache" "$(ls "$scratch/cache")" "build.log"

build_with 'echo said' 'sh -c "kill -KILL \$\$"'
exits "a command that is killed" 137
has "is no interruption" "$err" "said" "lab: building failed"

# shellcheck disable=SC2016
build_with 'echo said' 'echo "a person has to see this" >&3' 'touch "$1/whole"'
exits "one that ends well" 0
is "shows what a person has to see only" "$err" "a person has to see this"
is "and is in the cache" "$(cd "$scratch/cache" && ls -- base-*)" "whole"

build_with 'kill $$' 'echo went on'
exits "an interrupted one" 143
is "says nothing" "$err" ""
ok "does not go on" not grep "went on" "$scratch/cache/build.log"
is "and leaves nothing" "$(find "$scratch/cache" -name 'building*')" ""

LAB_CLOCK=sun run "$scratch/lab/lab" status
exits "a clock that there is not" 1
has "is said" "$err" "lab: there is no clock \`sun\`"
LAB_CLOCK=sun run "$scratch/lab/lab" --help
exits "help is there with it all the same" 0
has "and names the clocks" "$out" "LAB_CLOCK=instructions"
