#!/usr/bin/env bash
# logs --follow on this machine, whose journal is a script here: no line is lost between what was and
# what comes, and none is shown twice.
. "$(dirname "$0")/../e2e/lib.sh"

mkdir "$scratch/bin"
export HOME=$scratch JOURNAL=$scratch/journal PATH=$scratch/bin:$PATH
cat >"$scratch/bin/journalctl" <<'SH'
#!/bin/sh
# Asked about the past it knows one line, and another one comes right after. Both are what follows.
entry() {
    printf '{"__REALTIME_TIMESTAMP":"%s","MESSAGE":"%s","__CURSOR":"%s","SYSLOG_IDENTIFIER":"containerd"}\n' \
        "$(date +%s%6N)" "$1" "$1"
}
case "$*" in
*--unit=containerd*--follow* | *--follow*--unit=containerd*) cat "$JOURNAL" && exec sleep 100 ;;
*--follow*) exec sleep 100 ;;
*--unit=containerd*) entry first | tee "$JOURNAL" && entry second >>"$JOURNAL" ;;
esac
SH
chmod +x "$scratch/bin/journalctl"
cd "$scratch" || exit
cat >kataloop.yaml <<YAML
version: 1
hosts: {here: {ssh: local, workspace: $scratch, become: none}}
workflows: {w: {host: here, steps: [run: "true"]}}
YAML

"$kataloop" logs --follow >follow 2>&1 &
follower=$!
for _ in $(seq 100); do
    ! grep -q second follow || break
    sleep 0.1
done
kill -TERM "$follower"
wait "$follower"
is "--follow ends when it is asked to" "$?" 130
is "each line is there once" "$(awk '$2 == "containerd" { print $3 }' follow)" $'first\nsecond'

run "$kataloop" run
exits "a run" 0
run timeout 30 "$kataloop" logs latest --follow
exits "a run that has ended is not followed" 0
has "it says so" "$err" "has ended: nothing more comes of it"
run "$kataloop" logs latest
exits "without --follow" 0
ok "nothing is said of that" not grep -q "has ended" <<<"$err"
