#!/usr/bin/env bash
# A signal while libguestfs's appliance starts: nothing is left of it.
. "$(dirname "$0")/lib.sh"

ldconfig -p | grep 'libguestfs\.so\.0' >/dev/null || skip_all "libguestfs is not on this machine"
# Emulated it starts slowly enough; the cache stays where it is.
export LIBGUESTFS_CACHEDIR=${LIBGUESTFS_CACHEDIR:-/var/tmp} LIBGUESTFS_BACKEND_SETTINGS=force_tcg
export TMPDIR=$scratch/tmp
mkdir "$TMPDIR" "$scratch/images"
image=$scratch/images/kata.img
make_dax_image "$image"
echo agent >"$scratch/agent"

appliance() { pgrep -f "qemu.*-kernel.*$scratch/"; } # not the qemu-img before it

# stops SIGNAL ARGUMENT…: guestimg gets it once the appliance starts.
stops() {
    local pid
    # Whoever runs this under nohup has SIGHUP ignored, and a shell cannot take that back.
    env --default-signal="$1" "$guestimg" "${@:2}" >"$scratch/out" 2>&1 &
    pid=$!
    for _ in $(seq 600); do
        if appliance >/dev/null || ! kill -0 "$pid" 2>/dev/null; then break; fi
        read -rt 0.1 <> <(:) || true
    done
    ok "$2: an appliance starts" appliance
    kill "-$1" "$pid"
    wait "$pid" 2>/dev/null
    is "$2: ends by the signal" "$?" $((128 + $(kill -l "$1")))
    is "$2: nothing is said" "$(<"$scratch/out")" ""
    is "$2: no temporary files are left" "$(ls -A "$TMPDIR")" ""
    ok "$2: no appliance either" not appliance
}
before=$(sum "$image")
stops TERM inspect "$image" --engine guestfs
stops HUP inject "$image" --engine guestfs --put "$scratch/agent:/usr/bin/kata-agent"
is "the image is as it was" "$(sum "$image")" "$before"
is "and no copy beside it" "$(beside "$image")" ""
