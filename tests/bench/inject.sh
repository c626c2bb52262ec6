# shellcheck shell=bash
# A 30 MB agent into the lab's guest image, on the lab: guestfish as by hand, which changes the image
# in place, against both engines of guestimg, which change a copy, check it, read it back and put it
# in place by rename. Each on an image of its own; timed there, without a login. Sourced by run.
# shellcheck disable=SC2034,SC2154
title="Injecting a file of 30 MB into a guest image of 256 MiB"
variants=(guestfish ext4 libguestfs)
figures=(
    "wall|ext4 engine, s|guestfish|ext4|<=0.05"
    "wall|libguestfs engine, s|guestfish|libguestfs|<=0.65"
)
notes="The appliance of libguestfs runs virtualized inside of an emulated machine; to start it is nearly all of
what guestfish and the libguestfs engine take. Nearly half of the ext4 engine's time is SHA-256, of 30 MB.
Memory that an appliance has freed is written once before each variant: the emulator has to forget what ran
there."
there=/var/tmp/bench-inject
prepare() {
    on_host sh -c "rm -rf $there; mkdir $there && cat >$there/guestimg && chmod 0755 $there/guestimg" <"$guestimg"
    local v
    for v in "${variants[@]}"; do
        on_host cp --sparse=always "$LAB_IMAGE" "$there/$v.img"
    done
    # Not timed: the first one has everything of libguestfs to read from the disk.
    on_host guestfish -a "$there/guestfish.img" run
}
measure() {
    local image=$there/$1.img agent=$there/kata-agent
    # What others have left to be written is not to be flushed together with this one's. And memory that
    # an appliance has freed is slow to be written the first time where all this is emulated: what it ran
    # from there is known to the emulator, which has to forget it. Nobody's image is to pay for that.
    on_host sh -c "head -c 30000000 /dev/urandom >$agent; sync
        perl -e '\$all = \"x\" x (1024 * shift)' \$(awk '/^MemFree/ { print \$2 - 100000 }' /proc/meminfo)"
    case $1 in
    guestfish)
        timed_there guestfish -a "$image" -i upload "$agent" /usr/bin/kata-agent : chmod 0755 /usr/bin/kata-agent
        ;;
    *)
        timed_there "$there/guestimg" inject "$image" --put "$agent:/usr/bin/kata-agent:0755" --engine "${1/#lib/}" --keep 1
        ;;
    esac
    sample wall "$took"
}
# timed_there COMMAND…: `timed`, there, where no login is in it.
timed_there() {
    # shellcheck disable=SC2016 # for bash there
    took=$(on_host bash -c 'start=$EPOCHREALTIME; "$@" >/var/tmp/bench-inject/said 2>&1 || { cat /var/tmp/bench-inject/said >&2; exit 1; }
        awk -v a="$start" -v b="$EPOCHREALTIME" "BEGIN { printf \"%.6f\", b - a }"' - "$@")
}
