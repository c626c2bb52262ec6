#!/usr/bin/env bash
# A real CRIU under this machine's own kernel, which may be too new for it (Debian 12's under 6.13 and
# later): that is found where it is so, and only there. Root alone can run CRIU. The container stands in.
# shellcheck source=../e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"

[ "$(id -u)" -eq 0 ] || skip_all "CRIU wants root"
command -v criu >/dev/null || skip_all "there is no criu here"
id=5b1a2c$$
checkpoint=/tmp/criu-checkpoint-$id
tidy() {
    local status=$?
    kill "$target"
    rm -rf "$checkpoint"
    (exit "$status") # `finish` looks at it
    finish
}
hold_tmp # until the end: free then
mkdir -p "$scratch/bin" "$checkpoint/images" "$checkpoint/work"
export HOME=$scratch PATH=$scratch/bin:$PATH
setsid sleep 600 </dev/null >/dev/null 2>&1 9<&- &
target=$!
trap tidy EXIT
cat >"$scratch/bin/ctr" <<SH
#!/bin/sh
case "\$*" in
*" ls -q") echo $id ;;
*info*) echo '{"Runtime":{"Name":"io.containerd.runc.v2"}}' ;;
*tasks*) printf 'TASK PID STATUS\n%s %s RUNNING\n' $id $target ;;
esac
SH
chmod +x "$scratch/bin/ctr"
cd "$scratch" || exit

dumped=0
timeout 60 criu dump -v4 --tree "$target" --images-dir "$checkpoint/images" --work-dir "$checkpoint/work" \
    --log-file criu-dump.log --leave-running >said 2>&1 || dumped=$?
log=$(<"$checkpoint/work/criu-dump.log")
run "$kataloop" diagnose --host local --json "$id"
if [ "$dumped" -ne 0 ] && test_has "$log" 'Unexpected rt vDSO area bounds' >/dev/null; then
    has "the kernel is too new: found" "$out" '"findings":[{"rule":"kernel-too-new","certainty":"certain"'
    has "the kernel is too new: the kernel and CRIU are named" "$out" "$(uname -r)" "$(criu --version | head -n 1)"
else
    ok "another kernel: it is not accused" not test_has "$out" kernel-too-new
    skip "a kernel that is too new" "CRIU knows this one ($(uname -r))"
fi
