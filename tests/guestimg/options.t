#!/usr/bin/env bash
# The command line: which options a verb has, what is wrong with one; and what `cat` shows.
. "$(dirname "$0")/lib.sh"

image=$scratch/kata.img
make_dax_image "$image"

# no_option VERB OPTION ARGUMENT…
no_option() {
    run "$guestimg" "$1" "${@:3}"
    exits "$1 has no $2" 2
    has "$1 has no $2: said" "$err" "\`$1\` has no option \`$2\`" "\`guestimg $1 -h\` lists"
    is "$1 has no $2: no output" "$out" ""
}
no_option inspect --put "$image" --put "$image:/y"
no_option inspect --keep "$image" --keep 3
no_option list --engine "$image" --engine ext4
no_option list --to "$image" --to x
no_option rollback --put "$image" --put "$image:/y"
no_option rollback --engine "$image" --engine ext4
no_option inject --to "$image" --put "$image:/y" --to x
no_option cat --json "$image" /etc/hostname --json

for verb in inject inspect list rollback cat; do
    run "$guestimg" "$verb" -h
    exits "help of $verb" 0
    mapfile -t its < <(grep -o -e '--[a-z]*' <<<"$out" | sort -u)
    ok "help of $verb: it has options" test "${#its[@]}" -gt 0
    for option in "${its[@]}"; do
        run "$guestimg" "$verb" "$option=x" -h
        ok "$verb knows $option" not grep -q "has no option" <<<"$err"
    done
done
run "$guestimg" inspect --json -h
is "behind help there is no object" "$(tail -n 1 <<<"$out")" "IS replaced), 2 usage"

# wrong PART ARGUMENT…
wrong() {
    run "$guestimg" "${@:2}"
    exits "${*:2}" 2
    has "${*:2}: said" "$err$out" "$1"
}
wrong 'no option `-d`' inspect -d.img
wrong 'as `./-…`' inspect -d.img
wrong 'no option `-d`' inspect --json -d.img
wrong '`--json=1`: this option takes no value' inspect --json=1
wrong 'no option `--nope`' inspect --nope
wrong '`guestimg -h` says which' inject "$image" --put
long=$(printf 'ä%.0s' {1..128})
wrong 'a name in the destination is longer than 255 bytes' inject "$image" --put "$image:/$long/x"
cp "$image" "$scratch/-d.img"
cd "$scratch" || exit
run "$guestimg" inspect ./-d.img
exits "an image of such a name" 0
run "$guestimg" inspect -- -d.img
exits "behind two dashes too" 0

# What is no regular file has nothing to show.
debugfs -w -R 'mknod pipe p' "$image?offset=3145728" 2>/dev/null
for path in /etc / /bin /pipe; do
    run "$guestimg" cat "$image" "$path"
    exits "cat $path" 1
    is "cat $path: said" "$err" "guestimg: \`$path\` in the image is not a regular file"
    is "cat $path: nothing shown" "$out" ""
done
run "$guestimg" cat "$image" /none
exits "cat of what is not there" 1
has "is said" "$err" 'there is no `/none` in the image'
run "$guestimg" cat "$image" $'/no\e[2Jne'
is "without what would steer a terminal" "$err" 'guestimg: there is no `/none` in the image'
run "$guestimg" cat "$image" /usr/name
is "a link to a file is shown" "$status$out" 0guest
run sh -c '"$0" cat "$1" /usr/name >/dev/full' "$guestimg" "$image"
is "what cannot be written is said" "$err" 'guestimg: writing out what the file has: No space left on device'
run sh -c '"$0" list "$1" >/dev/full' "$guestimg" "$image"
is "of a text too" "$err" 'guestimg: standard output could not be written: No space left on device'

# An odd name is no less an image.
odd=$scratch/$'\xff\033[2J.img'
cp "$image" "$odd"
"$guestimg" inject "$odd" --put "$scratch/root/etc/hostname:/etc/new" >/dev/null
run "$guestimg" list "$odd" --json
ok "versions of an image whose name is no UTF-8 are listed" grep -q '"versions":\["' <<<"$out"
run "$guestimg" list "$odd"
has "as text too" "$out" "versions " ".kept-"
ok "and steer no terminal" not grep -q $'\033' "$scratch/out"
