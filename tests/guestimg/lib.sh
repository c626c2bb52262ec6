# shellcheck shell=bash
# Small guest images laid out as Kata's osbuilder lays out its own, and what is in them as others
# see it. Sourced first by every *.t of this folder.
# In memory where that is possible: every injection is flushed to the disk.
[ ! -w /dev/shm ] || export TMPDIR=/dev/shm
. "$(dirname "${BASH_SOURCE[0]}")/../e2e/lib.sh"

# make_part FILE MIB [MKE2FS-OPTION…]: an ext4 with a small root, an agent of user 12, group 34 in it.
make_part() {
    local part=$1 mib=$2 root=$scratch/root file
    shift 2
    if [ ! -d "$root" ]; then
        mkdir -p "$root"/{etc,tmp,usr/bin,usr/sbin,usr/lib}
        ln -s usr/bin "$root/bin"
        ln -s usr/sbin "$root/sbin"
        echo 'old agent' >"$root/usr/bin/kata-agent"
        chmod 0755 "$root/usr/bin/kata-agent"
        echo guest >"$root/etc/hostname"
        chmod 0640 "$root/etc/hostname"
        ln -s ../etc/hostname "$root/usr/name"
        ln -s ../../../../../../../../../etc/hostname "$root/usr/outside"
        ln -s nowhere "$root/usr/bin/dangling"
        ln -s loop "$root/usr/loop"
    fi
    truncate -s "${mib}M" "$part"
    mke2fs -q -t ext4 -b 4096 -E root_owner=0:0 "$@" -d "$root" "$part"
    for file in usr/bin/kata-agent etc/hostname; do
        printf 'set_inode_field /%s %s\n' "$file" 'uid 12' "$file" 'gid 34'
    done | debugfs -w -f - "$part" >/dev/null 2>&1
    e2fsck -fyD "$part" >/dev/null 2>&1 || [ $? -eq 1 ]
}

# make_image IMAGE PART START-MIB [dax]: the partition at START-MIB behind an MBR; with `dax` the
# metadata of a DAX device at 4 KiB and a second MBR at 2 MiB.
make_image() {
    local image=$1 part=$2 start=$3 size
    size=$(($(stat -c %s "$part") + (start << 20)))
    put_mbr "$image" "$size" "$start"
    if [ "${4:-}" = dax ]; then
        put_mbr "$scratch/second" $((size - (2 << 20))) $((start - 2))
        dd if="$scratch/second" of="$image" bs=512 count=1 seek=4096 conv=notrunc status=none
        printf 'NVDIMM_PFN_INFO\0' | dd of="$image" bs=1 seek=4096 conv=notrunc status=none
    fi
    dd if="$part" of="$image" bs=1M seek="$start" conv=notrunc,sparse status=none
}
put_mbr() {
    rm -f "$1"
    truncate -s "$2" "$1"
    echo "start=$(($3 * 2048)), type=83, bootable" |
        sfdisk -q --no-reread --no-tell-kernel --label dos "$1"
}

# An image as most have it. SIZE in MiB of its file system.
make_dax_image() {
    make_part "$scratch/part" "${2:-8}"
    make_image "$1" "$scratch/part" 3 dax
}

# in_image IMAGE DEBUGFS-COMMAND: how another program sees the file system at 3 MiB.
in_image() { debugfs -R "$2" "$1?offset=3145728" 2>/dev/null; }
# text_in IMAGE PATH
text_in() { in_image "$1" "cat \"$2\""; }
# attributes_in IMAGE PATH: "mode uid gid".
attributes_in() {
    in_image "$1" "stat \"$2\"" | awk '
        /Mode:/ { for (i = 1; i < NF; i++) if ($i == "Mode:") mode = $(i + 1) }
        /User:/ { for (i = 1; i < NF; i++) {
            if ($i == "User:") user = $(i + 1)
            if ($i == "Group:") group = $(i + 1) } }
        END { print mode, user, group }'
}
# clean_image IMAGE: e2fsck has nothing to say against it.
clean_image() { e2fsck -fn "$1?offset=3145728"; }
# beside IMAGE: what lies in its folder apart from it and its lock.
beside() {
    local folder name
    folder=$(dirname "$1") name=$(basename "$1")
    find "$folder" -mindepth 1 -maxdepth 1 ! -name "$name" ! -name "$name.lock" -printf '%f\n' | sort
}
# sum FILE
sum() { sha256sum <"$1" | cut -d ' ' -f 1; }
# json KEY: of the object that the last `run` printed.
json() {
    python3 -c '
import json, sys
value = json.loads(sys.argv[1])
for key in sys.argv[2].split("."):
    value = value[int(key)] if key.isdigit() else value[key]
print(value if isinstance(value, str) else json.dumps(value))' "$out" "$1"
}
