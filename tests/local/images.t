#!/usr/bin/env bash
# Guest images that cannot be changed, each for another reason: what is said, what to do, and that
# the image stays as it was. On this machine (the local transport).
. "$(dirname "$0")/../e2e/lib.sh"

command -v mkfs.ext4 debugfs >/dev/null || skip_all "there is no e2fsprogs"
cd "$scratch" || exit
export HOME=$scratch
truncate -s 24M small.img dirty.img
mkfs.ext4 -q -F small.img
mkfs.ext4 -q -F dirty.img
debugfs -w -R 'feature needs_recovery' dirty.img >/dev/null 2>&1
truncate -s 2M noimage.img
truncate -s 30M big
echo tool >tool

# inject IMAGE FILE: a run that puts the file into the image.
inject() {
    cat >kataloop.yaml <<YAML
version: 1
hosts: {here: {ssh: local, workspace: $scratch, become: none}}
images: {guest: {path: $1, engine: ext4}}
workflows:
  w: {host: here, steps: [{inject: {image: guest, files: [{from: $scratch/$2, to: /bin/tool}]}}]}
YAML
    run "$kataloop" run
}

# refused NAME IMAGE FILE PART…
refused() {
    local name=$1 image=$2 file=$3 before
    shift 3
    before=$(sha256sum "$image" 2>&1)
    inject "$image" "$file"
    exits "$name: the step failed" 1
    has "$name: says the cause and the next step" "$err" "$@"
    is "$name: the image is as it was" "$(sha256sum "$image" 2>&1)" "$before"
    is "$name: no copy is left" "$(find . -name '*.kept-*' -o -name '*.guestimg-*')" ""
}

refused "no image" absent.img tool 'error: inject guest: opening the image' \
    "absent.img\`: No such file or directory" 'hint: `kata-runtime env --json` says which image is in use'
refused "not an image" noimage.img tool 'noimage.img` is not a guest image: no file system of a known kind is in it' \
    'hint: known are raw images with ext4, xfs or erofs'
refused "a dirty journal" dirty.img tool 'cannot be changed (ext4: its journal has to be replayed)' 'hint: '
refused "too small" small.img big 'the image is too small for `/bin/tool`: 31457280 bytes, and' \
    'hint: strip the binary, or build the image with more room'
refused "no such file" small.img none "opening \`$scratch/none\`: No such file or directory" \
    'hint: what is put in is a file of the machine that has the image'

inject small.img tool
exits "one that fits" 0
has "is put in place" "$out" 'changed, checked and put in place'
is "and is in it" "$(debugfs -R 'cat /bin/tool' small.img 2>/dev/null)" tool

# --- what a workflow file says of a file and of an image comes to it ---------------------------------------
cp small.img own.img
cat >kataloop.yaml <<YAML
version: 1
hosts: {here: {ssh: local, workspace: $scratch, become: none}}
images: {guest: {path: own.img, engine: ext4, keep: 1}}
workflows:
  w:
    host: here
    steps:
      - inject: {image: guest, files: [{from: ./tool, to: /bin/own, mode: "4750", owner: "12:34"}]}
      - inject: {image: guest, files: [{from: ./tool, to: /bin/other}]}
YAML
run "$kataloop" run
exits "a file with a mode and an owner" 0
is "has both" "$(debugfs -R 'stat /bin/own' own.img 2>/dev/null | grep -oE 'Mode: +[0-9]+|User: +[0-9]+|Group: +[0-9]+' | tr -s ' ' | paste -sd ' ')" \
    "Mode: 04750 User: 12 Group: 34"
is "and no more versions stay than are to be kept" "$(find . -name 'own.img.kept-*' | wc -l)" 1

# --- two changes of one image: each is known by itself, and left out once nothing changes any more -----
cat >kataloop.yaml <<YAML
version: 1
hosts: {here: {ssh: local, workspace: $scratch, become: none}}
images: {guest: {path: $scratch/small.img, engine: ext4}}
workflows:
  w:
    host: here
    steps:
      - inject: {image: guest, files: [{from: $scratch/tool, to: /bin/one}]}
      - inject: {image: guest, files: [{from: $scratch/tool, to: /bin/other}]}
YAML
run "$kataloop" run
is "two changes: both are done" "$(grep -c 'put in place' <<<"$out")" 2
run "$kataloop" run # the second has changed what the first had left: it looks again
exits "two changes, again" 0
run "$kataloop" run
is "two changes: both are left out in the end" "$(grep -c 'skipped, nothing changed' <<<"$out")" 2
echo edited >tool
run "$kataloop" run
is "two changes: and done again after an edit" "$(grep -c 'put in place' <<<"$out")" 2

# --- a unit that does not come back: the image that this run replaced is put back -----------------------------
mkdir bin
printf '#!/bin/sh\n[ "$1" = show ]\n' >bin/systemctl
printf '#!/bin/sh\n' >bin/journalctl
chmod +x bin/*
# fails_after SHELL-COMMAND: the image of a run that has changed it, then ran this, then restarts a unit.
fails_after() {
    cp small.img unit.img
    rm -f unit.img.*
    before=$(sha256sum <unit.img)
    cat >kataloop.yaml <<YAML
version: 1
hosts: {here: {ssh: local, workspace: $scratch, become: none}}
images: {guest: {path: $scratch/unit.img, engine: ext4}}
workflows:
  w:
    host: here
    steps:
      - inject: {image: guest, files: [{from: $scratch/tool, to: /bin/of-the-run}]}
      - run: "$1"
      - restart: x
YAML
    PATH=$scratch/bin:$PATH run "$kataloop" run --force
    exits "a unit that does not come back" 1
    is "its image is as it was before" "$(sha256sum <unit.img)" "$before"
}
fails_after true
has "which is said" "$err$out" "the previous image was put back"
is "and what the run had put there is gone" "$(ls unit.img.kept-* 2>/dev/null)" ""
fails_after "$guestimg inject unit.img --engine ext4 --put tool:/bin/of-another >/dev/null"
has "what somebody else has put there meanwhile is kept" "$out" "was not this run's any more: it is kept"
youngest=$("$guestimg" list unit.img --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["versions"][0])')
is "as the youngest version" "$("$guestimg" cat "$youngest" /bin/of-another)" "$(<tool)"
cp small.img by-hand.img
"$guestimg" inject by-hand.img --engine ext4 --put tool:/bin/by-hand >/dev/null
fails_after "mv by-hand.img unit.img"
has "nor is one that was put there by hand dropped" "$out" "was not this run's any more: it is kept"
is "it is a version too" "$("$guestimg" cat "$(ls unit.img.kept-*)" /bin/by-hand)" "$(<tool)"

# Two changes are both taken back, and nothing of the run stays.
cp small.img twice.img
cat >kataloop.yaml <<YAML
version: 1
hosts: {here: {ssh: local, workspace: $scratch, become: none}}
images: {guest: {path: $scratch/twice.img, engine: ext4}}
workflows:
  w:
    host: here
    steps:
      - inject: {image: guest, files: [{from: $scratch/tool, to: /bin/first}]}
      - inject: {image: guest, files: [{from: $scratch/tool, to: /bin/second}]}
      - restart: x
YAML
before=$(sha256sum <twice.img)
PATH=$scratch/bin:$PATH run "$kataloop" run --force
is "two changes of one image: both are put back" "$(grep -c 'put the previous image back' <<<"$out")" 2
is "two changes: the image is as it was" "$(sha256sum <twice.img)" "$before"
is "two changes: nothing of them is kept" "$(ls twice.img.kept-* 2>/dev/null)" ""
