# shellcheck shell=bash
# A 30 MB agent into the lab's guest image, on this machine: guestfish as by hand, which changes the
# image in place, against both engines of guestimg, which change a copy, check it, read it back and
# put it in place by rename. Sourced by run.
# shellcheck disable=SC2034,SC2154
title="Injecting a file of 30 MB into a guest image of 256 MiB"
variants=(guestfish ext4 libguestfs)
figures=(
    "wall|ext4 engine, s|guestfish|ext4|<=0.05"
    "wall|libguestfs engine, s|guestfish|libguestfs|<=0.65"
)
prepare() {
    export LIBGUESTFS_BACKEND=direct
    # Where /dev/kvm opens but no guest runs with it, guestfish by itself does not come up.
    [ "$(lab_accel)" = kvm ] || export LIBGUESTFS_BACKEND_SETTINGS=force_tcg
    on_host sh -c "tar -C \$(dirname $LAB_IMAGE) -chS \$(basename $LAB_IMAGE)" | tar -C "$scratch" -xS
    # Without it `guestfish -i` takes this for no operating system.
    echo "127.0.0.1 localhost" >"$scratch/hosts"
    "$guestimg" inject "$scratch/kata-containers.img" --put "$scratch/hosts:/etc/hosts:0644" --keep 0 >&2
    for v in "${variants[@]}"; do
        mkdir "$scratch/$v"
        cp --sparse=always "$scratch/kata-containers.img" "$scratch/$v/image"
    done
}
measure() {
    local image=$scratch/$1/image agent=$scratch/kata-agent
    head -c 30000000 /dev/urandom >"$agent"
    case $1 in
    guestfish)
        timed guestfish -a "$image" -i upload "$agent" /usr/bin/kata-agent : chmod 0755 /usr/bin/kata-agent
        ;;
    *)
        timed "$guestimg" inject "$image" --put "$agent:/usr/bin/kata-agent:0755" --engine "${1/#lib/}" --keep 1
        ;;
    esac
    sample wall "$took"
}
