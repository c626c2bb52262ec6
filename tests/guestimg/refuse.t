#!/usr/bin/env bash
# What guestimg does not change, and what it says then: the image stays as it was.
. "$(dirname "$0")/lib.sh"

echo agent >"$scratch/agent"
put=(--put "$scratch/agent:/usr/bin/kata-agent")

# refuses NAME STATUS IMAGE PART…: and leaves the file alone.
refuses() {
    local name=$1 wanted=$2 image=$3 before
    shift 3
    before=$(sum "$image")
    run "$guestimg" inject "$image" "${put[@]}" --engine "${engine:-ext4}"
    exits "$name" "$wanted"
    has "$name: said" "$err" "$@"
    is "$name: untouched" "$(sum "$image")" "$before"
}

echo "no image" >"$scratch/text"
refuses "a text file" 1 "$scratch/text" "is not a guest image: no file system of a known kind is in it" "known are raw images"
: >"$scratch/nothing"
refuses "an empty file" 1 "$scratch/nothing" "is not a guest image"
gzip -c "$scratch/text" >"$scratch/initrd"
refuses "an initrd" 1 "$scratch/initrd" "is not a guest image" "it looks like an initrd"
printf 'QFI\373\0\0\0\3' >"$scratch/qcow2"
refuses "a qcow2" 1 "$scratch/qcow2" "is not a guest image" "qemu-img convert -O raw"
truncate -s 1M "$scratch/gpt"
printf '\356\0\0\0\1\0\0\0\377\7\0\0' | dd of="$scratch/gpt" bs=1 seek=450 conv=notrunc status=none
printf '\125\252EFI PART' | dd of="$scratch/gpt" bs=1 seek=510 conv=notrunc status=none
refuses "a GPT" 1 "$scratch/gpt" "is not a guest image" "it has a GPT"
run "$guestimg" inject "$scratch/none" "${put[@]}"
exits "no file" 1
has "no file: said" "$err" "opening the image \`$scratch/none\`: No such file or directory" "kata-runtime env"
run "$guestimg" inject "$scratch" "${put[@]}"
exits "a folder" 1
has "a folder: said" "$err" "\`$scratch\` is not a regular file"
mkfifo "$scratch/pipe"
run timeout 10 "$guestimg" inject "$scratch/pipe" "${put[@]}"
exits "a pipe that nobody writes to" 1
has "a pipe: said" "$err" "\`$scratch/pipe\` is not a regular file"
run timeout 10 "$guestimg" inject "$scratch/text" --put "$scratch/pipe:/usr/bin/kata-agent"
exits "a pipe to be put in" 1
has "a pipe to be put in: said" "$err" "\`$scratch/pipe\` is not a regular file"
ln -s loop "$scratch/loop"
run "$guestimg" inject "$scratch/loop" "${put[@]}"
exits "a link to itself" 1

make_dax_image "$scratch/image"
head -c 6000000 "$scratch/image" >"$scratch/cut"
refuses "an image cut off" 1 "$scratch/cut" "its first partition ends at byte" "the file was cut off"
make_part "$scratch/part2" 8
head -c 6000000 "$scratch/part2" >"$scratch/cut2"
refuses "a file system cut off" 1 "$scratch/cut2" "its file system has 8388608 bytes" "the file was cut off"

# A journal with something in it: as a machine that lost power leaves it.
cp "$scratch/part2" "$scratch/dirty"
printf 'jo\njw -b 100 /dev/zero\njc\n' >"$scratch/commands"
debugfs -w -f "$scratch/commands" "$scratch/dirty" >/dev/null 2>&1
refuses "a dirty journal" 1 "$scratch/dirty" "cannot be changed (ext4: its journal has to be replayed)" "run e2fsck"
run "$guestimg" inspect "$scratch/dirty" --json --engine ext4
is "a dirty journal: inspect knows" "$(json journal) $(json clean)" "dirty false"
cp "$scratch/part2" "$scratch/unclean"
debugfs -w -R 'set_super_value state 0' "$scratch/unclean" 2>/dev/null
refuses "one not unmounted" 1 "$scratch/unclean" "cannot be changed (ext4: the file system is not marked clean)"
debugfs -w -R 'set_super_value state 3' "$scratch/unclean" 2>/dev/null
refuses "one in which errors were found" 1 "$scratch/unclean" "(ext4: the file system is not marked clean)"
make_part "$scratch/inline" 8 -O inline_data
refuses "one with features of its own" 1 "$scratch/inline" "(ext4: it has features that libext2fs does not write)"

# What only a check of the changed copy sees: a file that has more names than there are.
mkdir "$scratch/damaged"
cp "$scratch/part2" "$scratch/damaged/image"
debugfs -w -R 'set_inode_field /etc/hostname links_count 5' "$scratch/damaged/image" 2>/dev/null
refuses "a damaged one" 1 "$scratch/damaged/image" "the changed file system does not pass e2fsck: " \
    "may have been damaged before"
is "a damaged one: nothing beside" "$(beside "$scratch/damaged/image")" ""

truncate -s 8M "$scratch/xfs"
printf XFSB | dd of="$scratch/xfs" conv=notrunc status=none
refuses "xfs for the ext4 engine" 1 "$scratch/xfs" "cannot be changed (ext4: the file system is xfs)" "use \`--engine auto\`"
truncate -s 8M "$scratch/erofs"
printf '\342\341\365\340' | dd of="$scratch/erofs" bs=1 seek=1024 conv=notrunc status=none
engine=auto refuses "erofs" 1 "$scratch/erofs" "holds an erofs, which is read-only by nature" "use an ext4 image"
run "$guestimg" inspect "$scratch/erofs" --json
is "erofs: inspect knows" "$(json fs)" erofs

make_image "$scratch/measured" "$scratch/part2" 1
truncate -s 16M "$scratch/measured"
echo "start=$((9 * 2048)), type=83" | sfdisk -q --append --no-reread --no-tell-kernel "$scratch/measured"
engine=auto refuses "a measured image" 1 "$scratch/measured" "is measured: any change breaks its dm-verity hashes"
run "$guestimg" inspect "$scratch/measured" --json
is "a measured image: inspect knows" "$(json measured)" true

# Sizes.
head -c 20000000 /dev/urandom >"$scratch/agent"
refuses "a file larger than the room" 1 "$scratch/image" "the image is too small for \`/usr/bin/kata-agent\`: 20000000 bytes" "strip the binary"
is "a file larger than the room: nothing beside" "$(find "$scratch" -name 'image.*' ! -name '*.lock')" ""
rm "$scratch/agent"
truncate -s 5G "$scratch/agent"
refuses "a file larger than 4 GiB" 1 "$scratch/image" "the image is too small for \`/usr/bin/kata-agent\`: 5368709120 bytes"
rm "$scratch/agent"
run "$guestimg" inject "$scratch/image" "${put[@]}"
exits "no source" 1
has "no source: said" "$err" "opening \`$scratch/agent\`: No such file or directory"
mkdir "$scratch/agent"
run "$guestimg" inject "$scratch/image" "${put[@]}"
has "a folder as a source" "$err" "\`$scratch/agent\` is not a regular file"

# Usage. says STATUS NAME EXPECTED ARGUMENT…
says() {
    local wanted=$1 expected=$2
    shift 2
    run "$guestimg" "$@"
    exits "usage: $*" "$wanted"
    has "usage: $*: said" "$err$out" "$expected"
}
says 2 "usage: guestimg VERB"
says 0 "usage: guestimg VERB" --help
says 0 "guestimg " --version
says 2 'there is no verb `injekt`' injekt x
says 2 'did you mean `inject`?' injekt x
says 2 "nothing was named to put into the image" inject "$scratch/image"
says 2 "such as --put kata-agent:/usr/bin/kata-agent:0755" inject "$scratch/image"
says 2 "usage: guestimg inject IMAGE" inject --put a:/b
says 2 '`inject` needs more arguments' inject --put a:/b
says 2 '`list` takes no argument `y`' list x y
says 1 'says which image is in use' rollback "$scratch/none"
says 2 'no option `--nope`' inject x --nope
says 2 '`--put` needs a value' inject x --put
says 2 '`--keep -1`: a number from 0 to 1000' inject x --keep -1
says 2 '`--keep 1001`: a number from 0 to 1000' inject x --keep 1001
says 2 'there is no engine `fast`' inspect "$scratch/image" --engine fast
says 2 'known: auto, ext4, guestfs' inspect "$scratch/image" --engine fast
says 2 'did you mean `guestfs`?' inspect "$scratch/image" --engine geustfs
for bad in "a" ":/b" "a:b" "a:/" "a:/b/" "a:/b/../c" "a:/b//c" "a:/.." "a:/./b" "a:/b/." "a:/."; do
    says 2 "\`--put $bad\`: " inject "$scratch/image" --put "$bad"
done
says 2 "the mode must be octal" inject x --put a:/b:0999
says 2 "a user id needs a group id after it" inject x --put a:/b:0644:1
says 2 "user and group must be numbers" inject x --put a:/b:0644:root:root
says 2 "user and group must be numbers" inject x --put a:/b:0644:4294967295:0 # "leave it", to chown(2)
says 2 "a source and a destination are needed" inject x --put a:/b:0644:1:2:3
says 2 "are both to become \`/b\`" inject x --put a:/b --put c:/b
run "$guestimg" inject "$scratch/text" --put "$scratch/text:/b" --json
exits "a failure as JSON" 1
has "a failure as JSON: its words" "$(json error)" "is not a guest image"
has "a failure as JSON: what to do" "$(json hint)" "known are raw images"
is "a failure as JSON: nothing else" "$err" ""

# The kernel says that the one has no bytes, and gives some; that the other has 4096, and gives fewer: what
# a source that changes looks like. Blocks are small, so that some are left over.
make_part "$scratch/image" 8 -b 1024
for source in /proc/version /sys/kernel/fscaps; do
    put=(--put "$source:/etc/version")
    refuses "$source reads back differently" 1 "$scratch/image" "what was written reads back differently" "is somebody else changing a file"
    is "$source reads back differently: nothing beside" "$(find "$scratch" -name 'image.*' ! -name '*.lock')" ""
done
