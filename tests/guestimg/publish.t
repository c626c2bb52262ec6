#!/usr/bin/env bash
# How a changed image takes the place of the old one: by rename, whole or not at all; versions,
# roll-back, who holds the old one open, and what a death on the way leaves.
. "$(dirname "$0")/lib.sh"

mkdir "$scratch/images" "$scratch/links"
image=$scratch/images/kata-2026.img
make_dax_image "$image"
for n in 1 2 3 4; do echo "agent $n" >"$scratch/agent$n"; done
inject() { "$guestimg" inject "$image" --put "$scratch/agent$1:/usr/bin/kata-agent" "${@:2}"; }
agent() { "$guestimg" cat "${1:-$image}" /usr/bin/kata-agent; }

# The image is named by a link, and a VM has it open.
ln -s ../images/kata-2026.img "$scratch/links/kata.img"
exec 7<"$image"
before=$(sum "$image")
run "$guestimg" inject "$scratch/links/kata.img" --put "$scratch/agent1:/usr/bin/kata-agent" --json
exits "through a link" 0
is "the link stays" "$(readlink "$scratch/links/kata.img")" ../images/kata-2026.img
is "the file it names is the one told" "$(json image)" "$image"
is "which holds the new agent" "$(agent)" "agent 1"
is "beside the link nothing was made" "$(ls "$scratch/links")" kata.img
is "who had it open sees the old bytes" "$(sum /dev/fd/7)" "$before"
is "the version kept has them too" "$(sum "$(json kept)")" "$before"
exec 7<&-

chmod 0640 "$image"
owner=$(stat -c %u:%g "$image")
! chown 12:34 "$image" 2>/dev/null || owner=12:34 # only root gives files away
run inject 2
exits "again" 0
is "its mode stays, and its owner" "$(stat -c %a:%u:%g "$image")" "640:$owner"
is "nobody else can hold its lock" "$(stat -c %a "$image.lock")" 600

run "$guestimg" list "$image" --json
exits "two versions are kept" 0
is "the youngest first" "$(agent "$(json versions.0)")" "agent 1"
oldest=$(json versions.1)
is "then the oldest" "$(sum "$oldest")" "$before"
run inject 3 --keep 2
is "as many as asked for stay" "$("$guestimg" list "$image" --json | grep -o kept- | wc -l)" 2
ok "the oldest goes first" test ! -e "$oldest"
# The clock was set back since: the names of the others are of a later time.
day=0
for version in $(beside "$image"); do
    mv "$scratch/images/$version" "$image.kept-2099010$((day += 1))-000000.000000-00000000"
done
run inject 1 --keep 2 --json
kept=$(basename "$(json kept)")
ok "the one just kept stays, whatever the clock says" test -e "$scratch/images/$kept"
is "and the youngest of the others with it" "$(beside "$image" | cut -c 20-27 | tr '\n' ' ')" \
    "$(cut -c 20-27 <<<"$kept") 20990102 "
run inject 4 --keep 0
is "none, if none are wanted" "$(beside "$image")" ""
run "$guestimg" rollback "$image"
exits "then there is nothing to go back to" 1
has "it says so" "$err" "no version of \`$image\` is kept" '`guestimg list` shows those that are'

run inject 1
run inject 2
run "$guestimg" rollback "$image" --json
exits "back" 0
is "to the one before" "$(agent)" "agent 1"
is "and what it replaced is kept" "$(agent "$(json kept)")" "agent 2"
run "$guestimg" rollback "$scratch/links/kata.img"
is "a second one, by the link, undoes the first" "$(agent)" "agent 2"
run "$guestimg" rollback "$image" --drop
is "back for good" "$(agent)" "agent 1"
is "with what was before both" "$(agent "$image.kept-"*)" "agent 4"
run inject 1
run inject 2
run "$guestimg" list "$image" --json
wanted=$(basename "$(json versions.1)")
run "$guestimg" rollback "$image" --to "$wanted"
is "to a version of a name" "$(agent)" "agent 4"
run "$guestimg" rollback "$image" --to no-such
exits "one that there is not" 1
has "is named" "$err" "there is no version \`no-such\` of \`$image\`"
is "and the image stays" "$(agent)" "agent 4"
ok "which is whole" clean_image "$image"

# Who comes while another one is at it waits for the lock, which is no link to a file elsewhere.
exec 8>>"$image.lock"
flock 8
"$guestimg" inject "$image" --put "$scratch/agent2:/usr/bin/kata-agent" >/dev/null 8>&- &
pid=$!
ok "who comes second waits" wait_for 20 grep -q -- "-> FLOCK .* $pid " /proc/locks
is "and changes nothing" "$(agent)" "agent 4"
exec 8>&-
wait "$pid"
is "until it is free" "$?, $(agent)" "0, agent 2"
mkdir "$scratch/linked"
cp "$image" "$scratch/linked/kata.img"
ln -s "$scratch/elsewhere" "$scratch/linked/kata.img.lock"
run "$guestimg" inject "$scratch/linked/kata.img" --put "$scratch/agent1:/etc/x"
exits "a lock that is a link" 1
has "is not followed" "$err" "opening the lock \`$scratch/linked/kata.img.lock\`: Too many levels of symbolic links"
ok "nor is its file made" test ! -e "$scratch/elsewhere"

# Two at once: one after the other.
echo other >"$scratch/other"
inject 1 >/dev/null &
"$guestimg" inject "$image" --put "$scratch/other:/etc/other" >/dev/null &
wait
is "two at once both go in" "$(agent), $(text_in "$image" /etc/other)" "agent 1, other"

# A death at any point of the time that one takes here: the old image or the new one, whole; and the
# next call cleans up.
head -c 2000000 /dev/urandom >"$scratch/agent5"
head -c 2000000 /dev/urandom >"$scratch/agent6"
takes=0 # microseconds; the shortest of several, as this machine may stand still in one of them
for next in 6 5 6 5; do
    began=${EPOCHREALTIME/[.,]/}
    inject $next >/dev/null
    took=$((${EPOCHREALTIME/[.,]/} - began))
    [ "$takes" -gt 0 ] && [ "$takes" -le "$took" ] || takes=$took
done
now=$(sum "$scratch/agent5")
broken='' died=0
for i in $(seq 20); do
    next=$((5 + i % 2)) delay=$((takes * i / 22))
    "$guestimg" inject "$image" --put "$scratch/agent$next:/usr/bin/kata-agent" --keep 2 >/dev/null 2>&1 &
    pid=$!
    read -rt "$((delay / 1000000)).$(printf %06d $((delay % 1000000)))" <> <(:) || true
    kill -KILL "$pid" 2>/dev/null
    status=0
    wait "$pid" 2>/dev/null || status=$?
    case $status in
    0) ;;
    137) died=$((died + 1)) ;;
    *) broken+="status $status in round $i; " ;;
    esac
    is_now=$(agent | sha256sum | cut -d ' ' -f 1)
    [ "$is_now" = "$now" ] || [ "$is_now" = "$(sum "$scratch/agent$next")" ] || broken+="agent in round $i; "
    clean_image "$image" >/dev/null 2>&1 || broken+="file system in round $i; "
    now=$is_now
done
is "killed twenty times the image was always the old one or the new one" "$broken" ""
echo "# $died of them on the way"
ok "and some were killed on the way" test "$died" -gt 3
: >"$image.guestimg-0123456789abcdef"
ln "$image" "$image.kept-20990101-000000.000000-00000000"
run inject 2 --keep 2
exits "the next one" 0
is "leaves nothing behind" "$(beside "$image" | sed 's/kept-.*/kept/')" "kata-2026.img.kept
kata-2026.img.kept"
run "$guestimg" rollback "$image" --drop
is "and what a death left between keeping and renaming is no version" \
    "$(agent | sha256sum | cut -d ' ' -f 1)" "$now"

# Others' files that are called much like a version or a copy.
kept() { "$guestimg" list "$image" --json | grep -o kept-; }
wanted=$(beside "$image")
run "$guestimg" inject "$image.kept-${wanted#*.kept-}" --put "$scratch/agent3:/etc/other" --keep 0
exits "a version can be injected into" 0
echo mine >"$image.kept-golden"
cp "$image.kept-golden" "$image.kept-99990101-000000.000000-0000000G"
cp "$image.kept-golden" "$image.kept-99990101-000000.000000-000000000"
mkdir "$image.guestimg-mine"
theirs=$(beside "$image")
is "no version but the one" "$(kept | wc -l)" 1
run "$guestimg" rollback "$image" --to "$(basename "$image.kept-golden")"
exits "one is not put back" 1
has "as it is no version" "$err" "there is no version \`$(basename "$image.kept-golden")\`"
run inject 2 --keep 1
run inject 3 --keep 0
exits "nor removed, with none to keep" 0
is "they are there" "$(beside "$image")" "$(grep -vFx "$wanted" <<<"$theirs")"
run inject 4
run "$guestimg" rollback "$image"
exits "the youngest" 0
is "is the youngest version" "$(agent)" "agent 3"
rm -r "$image.kept-golden" "$image".kept-9999* "$image.guestimg-mine" "$image".kept-*.lock

# A version that is no image any more, and one that cannot be removed (a folder stands for it).
: >"$image.kept-20990101-000000.000000-00000000"
before=$(sum "$image")
run "$guestimg" rollback "$image"
exits "an empty version is not put back" 1
has "it is named" "$err" "putting \`$image.kept-20990101-000000.000000-00000000\` back: " "is not a guest image"
is "the image stays" "$(sum "$image")" "$before"
rm "$image".kept-2099*
stuck=$image.kept-20000101-000000.000000-00000000
mkdir "$stuck"
run inject 1 --keep 1 --json
exits "an old version that cannot be removed" 0
is "is a note" "$(json notes.0)" "the old version \`$stuck\` could not be removed: Is a directory"
is "the image is replaced" "$(json changed) $(agent)" "true agent 1"
run inject 2 --keep 1
has "as text too" "$out" "notes          the old version \`$stuck\` could not be removed"
is "others are removed" "$(kept | wc -l)" 2
rmdir "$stuck"

# Odd names and places.
mkdir "$scratch/a b?offset=1"
odd="$scratch/a b?offset=1/it's \"an\" image?.img"
cp "$image" "$odd"
run "$guestimg" inject "$odd" --put "$scratch/agent3:/usr/bin/kata-agent" --json
exits "an odd name is a name" 0
is "it is in" "$(agent "$odd")" "agent 3"

if unshare -m true 2>/dev/null; then
    run unshare -m bash -c 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && exec "$2" inject "$3" --put "$4:/etc/x"' \
        - "$scratch/images" "$guestimg" "$image" "$scratch/agent1"
    exits "a folder that cannot be written" 1
    has "is named" "$err" "opening the lock \`$image.lock\`: Read-only file system" "must be writable"
    mkdir "$scratch/small"
    run unshare -m bash -c 'mount -t tmpfs -o size=12m none "$1" && cp --sparse=never "$3" "$1/kata.img" &&
        "$2" inject "$1/kata.img" --put "$4:/etc/x"; status=$?; ls "$1"; exit $status' \
        - "$scratch/small" "$guestimg" "$image" "$scratch/agent1"
    exits "no room for a copy" 1
    has "is said" "$err" "there is no space for a copy of \`kata.img\`" "free some space there"
    is "and nothing is left there" "$out" "kata.img
kata.img.lock"
else
    skip "a folder that is read-only or full" "no mounts for this user"
fi
