/* SPDX-License-Identifier: Apache-2.0
 * What CRIU does not dump: `workload NAME` makes what the name says, in the current folder where it
 * needs a file, prints "ready", and waits to be dumped. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_alg.h>
#include <linux/io_uring.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/rtnetlink.h>
#include <linux/vm_sockets.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILE_NAME "file"

static long must(long result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "workload: %s: %s\n", what, strerror(errno));
        exit(1);
    }
    return result;
}
#define MUST(call) must((long)(call), #call)

static int new_file(void)
{
    return (int)MUST(open(FILE_NAME, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
}

static void *wait_for_ever(void *unused)
{
    for (;;)
        pause();
    return unused;
}

/* --- files ----------------------------------------------------------------------------------- */

static void lock_of_flock(void)
{
    MUST(flock(new_file(), LOCK_EX));
}

static void lock_of_posix(void)
{
    struct flock lock = {.l_type = F_WRLCK};
    MUST(fcntl(new_file(), F_SETLK, &lock));
}

static void lease(void)
{
    close(new_file());
    MUST(fcntl((int)MUST(open(FILE_NAME, O_RDONLY)), F_SETLEASE, F_RDLCK));
}

static void deleted_and_large(void)
{
    enum { SIZE = 4 << 20 }; /* CRIU's limit is 1 MiB */
    int fd = new_file();
    char *bytes = calloc(1, SIZE);
    MUST(bytes ? 0 : -1);
    MUST(write(fd, bytes, SIZE) == SIZE ? 0 : -1);
    MUST(unlink(FILE_NAME));
}

static void deleted_with_another_name(void)
{
    new_file();
    MUST(link(FILE_NAME, "other"));
    MUST(unlink(FILE_NAME));
}

static void message_queue(void)
{
    char name[32];
    snprintf(name, sizeof(name), "/workload-%d", getpid());
    MUST(mq_open(name, O_RDWR | O_CREAT, 0600, NULL));
    MUST(mq_unlink(name));
}

static void device(void)
{
    MUST(open("/dev/vda", O_RDONLY));
}

/* --- anonymous inodes ------------------------------------------------------------------------ */

static void io_uring(void)
{
    struct io_uring_params params = {0};
    MUST(syscall(SYS_io_uring_setup, 4, &params));
}

static void perf_event(void)
{
    struct perf_event_attr attr = {
        .size = sizeof(attr), .type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_TASK_CLOCK};
    MUST(syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0));
}

static void bpf_map(void)
{
    union bpf_attr attr = {0};
    attr.map_type = BPF_MAP_TYPE_ARRAY;
    attr.key_size = attr.value_size = 4;
    attr.max_entries = 1;
    MUST(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)));
}

static void secret_memory(void)
{
    int fd = (int)MUST(syscall(SYS_memfd_secret, 0));
    MUST(ftruncate(fd, 4096));
    char *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    MUST(memory == MAP_FAILED ? -1 : 0);
    *memory = 1;
}

/* --- sockets --------------------------------------------------------------------------------- */

static void vsock(void)
{
    MUST(socket(AF_VSOCK, SOCK_STREAM, 0));
}

static void crypto_socket(void)
{
    struct sockaddr_alg address = {
        .salg_family = AF_ALG, .salg_type = "hash", .salg_name = "sha256"};
    int fd = (int)MUST(socket(AF_ALG, SOCK_SEQPACKET, 0));
    MUST(bind(fd, (struct sockaddr *)&address, sizeof(address)));
}

static void mptcp(void)
{
    int fd = (int)MUST(socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP));
    MUST(listen(fd, 1));
}

/* A dump of the links was asked for and is not read. */
static void netlink_unread(void)
{
    struct {
        struct nlmsghdr header;
        struct rtgenmsg body;
    } request = {
        {.nlmsg_len = sizeof(request),
         .nlmsg_type = RTM_GETLINK,
         .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        {.rtgen_family = AF_UNSPEC},
    };
    int fd = (int)MUST(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE));
    MUST(send(fd, &request, sizeof(request), 0));
}

/* Connected to itself, and accepted or not. */
static int connect_to_itself(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    int listening = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
    MUST(bind(listening, (struct sockaddr *)&address, len));
    MUST(listen(listening, 1));
    MUST(getsockname(listening, (struct sockaddr *)&address, &len));
    int fd = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
    MUST(connect(fd, (struct sockaddr *)&address, len));
    return listening;
}

static void tcp_not_accepted(void)
{
    connect_to_itself();
}

static void tcp_connected(void)
{
    int listening = connect_to_itself();
    MUST(accept(listening, NULL, NULL));
    close(listening);
}

/* --- processes ------------------------------------------------------------------------------- */

static void in_child(int namespaces)
{
    MUST(unshare(namespaces));
    if (MUST(fork()) == 0)
        wait_for_ever(NULL);
}

static void nested_pid_namespace(void)
{
    in_child(CLONE_NEWPID);
}

static void nested_time_namespace(void)
{
    in_child(CLONE_NEWTIME);
}

static void nested_user_namespace(void)
{
    int ends[2];
    char byte = 0;
    MUST(pipe(ends));
    if (MUST(fork()) == 0) {
        MUST(unshare(CLONE_NEWUSER));
        MUST(write(ends[1], &byte, 1));
        close(ends[0]);
        close(ends[1]);
        wait_for_ever(NULL);
    }
    close(ends[1]);
    MUST(read(ends[0], &byte, 1) - 1);
    close(ends[0]);
}

static char state_of(pid_t pid)
{
    char path[64], state = '?';
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    FILE *stat = fopen(path, "re");
    MUST(stat && fscanf(stat, "%*d (%*[^)]) %c", &state) == 1 ? 0 : -1);
    fclose(stat);
    return state;
}

static void first_thread_ended(void)
{
    pid_t child = (pid_t)MUST(fork());
    if (child == 0) {
        pthread_t thread;
        MUST(-pthread_create(&thread, NULL, wait_for_ever, NULL));
        pthread_exit(NULL);
    }
    while (state_of(child) != 'Z')
        sched_yield();
}

static void nothing(void)
{
}

static const struct {
    const char *name;
    void (*make)(void);
} workloads[] = {
    {"nothing", nothing},
    {"flock", lock_of_flock},
    {"posix-lock", lock_of_posix},
    {"lease", lease},
    {"deleted-large", deleted_and_large},
    {"deleted-other-name", deleted_with_another_name},
    {"message-queue", message_queue},
    {"device", device},
    {"io-uring", io_uring},
    {"perf-event", perf_event},
    {"bpf-map", bpf_map},
    {"secret-memory", secret_memory},
    {"vsock", vsock},
    {"crypto-socket", crypto_socket},
    {"mptcp", mptcp},
    {"netlink-unread", netlink_unread},
    {"tcp-not-accepted", tcp_not_accepted},
    {"tcp-connected", tcp_connected},
    {"pid-namespace", nested_pid_namespace},
    {"time-namespace", nested_time_namespace},
    {"user-namespace", nested_user_namespace},
    {"first-thread-ended", first_thread_ended},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && i < sizeof(workloads) / sizeof(*workloads); i++) {
        if (strcmp(argv[1], workloads[i].name) != 0)
            continue;
        workloads[i].make();
        puts("ready");
        fflush(stdout);
        wait_for_ever(NULL);
    }
    fprintf(stderr, "usage: workload NAME\n");
    return 2;
}
