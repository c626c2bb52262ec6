#!/usr/bin/env bash
# Who may write what init writes: its commands are run as root.
# shellcheck source=../e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"

cd "$scratch" || exit
for case in 022:644 002:644 000:644 077:600 027:640; do
    run bash -c 'umask "$1" && exec "$2" init' - "${case%:*}" "$kataloop"
    exits "init with the umask ${case%:*}" 0
    is "makes a file of mode ${case#*:}" "$(stat -c %a kataloop.yaml)" "${case#*:}"
    rm kataloop.yaml
done
