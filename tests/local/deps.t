#!/usr/bin/env bash
# What `make deps` says where there is no apt: what is missing, by name, and nothing else.
# shellcheck source=../e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"

mkdir "$scratch/bin"
for program in bash env; do
    ln -s "$(command -v "$program")" "$scratch/bin/$program"
done
deps() { PATH=$scratch/bin run "$top/tools/deps" "$@"; }
plant() {
    printf '#!/bin/sh\n' >"$scratch/bin/$1"
    chmod +x "$scratch/bin/$1"
}

deps
exits "nothing is here" 1
has "what is missing is named" "$err" 'this is not Debian or Ubuntu, and these are missing:' $'\n  gcc\n' \
    $'\n  rsync\n' $'\n  library libssh2\n' $'\n  Python module yaml'
while read -r program; do
    [ "$program" = rsync ] || plant "$program"
done < <(sed -n 's/^  \([^ ]*\)$/\1/p' <<<"$err")
deps
exits "all but one is here" 1
is "that one is named" "$err" $'make deps: this is not Debian or Ubuntu, and these are missing:\n  rsync'
plant rsync
deps
exits "all is here" 0
is "nothing is said" "$out$err" ""
deps lint
has "what linting needs is another matter" "$err" $'\n  clang-format\n'
