#!/usr/bin/env bash
# What `plan` says of workflow files, good and bad; no host is asked.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

mkdir "$scratch/project"
cd "$scratch/project" || exit

run "$kataloop" plan
exits "no file: usage" 2
has "no file: says where it looked" "$err" 'there is no kataloop.yaml in' 'name one with `-f FILE`'
