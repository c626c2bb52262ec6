#!/usr/bin/env bash
# logs on this machine, whose journal is a script here: --follow loses no line between what was and what
# comes, and shows none twice. And what goes to a terminal: nothing that steers it.
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
ok "--follow shows what comes" wait_for 60 grep -q second follow
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

# A container whose labels are made to steer the terminal; its guest cannot be asked.
cat >"$scratch/bin/ctr" <<'SH'
#!/bin/sh
case "$*" in
*" ls "*) echo one ;;
*) printf '{"Runtime":{"Name":"io.containerd.kata.v2"},"Labels":{"nerdctl/name":"\\u001b[2Jname"},"Spec":{"annotations":{%s}}}\n' \
    '"io.kubernetes.cri.sandbox-id":"\u001b[2Jpod"' ;;
esac
SH
chmod +x "$scratch/bin/ctr"
run "$kataloop" logs one
exits "the logs of a container" 0
has "its guest's are not read" "$err" "not read: the guest's logs: the guest of pod: " "no lines about name in"
ok "what was said there cannot steer the terminal" not grep -q $'\033' "$scratch/err"

# A guest an hour behind: its lines are of now.
mkdir "$scratch/guest"
printf '#!/bin/sh\nPATH=%s:$PATH exec sh -i\n' "$scratch/guest" >"$scratch/bin/kata-runtime"
printf '#!/bin/sh\nexec /bin/date -d "-1 hour" "$@"\n' >"$scratch/guest/date"
sed 's/\*--unit=containerd\*) .*/*--unit=containerd*) entry of-the-guest ;;/' "$scratch/bin/journalctl" >"$scratch/guest/journalctl"
chmod +x "$scratch/bin/kata-runtime" "$scratch/guest/date" "$scratch/guest/journalctl"
run "$kataloop" logs one
exits "the logs of a container and of its guest" 0
has "what its guest says, whose clock is an hour behind" "$out" "of-the-guest"

# Nor can what a failure quotes, of a bundle here; its lines stay lines.
printf 'kataloop-evidence 9\033]0;title\007\033[2J9\n' >bundle
run "$kataloop" diagnose bundle
exits "a bundle of another version" 2
has "which is said" "$err" "bundle:1: a bundle of version 99; this program reads version"
ok "without what was hidden in it" not grep -q $'\033' "$scratch/err"
run "$kataloop" $'no\033[2J\nsuch'
is "a message of two lines" "$err" $'kataloop: there is no verb `no\nsuch`\n  `kataloop -h` lists them'

# CRIU's log of a run, whose guest is gone: it is among the run's files. The container of this one is no
# virtual machine.
cat >"$scratch/bin/ctr" <<'SH'
#!/bin/sh
case "$*" in
*" ls -q") echo 5b1a2c ;;
*info*) echo '{"Runtime":{"Name":"io.containerd.runc.v2"}}' ;;
esac
SH
# The log is written in that run, as its time says.
cat >keep <<'SH'
printf '(00.000000) Version: 4.1\n(00.000100) Error (criu/x.c:1): of that run\n' >"$1"
printf '%s %s %s\n' "$(stat -c %s "$1")" "$(stat -c '%Y %y' "$1")" /guest/dump.log
cat "$1"
SH
sed -i "s,steps: .*,steps: [{guest: sh '$scratch/keep' '$scratch/dump.log'; container: 5b1a2c; save: criu-dump.log}]}}," kataloop.yaml
sed -i '/steps:/s/;/,/g' kataloop.yaml
run "$kataloop" run
exits "a run that has kept CRIU's log" 0
run "$kataloop" logs latest
has "its lines are among the run's" "$out" "  criu        Version: 4.1" "  criu        of that run (criu/x.c:1)"

# CRIU's logs of this host: in folders of root's, not where somebody's link in /tmp leads.
mkdir -p left/work
printf '(00.000100) Error (criu/x.c:1): left behind\n' >left/work/criu-dump.log
hold_tmp
ln -s "$PWD/left" "/tmp/criu-checkpoint-link-$$"
run "$kataloop" logs
rm "/tmp/criu-checkpoint-link-$$"
ok "a link in /tmp is not followed" not grep -q "left behind" <<<"$out"
mv left "/tmp/criu-checkpoint-$$"
run "$kataloop" logs
rm -r "/tmp/criu-checkpoint-$$"
free_tmp
has "what a checkpoint has left is read" "$out" "left behind (criu/x.c:1)"

# A journal that has nothing; nor has CRIU, whatever others have left in /tmp.
cat >"$scratch/bin/journalctl" <<'SH'
#!/bin/sh
echo "$*" >>"$JOURNAL"
SH
printf '#!/bin/sh\nexit 1\n' >"$scratch/bin/stat"
chmod +x "$scratch/bin/stat"
run "$kataloop" logs --since 2000000h
exits "no lines at all" 0
has "is said" "$err" "kataloop: no lines in that time"
ok "and no time before the journal's first is asked for" grep -q -- '--since=@0 ' "$JOURNAL"
