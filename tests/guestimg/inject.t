#!/usr/bin/env bash
# Files into images by the ext4 engine: that they are there, whole, with what belongs to them, as
# another program (debugfs, e2fsck) sees it; and that nothing is done twice.
. "$(dirname "$0")/lib.sh"

mkdir "$scratch/images"
image=$scratch/images/kata.img
head -c 300000 /dev/urandom >"$scratch/agent"
make_dax_image "$image"

run "$guestimg" inject "$image" --put "$scratch/agent:/usr/bin/kata-agent:0750" --json
exits "an agent goes in" 0
is "by the fast engine" "$(json engine)" ext4
is "which says why" "$(json why)" "a clean ext4"
is "it was changed" "$(json changed)" true
is "the digest is the file's" "$(json files.0.sha256)" "$(sum "$scratch/agent")"
is "and its size" "$(json files.0.size)" 300000
text_in "$image" /usr/bin/kata-agent >"$scratch/read"
is "debugfs reads the same bytes" "$(sum "$scratch/read")" "$(sum "$scratch/agent")"
is "the mode is the one asked for, the owner stays" "$(attributes_in "$image" /usr/bin/kata-agent)" "0750 12 34"
ok "e2fsck finds nothing" clean_image "$image"
is "the image before is kept, and nothing else" "$(beside "$image" | sed 's/-.*//')" kata.img.kept
is "the version kept is the one named" "$(basename "$(json kept)")" "$(beside "$image")"
is "which is the image as it was" "$(text_in "$(json kept)" /usr/bin/kata-agent)" "old agent"
ok "the image is as large as before" test "$(stat -c %s "$image")" -eq "$(stat -c %s "$(json kept)")"

inode=$(stat -c %i "$image")
run "$guestimg" inject "$image" --put "$scratch/agent:/usr/bin/kata-agent:0750" --json
exits "the same again" 0
is "changes nothing" "$(json changed) $(stat -c %i "$image")" "false $inode"
run "$guestimg" inject "$image" --put "$scratch/agent:/usr/bin/kata-agent" --json
is "no mode asked for: the one there is right" "$(json changed)" false
run "$guestimg" inject "$image" --put "$scratch/agent:/usr/bin/kata-agent:0755" --json
is "another mode is a change" "$(json changed) $(attributes_in "$image" /usr/bin/kata-agent)" "true 0755 12 34"
run "$guestimg" inject "$image" --put "$scratch/agent:/usr/bin/kata-agent:04755:70000:80000" --json
is "another owner is one, and high ids and set-id bits stay" \
    "$(json changed) $(attributes_in "$image" /usr/bin/kata-agent)" "true 04755 70000 80000"

echo small >"$scratch/small"
run "$guestimg" inject "$image" --put "$scratch/small:/opt/a b/deep/er/name with \"quotes\"" --json
exits "parents are made" 0
is "for root, as folders are" "$(attributes_in "$image" "/opt/a b/deep")" "0755 0 0"
is "a new file is 0755 of root" "$("$guestimg" cat "$image" '/opt/a b/deep/er/name with "quotes"')" small
newline=$'/etc/two\nlines'
run "$guestimg" inject "$image" --put "$scratch/small:$newline" --json
exits "a line end in a name is a name" 0
is "it is there" "$("$guestimg" cat "$image" "$newline")" small
ok "e2fsck still finds nothing" clean_image "$image"

run "$guestimg" inject "$image" --put "$scratch/small:/etc/hostname"
exits "a replaced file" 0
is "keeps its mode" "$(attributes_in "$image" /etc/hostname)" "0640 12 34"
is "as text it is told in lines" "$(grep -c "^changed  *yes$" <<<"$out")" 1
has "with the engine and why" "$out" "engine         ext4" "why            a clean ext4" "kept           $image.kept-"

: >"$scratch/empty"
run "$guestimg" inject "$image" --put "$scratch/empty:/etc/empty" --put "$scratch/small:/etc/small:0600" --json
exits "several at once, one of them empty" 0
is "the empty one is empty" "$(attributes_in "$image" /etc/empty) $("$guestimg" cat "$image" /etc/empty | wc -c)" "0755 0 0 0"
is "the other is not" "$(text_in "$image" /etc/small)" small
run "$guestimg" inject "$image" --put "$scratch/empty:/usr/bin/kata-agent" --json
is "a large file may shrink to nothing" "$("$guestimg" cat "$image" /usr/bin/kata-agent | wc -c)" 0
ok "and its blocks are free again" clean_image "$image"

# Links in the image stay in the image.
run "$guestimg" inject "$image" --put "$scratch/agent:/bin/kata-agent:0755" --json
exits "through a folder that is a link" 0
is "to where it leads" "$("$guestimg" cat "$image" /usr/bin/kata-agent | sha256sum | cut -d ' ' -f 1)" "$(sum "$scratch/agent")"
hostname=$(cat /etc/hostname 2>/dev/null)
echo guest >"$scratch/guest"
run "$guestimg" inject "$image" --put "$scratch/guest:/usr/outside" --json
exits "a link that seems to lead out" 0
is "leads to the image's own file" "$(text_in "$image" /etc/hostname)" guest
is "and not to the host's" "$(cat /etc/hostname 2>/dev/null)" "$hostname"
run "$guestimg" inject "$image" --put "$scratch/small:/usr/bin/dangling"
exits "a link to nothing is refused" 1
has "and named" "$err" '`/usr/bin/dangling` in the image is a symbolic link to nothing'
run "$guestimg" inject "$image" --put "$scratch/small:/usr/bin/dangling/file"
exits "a folder that is a link to nothing too" 1
run "$guestimg" inject "$image" --put "$scratch/small:/usr/loop"
exits "a link to itself is refused" 1
has "and named" "$err" '`/usr/loop`'
run "$guestimg" inject "$image" --put "$scratch/small:/etc/small/file"
exits "below a file there is nothing" 1
has "it says so" "$err" '/etc/small'
run "$guestimg" inject "$image" --put "$scratch/small:/etc"
exits "a folder is not replaced" 1
has "it says so" "$err" '`/etc` in the image is not a regular file'
ok "the image is whole after all that" clean_image "$image"

# Layouts.
make_part "$scratch/bare" 8
run "$guestimg" inject "$scratch/bare" --put "$scratch/small:/etc/small" --json
exits "a file system without partitions" 0
is "holds it" "$(debugfs -R 'cat /etc/small' "$scratch/bare" 2>/dev/null)" small
make_part "$scratch/part1" 8 -O ^has_journal,^metadata_csum
make_image "$scratch/nodax.img" "$scratch/part1" 1
run "$guestimg" inject "$scratch/nodax.img" --put "$scratch/small:/etc/small" --json
exits "an image without a DAX header, an ext4 without a journal" 0
ok "is clean" e2fsck -fn "$scratch/nodax.img?offset=1048576"
make_part "$scratch/blocks" 8 -O ^extents,^64bit
run "$guestimg" inject "$scratch/blocks" --put "$scratch/agent:/usr/bin/kata-agent" --put "$scratch/agent:/etc/new" --json
exits "an ext4 without extents" 0
ok "is clean" e2fsck -fn "$scratch/blocks"
is "and holds it" "$(debugfs -R 'cat /etc/new' "$scratch/blocks" 2>/dev/null | sha256sum | cut -d ' ' -f 1)" "$(sum "$scratch/agent")"

# Hundreds of names make a folder grow, whether they are files or folders.
# shellcheck disable=SC2016 # for that shell
run bash -c 'name=a-name-that-takes-some-room-in-the-folder
    for i in $(seq 300); do printf "%s\n" --put "$1:/many/$name-$i"; done >"$4"
    for i in $(seq 100); do printf "%s\n" --put "$1:/deep/$name-$i/file"; done >>"$4"
    xargs -d "\n" "$2" inject "$3" --json <"$4"' - "$scratch/empty" "$guestimg" "$image" "$scratch/puts"
exits "four hundred files" 0
is "are all there" "$(in_image "$image" 'ls -p /many' | grep -c a-name) $(in_image "$image" 'ls -p /deep' | grep -c a-name)" "300 100"
ok "in folders that are whole" clean_image "$image"

run "$guestimg" inspect "$image" --json
exits "inspect" 0
is "knows the layout" "$(json fs) $(json dax_header) $(json offset) $(json measured) $(json journal)" "ext4 true 3145728 false clean"
is "and the agent" "$(json agent.path) $(json agent.sha256)" "/usr/bin/kata-agent $(sum "$scratch/agent")"
run "$guestimg" inspect "$image"
has "as text too" "$out" "fs             ext4" "dax_header     yes"
