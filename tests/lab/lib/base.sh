# shellcheck shell=bash
# The base of the lab: a Debian root with everything installed, as a disk image, its kernel, and the
# keys that open it. Sourced by ../lab.
# shellcheck disable=SC2154 # here: the folder of ../lab

suite=trixie
base_packages=(
    systemd systemd-sysv dbus openssh-server sudo ca-certificates
    linux-image-cloud-amd64 initramfs-tools zstd kmod udev iproute2 iptables procps psmisc
    containerd runc criu containernetworking-plugins busybox-static
    rsync make gcc libc6-dev cargo e2fsprogs fdisk file jq
    libguestfs-tools
)
nerdctl_packages=(golang-go git)

# Run a command in a root folder, with its own mounts and processes, all gone when it ends.
in_root() {
    local root=$1
    shift
    # shellcheck disable=SC2016 # for the inner shell
    unshare --mount --pid --fork --kill-child -- bash -c '
        set -eu
        root=$1; shift
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        mount -t sysfs sysfs "$root/sys"
        mount -t tmpfs tmp "$root/tmp"
        exec chroot "$root" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"' \
        _ "$root" ${proxy_environment[@]+"${proxy_environment[@]}"} "$@"
}

# The mirror this machine itself installs from.
debian_mirror() {
    local uri
    uri=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
        sed -nE 's/^URIs: *([^ ]*debian) *\/?$/\1/p; s/^deb (\[[^]]*\] )?([^ ]*debian)\/? .*/\2/p' | head -n 1)
    echo "${uri:-http://deb.debian.org/debian}"
}

# How this machine reaches the network, for the programs in the root.
collect_proxy_environment() {
    local name
    proxy_environment=()
    for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY \
        GOPROXY GONOSUMDB GOSUMDB GOINSECURE; do
        [ -z "${!name:-}" ] || proxy_environment+=("$name=${!name}")
    done
}

install_packages() {
    local root=$1 mirror
    mirror=$(debian_mirror)
    say "installing Debian $suite"
    debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" "$mirror"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 0755 "$root/usr/sbin/policy-rc.d"
    printf 'path-exclude /usr/share/doc/*\npath-exclude /usr/share/man/*\npath-exclude /usr/share/locale/*\n' \
        >"$root/etc/dpkg/dpkg.cfg.d/small"
    in_root "$root" apt-get install -q -y --no-install-recommends "${base_packages[@]}"
    rm -f "$root/usr/sbin/policy-rc.d"
}

# nerdctl is in no Debian release: build it from its module, with the Go of the root. Where the
# modules cannot be reached the lab goes on without it and says so (3: see build_whole).
build_nerdctl() {
    local root=$1
    say "building nerdctl"
    in_root "$root" apt-get install -q -y --no-install-recommends "${nerdctl_packages[@]}"
    mkdir -p "$root/var/tmp/nerdctl"
    cp -r "$here/nerdctl/." "$root/var/tmp/nerdctl"
    cp /etc/ssl/certs/ca-certificates.crt "$root/var/tmp/nerdctl/ca.crt"
    # shellcheck disable=SC2016 # for the inner shell
    if ! in_root "$root" env GOTOOLCHAIN=local GOFLAGS=-buildvcs=false CGO_ENABLED=0 \
        GOPATH=/var/tmp/go GOCACHE=/var/tmp/go/cache SSL_CERT_FILE=/var/tmp/nerdctl/ca.crt \
        sh -c 'cd /var/tmp/nerdctl && go build -trimpath -ldflags="-s -w" \
            -o /usr/local/bin/nerdctl github.com/containerd/nerdctl/v2/cmd/nerdctl'; then
        echo "lab: nerdctl's modules cannot be reached: the lab has no nerdctl, ctr is used instead" >&3
    fi
    chmod -R u+w "$root/var/tmp/go"
    rm -rf "$root/var/tmp/nerdctl" "$root/var/tmp/go"
    in_root "$root" apt-get purge -q -y --autoremove "${nerdctl_packages[@]}"
}

# libguestfs' appliance made once here: inside the lab that would take minutes.
build_appliance() {
    local root=$1
    say "building the appliance of libguestfs"
    mkdir -p "$root/usr/local/lib/guestfs"
    # shellcheck disable=SC2016 # for the inner shell
    in_root "$root" sh -c 'kernel=$(ls /boot/vmlinuz-*) && version=${kernel#/boot/vmlinuz-} &&
        SUPERMIN_KERNEL=$kernel SUPERMIN_MODULES=/lib/modules/$version supermin --build \
            --copy-kernel -f ext2 --host-cpu x86_64 /usr/lib/*/guestfs/supermin.d \
            -o /usr/local/lib/guestfs &&
        printf "fixed appliance\n" > /usr/local/lib/guestfs/README.fixed'
    echo 'LIBGUESTFS_PATH=/usr/local/lib/guestfs' >>"$root/etc/environment"
    echo 'LIBGUESTFS_BACKEND=direct' >>"$root/etc/environment"
}

make_keys() {
    local keys=$1
    mkdir -p "$keys"
    ssh-keygen -q -t ed25519 -N '' -C kataloop-lab -f "$keys/id_ed25519"
    ssh-keygen -q -t rsa -b 3072 -N '' -C kataloop-lab -f "$keys/id_rsa"
    ssh-keygen -q -t ecdsa -N '' -C kataloop-lab -f "$keys/id_ecdsa"
    ssh-keygen -q -t ed25519 -N lab -C kataloop-lab -f "$keys/id_encrypted"
}

configure_root() {
    local root=$1 keys=$2 user
    say "configuring"
    echo lab >"$root/etc/hostname"
    printf '127.0.0.1 localhost lab\n' >"$root/etc/hosts"
    printf 'LABEL=root / ext4 defaults,noatime 0 1\n' >"$root/etc/fstab"
    printf 'nameserver 10.0.2.3\n' >"$root/etc/resolv.conf"
    printf '[Match]\nName=eth0\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\n' \
        >"$root/etc/systemd/network/eth0.network"
    printf 'UseDNS no\nPermitRootLogin prohibit-password\nPasswordAuthentication no\nMaxStartups 200\nMaxSessions 200\n' \
        >"$root/etc/ssh/sshd_config.d/lab.conf"
    # Nobody reads an audit log here. Off, but known to the kernel: where it is not, each login and each sudo
    # starts modprobe several times to look for it.
    install -d "$root/etc/systemd/journald.conf.d"
    printf '[Journal]\nAudit=no\n' >"$root/etc/systemd/journald.conf.d/lab.conf"
    in_root "$root" systemctl enable systemd-networkd ssh containerd
    in_root "$root" systemctl mask apt-daily.timer apt-daily-upgrade.timer fstrim.timer \
        e2scrub_all.timer dpkg-db-backup.timer systemd-timesyncd.service \
        systemd-networkd-wait-online.service
    rm -f "$root/etc/machine-id"
    echo b08dfa6083e7567a1921a715000001fb >"$root/etc/machine-id" # any: the same at every start
    for user in ubuntu pwuser; do
        in_root "$root" useradd -m -s /bin/bash "$user"
        install -d -m 0700 "$root/home/$user/.ssh"
        cat "$keys"/*.pub >"$root/home/$user/.ssh/authorized_keys"
        in_root "$root" chown -R "$user:$user" "/home/$user/.ssh"
    done
    install -d -m 0700 "$root/root/.ssh"
    cat "$keys"/*.pub >"$root/root/.ssh/authorized_keys"
    in_root "$root" sh -c 'echo pwuser:lab | chpasswd'
    echo 'ubuntu ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/ubuntu"
    echo 'pwuser ALL=(ALL) ALL' >"$root/etc/sudoers.d/pwuser"
}

# Make the base in folder $1, which is empty. As root, with $proxy_environment set.
build_base() {
    local out=$1 root=$1/root
    install_packages "$root"
    build_nerdctl "$root"
    build_appliance "$root"
    make_keys "$out/keys"
    configure_root "$root" "$out/keys"
    in_root "$root" apt-get clean
    rm -rf "$root"/var/lib/apt/lists/*
    cp "$root"/boot/vmlinuz-* "$out/vmlinuz"
    cp "$root"/boot/initrd.img-* "$out/initrd.img"
    say "making the disk"
    truncate -s 6G "$out/root.img"
    mke2fs -q -t ext4 -L root -O ^has_journal -d "$root" "$out/root.img"
    rm -rf "$root"
}
