/* SPDX-License-Identifier: Apache-2.0
 * What the benchmarks need of the library itself: a connection that stays open while they time what
 * goes over it, and the peak memory of a command.
 *
 *   bench serve SSH_CONFIG DESTINATION   connect, say "ready", then for each line of standard input
 *                                        `sync FROM TO` or `commands N` do it and say the seconds
 *   bench peak FILE COMMAND…             run the command; its peak memory in KiB goes to FILE */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/parse.h"
#include "transport/rsync.h"
#include "transport/transport.h"

#define TIMEOUT (600 * NSEC_PER_SEC)

static int sync_once(struct transport *t, char **words, struct error *err)
{
    const struct rsync_job job = {.from = words[1], .to = words[2]};
    struct rsync_stats stats = {0};
    return rsync_run(t, &job, deadline_in(TIMEOUT), NULL, NULL, &stats, err);
}

static int run_commands(struct transport *t, char **words, struct error *err)
{
    int64_t n = 0;
    if (!parse_int(words[1], &n))
        return error_set(err, ERR_USAGE, "`%s` is no number", words[1]);
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push(&argv, "/usr/bin/true");
    const struct command cmd = {.argv = &argv};
    for (int64_t i = 0; i < n; i++) {
        cleanup_run_result struct run_result r = RUN_RESULT_INIT;
        if (transport_check(t, &cmd, deadline_in(TIMEOUT), "a short command", &r, err) < 0)
            return -1;
    }
    return 0;
}

static const struct {
    const char *name;
    size_t words;
    int (*run)(struct transport *t, char **words, struct error *err);
} tasks[] = {{"sync", 3, sync_once}, {"commands", 2, run_commands}};

static int do_line(struct transport *t, char *line, struct error *err)
{
    char *words[4] = {0};
    size_t n = 0;
    for (char *rest = line, *word; n < ARRAY_SIZE(words) && (word = strsep(&rest, " \n"));)
        if (*word)
            words[n++] = word;
    for (size_t i = 0; i < ARRAY_SIZE(tasks); i++) {
        if (n != tasks[i].words || strcmp(words[0], tasks[i].name) != 0)
            continue;
        int64_t start = clock_now();
        if (tasks[i].run(t, words, err) < 0)
            return -1;
        printf("%.6f\n", (double)(clock_now() - start) / (double)NSEC_PER_SEC);
        return 0;
    }
    return error_set(err, ERR_USAGE, "no such task");
}

static int serve(const char *ssh_config, const char *destination, struct error *err)
{
    const struct host_spec spec = {.destination = destination, .ssh_config = ssh_config};
    cleanup_transport struct transport *t = NULL;
    if (transport_open(&spec, &t, err) < 0)
        return -1;
    puts("ready");
    char line[8192];
    while (fflush(stdout) == 0 && fgets(line, sizeof(line), stdin))
        if (do_line(t, line, err) < 0)
            return -1;
    return 0;
}

static int peak(const char *path, char **argv)
{
    pid_t pid = fork();
    if (pid == 0) {
        execvp(argv[0], argv);
        perror(argv[0]);
        _exit(127);
    }
    int status = 0;
    struct rusage usage;
    if (pid < 0 || wait4(pid, &status, 0, &usage) < 0) {
        perror("bench");
        return 1;
    }
    FILE *f = fopen(path, "w");
    if (!f || fprintf(f, "%ld\n", usage.ru_maxrss) < 0 || fclose(f) != 0) {
        perror(path);
        return 1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
    cleanup_error struct error err = ERROR_INIT;
    /* The library starts this program as rsync's remote shell, as it does kataloop. */
    if (argc > 1 && strcmp(argv[1], RSYNC_SHELL_VERB) == 0)
        return rsync_shell_main(argc - 1, argv + 1);
    if (argc > 3 && strcmp(argv[1], "peak") == 0)
        return peak(argv[2], argv + 3);
    if (argc != 4 || strcmp(argv[1], "serve") != 0) {
        fputs("usage: bench serve SSH_CONFIG DESTINATION | peak FILE COMMAND…\n", stderr);
        return 2;
    }
    if (serve(argv[2], argv[3], &err) == 0)
        return 0;
    fprintf(stderr, "bench: %s\n", err.message);
    return 1;
}
