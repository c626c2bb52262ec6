#!/usr/bin/env bash
# The libguestfs engine, on this machine: no lab is needed, but an appliance starts each time
# (ten seconds, emulated a minute). What the fast engine does is in tests/guestimg.
# shellcheck source=../guestimg/lib.sh
. "$(dirname "$0")/../guestimg/lib.sh"

ldconfig -p | grep 'libguestfs\.so\.0' >/dev/null || skip_all "libguestfs is not on this machine"
head -c 300000 /dev/urandom >"$scratch/agent"
echo small >"$scratch/small"
touch "$scratch/empty"
mkdir "$scratch/images"
image=$scratch/images/kata.img

# A journal to replay: the fast engine leaves it alone, `auto` takes this one.
make_part "$scratch/part" 8
printf 'jo\njw -b 100 /dev/zero\njc\n' >"$scratch/commands"
debugfs -w -f "$scratch/commands" "$scratch/part" >/dev/null 2>&1
make_image "$image" "$scratch/part" 3 dax
run "$guestimg" inspect "$image" --engine ext4 --json
is "an image with a dirty journal" "$(json journal)" dirty
before=$(sum "$image")
exec 7<"$image"
run "$guestimg" inject "$image" --json --put "$scratch/agent:/usr/bin/kata-agent:0750:70000:12" \
    --put "$scratch/small:/opt/a b/deep/new" --put "$scratch/small:/usr/outside" --put "$scratch/empty:/opt/empty:0600"
exits "takes files" 0
has "by libguestfs, and says why" "$(json engine): $(json why)" "guestfs: ext4: its journal has to be replayed; libguestfs"
is "it was changed" "$(json changed)" true
text_in "$image" /usr/bin/kata-agent >"$scratch/read"
is "debugfs reads the same bytes" "$(sum "$scratch/read")" "$(sum "$scratch/agent")"
is "mode and owner are those asked for" "$(attributes_in "$image" /usr/bin/kata-agent)" "0750 70000 12"
is "parents were made" "$(text_in "$image" "/opt/a b/deep/new")" small
is "an empty file too" "$(attributes_in "$image" /opt/empty)" "0600 0 0"
is "a new file is 0755 of root" "$(attributes_in "$image" "/opt/a b/deep/new")" "0755 0 0"
is "a link that seems to lead out leads to the image's own file" "$(text_in "$image" /etc/hostname)" small
is "which keeps its mode" "$(attributes_in "$image" /etc/hostname)" "0640 12 34"
ok "e2fsck finds nothing" clean_image "$image"
is "who had the old one open still sees it" "$(sum /dev/fd/7)" "$before"
exec 7<&-
is "the old one is kept, and nothing else" "$(beside "$image" | sed 's/-.*//')" kata.img.kept

inode=$(stat -c %i "$image")
run "$guestimg" inject "$image" --engine guestfs --json --put "$scratch/agent:/usr/bin/kata-agent:0750:70000:12"
exits "the same again" 0
is "changes nothing" "$(json changed) $(stat -c %i "$image")" "false $inode"
is "and leaves nothing behind" "$(beside "$image" | wc -l)" 1
run env LIBGUESTFS_PATH=/nonexistent "$guestimg" inject "$image" --engine guestfs --put "$scratch/agent:/usr/bin/kata-agent"
exits "which needs no appliance to be known" 0

# What the fast engine wrote, as libguestfs reads it.
head -c 200000 /dev/urandom >"$scratch/agent"
run "$guestimg" inject "$image" --json --put "$scratch/agent:/usr/bin/kata-agent"
is "now it is clean, and the fast engine's" "$(json engine) $(json changed)" "ext4 true"
echo before >"$scratch/read"
"$guestimg" cat "$image" /usr/bin/kata-agent --engine guestfs >>"$scratch/read"
is "what stood there before stays" "$(head -n 1 "$scratch/read")" before
is "libguestfs reads what that one wrote" "$(tail -n +2 "$scratch/read" | sha256sum | cut -d ' ' -f 1)" "$(sum "$scratch/agent")"

# A table need not have its partitions in the order in which they lie.
turned=$scratch/turned.img
cp "$image" "$turned"
printf 'label: dos\n\nt1 : start=%d, size=%d, type=83\nt3 : start=%d, size=%d, type=83\n' \
    $((3 * 2048)) $((8 * 2048)) 2048 1024 |
    sfdisk -q --no-reread --no-tell-kernel --wipe never --label dos "$turned"
"$guestimg" cat "$turned" /usr/bin/kata-agent --engine guestfs >"$scratch/read"
is "the root, the first of the table, is found where another lies before it" "$(sum "$scratch/read")" "$(sum "$scratch/agent")"

# A file system that nothing else here can read: what is in it is read back in the appliance.
xfs=$scratch/images/xfs.img
echo 'old agent' >"$scratch/old"
cat >"$scratch/tree" <<TREE
/nothing
0 0
d--755 0 0
usr d--755 0 0
bin d--755 0 0
kata-agent ---711 3 4 $scratch/old
\$
\$
\$
TREE
truncate -s 320M "$xfs"
PATH=$PATH:/usr/sbin:/sbin
mkfs.xfs -q -p "$scratch/tree" "$xfs"
run "$guestimg" inject "$xfs" --json --put "$scratch/agent:/usr/bin/kata-agent" --put "$scratch/small:/opt/new/small"
exits "an xfs takes files" 0
is "by libguestfs" "$(json engine) $(json changed)" "guestfs true"
has "as they were read back" "$out" "$(sum "$scratch/agent")" "$(sum "$scratch/small")"
ok "xfs_repair finds nothing" xfs_repair -n "$xfs"
# attributes_in_xfs PATH: "mode uid gid size".
attributes_in_xfs() {
    xfs_db -r -c "path $1" -c "print core.mode core.uid core.gid core.size" "$xfs" | sed 's/.* = //' | paste -sd ' '
}
is "who owned the old one stays" "$(attributes_in_xfs /usr/bin/kata-agent)" "0100711 3 4 200000"
is "a new file is 0755 of root" "$(attributes_in_xfs /opt/new/small)" "0100755 0 0 6"

head -c 20000000 /dev/zero >"$scratch/agent"
before=$(sum "$image")
run "$guestimg" inject "$image" --engine guestfs --put "$scratch/agent:/usr/bin/kata-agent"
exits "a file larger than the room" 1
has "is said" "$err" "the image is too small for \`/usr/bin/kata-agent\`: 20000000 bytes" "strip the binary"
is "and the image stays" "$(sum "$image")" "$before"
