/* SPDX-License-Identifier: Apache-2.0
 * Rules that read CRIU's own words: what it cannot dump, and what it misses. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "diagnose/rules.h"

/* What CRIU says, and what it means. A row is found by any of its texts. */
struct saying {
    const char *texts[4];
    const char *title;
    const char *explanation;
    const char *remedy, *command;
};

/* Add what is said of one row. */
static void add_saying(const struct scene *s, const struct rule *r, const struct saying *saying,
                       const char *refuted_by, struct findings *out)
{
    for (size_t i = 0; i < ARRAY_SIZE(saying->texts) && saying->texts[i]; i++) {
        struct spot at = scene_said(s, saying->texts[i]);
        if (!spot_is(at))
            continue;
        struct finding *f = finding_add(out, r, CERTAIN, "%s", saying->title);
        finding_show(f, at);
        finding_explain(f, "%s", saying->explanation);
        finding_remedy(f, saying->command, "%s", saying->remedy);
        finding_refute(f, refuted_by);
        return;
    }
}

static void add_sayings(const struct scene *s, const struct rule *r, const struct saying *sayings,
                        size_t n, struct findings *out)
{
    for (size_t i = 0; !s->finished && i < n; i++)
        add_saying(s, r, &sayings[i], "a later line of the log that says the dump succeeded", out);
}

/* --- 6: session leader ----------------------------------------------------------------------- */

static const struct saying session_leader[] = {
    {{"is outside of its pid namespace"},
     "the container's session leader is outside of its pid namespace",
     "The container's init has not begun a session of its own and is in that of the process which "
     "started it, outside of the pid namespace: CRIU cannot describe that. Kata before 4.1.0 lets "
     "init inherit the agent's session.",
     "Kata 4.1.0 or later, whose agent calls setsid() for the container's init; or a workload that "
     "does it itself:",
     "setsid -w COMMAND…"},
};

static void check_session_leader(const struct scene *s, const struct rule *r, struct findings *out)
{
    add_sayings(s, r, session_leader, ARRAY_SIZE(session_leader), out);
}

const struct rule rule_session_leader = {
    .id = "session-leader",
    .help = "the session leader is outside of the pid namespace",
    .weight = 84,
    .check = check_session_leader,
    .references = {"https://github.com/kata-containers/kata-containers/releases/tag/4.1.0"},
};

/* --- 7: network lock ------------------------------------------------------------------------- */

/* What iptables-restore says itself: that it has no -w (before 1.6.2), no module, no place for its
 * lock. */
static void show_iptables_words(const struct scene *s, struct finding *f)
{
    static const char *const words[] = {"tables-restore: ", "tables-restore v",
                                        "can't open lock file"};
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        finding_show(f, scene_said(s, words[i]));
}

static void check_network_lock(const struct scene *s, const struct rule *r, struct findings *out)
{
    struct spot failed = scene_said(s, "Locking network failed");
    /* Where CRIU could not wait for it, what it did is not known, and the cause is another rule's
     * (spawner). */
    if (!spot_is(failed) || s->finished || spot_is(scene_said(s, SCENE_NO_CHILD)))
        return;
    struct spot died = scene_said(s, SCENE_HELPER_DIED);
    struct spot missing = scene_said(s, "execvp(\"ip");
    const struct bundle_item *which = bundle_find(s->bundle, "which");
    const char *path = item_value(which, "iptables-restore", NULL);
    bool nftables = strstr(spot_text(failed), "nftables") != NULL;
    bool absent = !nftables && (spot_is(missing) || (path && strcmp(path, "none") == 0));
    /* That one died may have its own cause. */
    struct finding *f =
        finding_add(out, r, spot_is(died) ? LIKELY : CERTAIN, "CRIU could not lock the network%s",
                    absent          ? ": iptables-restore is missing"
                    : spot_is(died) ? ": its helper died of a signal"
                                    : "");
    finding_show(f, missing);
    finding_show(f, died);
    show_iptables_words(s, f);
    finding_show(f, failed);
    int line = item_prefix(which, "iptables-restore:");
    if (line >= 0 && !nftables)
        finding_show(f, (struct spot){which, line});
    if (nftables) {
        finding_explain(f, "While it dumps, CRIU keeps packets away from the container's "
                           "connections, here with rules of nftables, which the kernel refused.");
        finding_remedy(f,
                       "criu dump … --network-lock skip    # CRIU 3.19 and later; where no "
                       "connection matters",
                       "A kernel with CONFIG_NF_TABLES and CONFIG_NF_TABLES_INET, or another way "
                       "to lock (--network-lock iptables, or skip):");
        finding_refute(f, "`nft add table inet x` works in the container's network namespace");
        return;
    }
    finding_explain(
        f, "While it dumps, CRIU keeps packets away from the container's connections, with "
           "rules that it hands to iptables-restore (and ip6tables-restore). Where the program "
           "is not on CRIU's PATH, or the kernel has no NETFILTER_XT_MARK, the dump fails.");
    if (spot_is(died) && !absent) {
        finding_remedy(
            f, "dmesg | tail; cat /proc/$(pgrep -o kata-agent || echo 1)/limits    # in the guest",
            "Find out what killed iptables-restore: a limit that the agent passes on, "
            "no memory, a broken library; or have CRIU lock by other means "
            "(--network-lock nftables, or skip).");
        finding_refute(f, "iptables-restore runs in the environment that the agent gives to CRIU");
        return;
    }
    finding_remedy(
        f,
        absent ? "# into the guest image:\niptables ip6tables    # Debian: the package "
                 "iptables; Alpine: iptables, ip6tables"
               : "criu dump … --network-lock nftables    # CRIU 3.16 and later; or skip, of 3.19, "
                 "where no connection matters",
        absent ? "Put iptables into the guest image, or give the agent a PATH that has it; or "
                 "have CRIU lock by other means (--network-lock nftables, or skip)."
               : "Take away what iptables-restore complains of, or use another way to lock "
                 "(--network-lock nftables or skip), or a kernel with CONFIG_NETFILTER_XT_MARK.");
    finding_refute(f, "iptables-restore runs in the environment that the agent gives to CRIU");
}

const struct rule rule_network_lock = {
    .id = "network-lock",
    .help = "locking the network failed, as without iptables-restore",
    .weight = 83,
    .check = check_network_lock,
    .references = {"https://criu.org/CLI/opt/--network-lock"},
};

/* --- 11: what CRIU does not dump ------------------------------------------------------------- */

static const struct saying unsupported[] = {
    {{"doesn't have a proper root mount", "autodetected external mount",
      "is a fuse mount but not external"},
     "a mount of the container comes from outside, and CRIU was not told about it",
     "Bind mounts that the runtime makes (/etc/hosts, /etc/resolv.conf, volumes, a shared folder) "
     "have "
     "their origin outside of the container. CRIU dumps them only where it is told that they are "
     "external, or skips them.",
     "Name the mount of the message: external, so that restore binds it again, or to be skipped.",
     "--external mnt[/the/mount]:NAME\n--skip-mnt /the/mount"},
    {{"has unreachable sharing"},
     "a mount of the container follows one outside of it (it is a slave of its peer group)",
     "A volume bound with the host's propagation (rslave, rshared) receives what is mounted on "
     "its origin, and that is not in the dump.",
     "Bind it with private propagation (rprivate), or allow its master to be outside:",
     "--enable-external-masters"},
    {{"Can't lookup mount="},
     "an open file is on a mount that the container does not have",
     "The file was opened in another mount namespace and handed in, as a standard input from the "
     "/dev/null outside of the container is; or its mount is one that --skip-mnt left out, or was "
     "taken away since (umount -l); or it is an open POSIX message queue, whose mount shows "
     "nowhere. The "
     "message has the descriptor (-3: a mapped file) and the path.",
     "Open it within the container, or start the container with a standard input and output of its "
     "own; do not skip a mount that has open files. A file that is to be handed in again at "
     "restore (--inherit-fd fd[FD]:file[…]) is declared external by what this prints:",
     "printf '%s file[%x:%x]\\n' --external \"$(awk '/mnt_id/ { print $2 }' /proc/PID/fdinfo/FD)\" "
     "\"$(stat -L -c %i /proc/PID/fd/FD)\"    # in the guest"},
    {{"unsupported id", "Unsupported mount"},
     "a mount of the container has a file system that CRIU does not know",
     "CRIU knows a list of file systems by name. What is on another one can only be skipped, or be "
     "declared external.",
     "Skip the mount of the message, or declare it external.",
     "--skip-mnt /the/mount"},
    {{"overmounted mounts are not supported", "is overmounted so paths are invisible"},
     "a file is open below a mount that hides it",
     "A file was opened and then another file system was mounted over it, so that its path no "
     "longer "
     "leads to it.",
     "Mount first and open afterwards, or close the file before the checkpoint.",
     NULL},
    {{"External socket is used"},
     "a unix socket is connected to a process outside of the container",
     "The other end of the connection is not in the dump, so it cannot be restored whole.",
     "Close it before the checkpoint, or allow its end to be outside. --ext-unix-sk serves only "
     "datagram sockets whose peer has a name; any other is named by its inode:",
     "--ext-unix-sk\n--external unix[INODE]    # INODE: of `ls -l /proc/PID/fd`, in the guest"},
    {{"Can't dump half of stream unix connection", "Can't dump name-less external socket"},
     "a unix socket is connected to a process outside of the container, and --ext-unix-sk does not "
     "serve it",
     "That option is for datagram sockets whose peer has a name, to which restore can connect them "
     "again. A connection (stream, seqpacket) and a peer without a name are gone with the other "
     "end.",
     "Close it before the checkpoint, or have CRIU leave that one without its peer:",
     "--external unix[INODE]    # INODE: of `ls -l /proc/PID/fd`, in the guest"},
    {{"Connected TCP socket"},
     "a TCP connection is open",
     "CRIU dumps open connections only where it is told to, as they must be locked until restore.",
     "Close it before the checkpoint, or:",
     "--tcp-established    # or --tcp-close"},
    {{"Consider using --shell-job", "Found dangling tty"},
     "the container is attached to a terminal whose other end is outside",
     "The terminal's session leader or its master side is not among the dumped processes.",
     "Start the container without a terminal (no -t), or:",
     "--shell-job"},
    {{"Unable to find a master for"},
     "the container has a terminal whose master is held outside",
     "With -t the container's console is one half of a terminal of its own; the other half is the "
     "runtime's and not among the dumped processes.",
     "Start the container without a terminal (no -t). A caller that speaks to CRIU over its socket "
     "can set `orphan_pts_master`, as runc does; the command line has no such option.",
     NULL},
    {{"In-flight connection"},
     "a TCP connection waits for the container to accept it",
     "A connection that has come in and was not accepted yet is in no process's hands, and CRIU "
     "does not dump it.",
     "Checkpoint when it was accepted, or leave such connections out; who connects sees a reset:",
     "--skip-in-flight"},
    {{"The socket has data to read"},
     "a netlink socket holds messages that the workload has not read",
     "The messages are the kernel's, and CRIU cannot put them there again.",
     "Checkpoint when the workload has read them, or have it close the socket before.",
     "ss -f netlink -p    # in the container's network namespace; Recv-Q is not 0"},
    {{"Control messages in queue, not supported"},
     "a socket holds a message that came with more than its bytes, and was not read yet",
     "Messages that wait in a socket are dumped with some kinds of what comes along: descriptors, "
     "in newer versions credentials and times. This one has another kind; the line before in the "
     "log has its type.",
     "Checkpoint when the workload has read it, or have it close the socket before.",
     "ss -x -p    # in the container's network namespace; Recv-Q is not 0"},
    {{"Some file locks are hold"},
     "the target holds file locks",
     "CRIU dumps file locks only where it is told to.",
     "Add:",
     "--file-locks"},
    {{"Can't dump that handle"},
     "a file is watched (inotify, fanotify), and CRIU cannot find it again",
     "The kernel names what is watched by a file handle, which overlayfs and some others cannot "
     "open: CRIU then has to know its path.",
     "Close the watch before the checkpoint, or say in which folders to look:",
     "--irmap-scan-path /the/watched/folder    # and --force-irmap, where it is not found"},
    {{"Unable to connect a transport socket: Permission denied"},
     "a security module keeps the target from answering CRIU",
     "CRIU's parasite runs in the target, under its AppArmor or SELinux profile, and connects to "
     "CRIU by a unix socket without a file. The profile does not allow that; the kernel's log "
     "names it.",
     "Allow it in the container's profile, or run the container without one:",
     "unix (connect, send, receive) type=seqpacket peer=(addr=\"@/crtools-*\"),    # AppArmor"},
    {{"send_fds failed (-22)"},
     "an open file of the target cannot be handed to CRIU: an io_uring, most likely",
     "CRIU gets the target's descriptors over a unix socket, and the kernel refuses an io_uring "
     "there (Linux 6.7 and later; EINVAL). CRIU does not dump one in any case.",
     "Close it before the checkpoint, or have the workload do without; Node.js and what else uses "
     "libuv by an environment variable:",
     "ls -l /proc/PID/fd | grep io_uring    # in the guest\nUV_USE_IO_URING=0"},
    {{"Can't dump file", "Unsupported proto", "Unknown socket collected", "'s mapfile link"},
     "an open or mapped file is of a kind that CRIU cannot dump",
     "Devices, some anonymous inodes (io_uring, bpf, a perf event, a userfaultfd), memfd_secret, "
     "and sockets of rare families (vsock, the kernel's cryptography, MPTCP) cannot be dumped "
     "without a plugin.",
     "Close it before the checkpoint; the message names the descriptor and what it is, or the "
     "socket's family as a number (40 is vsock).",
     "ls -l /proc/PID/fd    # in the guest"},
    {{"Can't dump ghost file"},
     "a deleted file that is still open is larger than CRIU's limit",
     "The contents of a deleted file go into the images, up to a limit.",
     "Raise it:",
     "--ghost-limit 1G"},
    {{"Can't create link remap for", "Use link-remap option"},
     "an open file does not have the name any more that it was opened by",
     "It was deleted under that name and has others, or another file system was mounted over its "
     "path since. CRIU must give it a temporary name to find it again.",
     "Allow that, which does not help with a path that is mounted over:",
     "--link-remap"},
    {{"The criu itself is within dumped tree"},
     "CRIU is among the processes that it is to dump",
     "CRIU was started by a process of the container, or in its process tree, and cannot stop "
     "itself.",
     "Start it from outside of the container:",
     "criu dump … --tree PID    # in the guest, by the agent"},
    {{"Zombies with threads are not supported"},
     "a process of the container has ended its first thread only",
     "The first thread called pthread_exit() and others run on, so that the process is a zombie "
     "with threads. CRIU does not dump that.",
     "Let the first thread wait for the others (pthread_join) in place of pthread_exit().",
     "ps -eLo pid,tid,stat,comm | awk '$1 == $2 && $3 ~ /Zl/'    # in the guest"},
    {{"Individually stopped threads not supported"},
     "a thread of the target is stopped on its own",
     "CRIU dumps a stopped process, but not one whose threads differ.",
     "Continue it before the checkpoint:",
     "kill -CONT PID"},
    {{"Can't dump nested", "Nested mount namespaces are not supported",
      "Can't dump a pid namespace without the process init"},
     "the container has namespaces of its own that CRIU cannot dump",
     "CRIU dumps nested namespaces of some kinds only.",
     "Do not make them in the workload, or checkpoint before.",
     NULL},
};

static void check_unsupported(const struct scene *s, const struct rule *r, struct findings *out)
{
    add_sayings(s, r, unsupported, ARRAY_SIZE(unsupported), out);
    if (s->finished || !s->target || s->target->state != 'T')
        return;
    struct finding *f = finding_add(out, r, POSSIBLE, "the target is stopped (SIGSTOP, SIGTSTP)");
    finding_show(f, spot_of(s, s->target, "status", "State"));
    finding_explain(
        f, "A stopped process is dumped as stopped and stays so; some versions of CRIU wait "
           "for it instead.");
    cleanup_free char *command = xasprintf("kill -CONT %d    # in the guest", s->target->pid);
    finding_remedy(f, command, "Continue it before the checkpoint:");
    finding_refute(f, "the dump fails in the same way after it was continued");
}

const struct rule rule_unsupported = {
    .id = "unsupported",
    .help = "mounts, files, sockets, terminals or states that CRIU does not dump",
    .weight = 82,
    .check = check_unsupported,
    .references = {"https://criu.org/What_cannot_be_checkpointed",
                   "https://criu.org/External_bind_mounts"},
};

/* --- 12: the kernel is too new --------------------------------------------------------------- */

static const struct saying too_new[] = {
    {{"Unexpected rt vDSO area bounds", "vdso: Unexpected"},
     "the kernel's vDSO is laid out as this CRIU does not know: the kernel is too new for it",
     "CRIU looks at its own vDSO and vvar areas when it starts. Kernels since 6.13 lay them out "
     "differently "
     "(6.18 with CRIU 3.17 was seen to fail); CRIU 4.1 and later know that.",
     "A newer CRIU in the guest (4.1 or later), or an older guest kernel.",
     "criu --version; uname -r    # in the guest"},
};

static void check_kernel_too_new(const struct scene *s, const struct rule *r, struct findings *out)
{
    size_t before = out->n;
    add_sayings(s, r, too_new, ARRAY_SIZE(too_new), out);
    if (out->n == before && !s->finished) {
        const struct bundle_item *check = bundle_find(s->bundle, "criu check");
        int line = item_find(check, "Unexpected rt vDSO area bounds");
        if (line < 0)
            return;
        struct finding *f = finding_add(out, r, CERTAIN, "%s", too_new[0].title);
        finding_show(f, (struct spot){check, line});
        finding_explain(f, "%s", too_new[0].explanation);
        finding_remedy(f, too_new[0].command, "%s", too_new[0].remedy);
        finding_refute(f, "`criu check` says that it looks good");
    }
    if (out->n > before) {
        struct finding *f = &out->items[out->n - 1];
        const struct bundle_item *kernel = bundle_find(s->bundle, "/proc/version");
        const struct bundle_item *version = bundle_find(s->bundle, "criu --version");
        if (item_line(kernel, 0))
            finding_show(f, (struct spot){kernel, 0});
        if (item_line(version, 0))
            finding_show(f, (struct spot){version, 0});
    }
}

const struct rule rule_kernel_too_new = {
    .id = "kernel-too-new",
    .help = "the kernel is too new for this CRIU (vDSO)",
    .weight = 86,
    .check = check_kernel_too_new,
    .references = {"https://github.com/checkpoint-restore/criu/releases"},
};
