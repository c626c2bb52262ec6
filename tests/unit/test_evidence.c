/* SPDX-License-Identifier: Apache-2.0
 * Taking the evidence, on this machine: what is in it, what is hidden, what cannot be had. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/parse.h"
#include "diagnose/diagnose.h"
#include "diagnose/scene.h"

#define DEADLINE deadline_in(60 * NSEC_PER_SEC)

static struct transport *host;

static int open_host(void **state)
{
    (void)state;
    cleanup_error struct error err = ERROR_INIT;
    const struct host_spec spec = {.name = "here"};
    return transport_open(&spec, &host, &err);
}

static int close_host(void **state)
{
    (void)state;
    transport_close(host);
    return 0;
}

/* A process to look at, with `environment`, that waits until it is killed. Returned once it is what
 * it is to be: after its exec, or with its new name. */
static pid_t start_target(char *const *environment, char *const *arguments, const char *name)
{
    static char *const sleeper[] = {"sleep", "1000", NULL};
    int ready[2];
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0 && environment) {
        execve(arguments ? "/bin/sh" : "/bin/sleep", arguments ? arguments : sleeper, environment);
        _exit(127);
    }
    if (pid == 0) {
        prctl(PR_SET_NAME, name);
        close(ready[0]);
        close(ready[1]);
        for (;;)
            pause();
    }
    close(ready[1]);
    char byte;
    assert_int_equal(read(ready[0], &byte, 1), 0);
    close(ready[0]);
    return pid;
}

static void end_target(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void take(const struct diagnose_spec *spec, const struct evidence_place *place,
                 struct strbuf *text, struct bundle *b)
{
    cleanup_error struct error err = ERROR_INIT;
    if (diagnose_take(host, place, spec, DEADLINE, text, &err) < 0 ||
        bundle_parse(text->data, text->len, "b", b, &err) < 0)
        fail_msg("%s", err.message);
    assert_true(b->complete);
}

static void a_process_is_in_it_and_its_secrets_are_not(void **state)
{
    (void)state;
    static char *const environment[] = {"PATH=/bin",
                                        "API_TOKEN=hush-1",
                                        "db_password=hush-2",
                                        "AWS_SECRET=hush-3",
                                        "PROXY=http://me:hush-4@h",
                                        "PRIVATE_KEY=line\nhush-5",
                                        "my_credentials=hush-6",
                                        "HARMLESS=seen",
                                        NULL};
    pid_t pid = start_target(environment, NULL, NULL);
    const struct diagnose_spec spec = {.target_pid = pid, .space = "default", .name = "x"};
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    cleanup_bundle struct bundle b = BUNDLE_INIT;
    take(&spec, NULL, &text, &b);
    end_target(pid);

    const struct process *p = bundle_process(&b, pid);
    assert_non_null(p);
    assert_true(p->roles & PROCESS_TARGET);
    assert_string_equal(p->name, "sleep");
    assert_true(p->has_status);
    assert_int_equal(p->ppid, getpid());
    assert_string_equal(p->command.items[1], "1000");
    assert_true(process_limit(&b, pid, "Max open files", NULL) != LIMIT_UNKNOWN);
    bool known;
    process_fd(&b, pid, 0, &known);
    assert_true(known);
    const struct bundle_item *environ = bundle_find(&b, "/proc/%d/environ", pid);
    assert_string_equal(item_value(environ, "HARMLESS", NULL), "seen");
    assert_string_equal(item_value(environ, "API_TOKEN", NULL), "<redacted>");
    assert_string_equal(item_value(environ, "PROXY", NULL), "http://<redacted>@h");
    assert_int_equal(environ->lines.len, 8);
    assert_null(strstr(text.data, "hush"));
    assert_non_null(bundle_find(&b, "/proc/version"));
    assert_non_null(bundle_find(&b, "freezers"));
    assert_non_null(bundle_find(&b, "host: versions"));
    assert_true(text.len < 512 * 1024);
}

struct second_thread {
    pid_t id;
    int said, end[2]; /* its id has come; closed: it ends */
};

static void *run_second_thread(void *data)
{
    struct second_thread *t = data;
    char byte;
    t->id = gettid();
    close(t->said);
    (void)!read(t->end[0], &byte, 1);
    return NULL;
}

/* What has started CRIU may hold a lock in another thread, whatever it is called. */
static void the_threads_of_a_parent_are_in_it(void **state)
{
    (void)state;
    struct second_thread t;
    pthread_t thread;
    int said[2];
    char byte;
    assert_int_equal(pipe2(said, O_CLOEXEC), 0);
    assert_int_equal(pipe2(t.end, O_CLOEXEC), 0);
    t.said = said[1];
    assert_int_equal(pthread_create(&thread, NULL, run_second_thread, &t), 0);
    assert_int_equal(read(said[0], &byte, 1), 0);
    pid_t pid = start_target(NULL, NULL, "criu");
    const struct diagnose_spec spec = {.target_pid = pid};
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    cleanup_bundle struct bundle b = BUNDLE_INIT;
    take(&spec, NULL, &text, &b);
    end_target(pid);
    close(t.end[1]);
    assert_int_equal(pthread_join(thread, NULL), 0);
    close(t.end[0]);
    close(said[0]);
    assert_true(bundle_process(&b, getpid())->roles & PROCESS_PARENT);
    assert_non_null(bundle_find(&b, "/proc/%d/task/%d/status", getpid(), t.id));
}

/* Two processes, the first traced by this one. */
static pid_t start_traced(void)
{
    int ready[2];
    char byte;
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        if (fork() == 0)
            prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(ready[0]);
        close(ready[1]);
        for (;;)
            pause();
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 0);
    close(ready[0]);
    return pid;
}

static void a_tracer_is_in_it_by_name(void **state)
{
    (void)state;
    pid_t pid = start_traced();
    const struct diagnose_spec spec = {.target_pid = pid};
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    cleanup_bundle struct bundle b = BUNDLE_INIT;
    take(&spec, NULL, &text, &b);
    end_target(pid);
    char name[16];
    assert_int_equal(prctl(PR_GET_NAME, name), 0);
    assert_string_equal(item_value(bundle_find(&b, "processes"), "targets in all", NULL), "2");
    const struct process *tracer = bundle_process(&b, getpid());
    assert_non_null(tracer);
    assert_true(tracer->roles & PROCESS_TRACER);
    assert_string_equal(tracer->name, name);
    assert_true(tracer->command.len > 0);
}

/* Neither what has a secret's name in its value, nor what has one on the command line. */
static void secrets_within_values_and_arguments_are_hidden(void **state)
{
    (void)state;
    static char *const environment[] = {"PATH=/bin",
                                        "PWD=/seen",
                                        "MYSQL_PWD=hush",
                                        "DSN=host=h password=hush",
                                        "CONFIG={\"user\":\"u\",\"password\":\"hush\"}",
                                        "PEM=-----BEGIN RSA PRIVATE KEY-----\nhush",
                                        "HEADER=Authorization: Basic hush==",
                                        "URL=http://hush@h/",
                                        "QUERY=http://h/?token=hush",
                                        "SQL=root:hush@tcp(db:3306)/x",
                                        NULL};
    static char *const arguments[] = {"sh",
                                      "-c",
                                      "kill -STOP $$; :",
                                      "--password",
                                      "hush",
                                      "--password=hush",
                                      "-H",
                                      "Authorization: Basic hush==",
                                      "-e=TOKEN=hush",
                                      "mnt[/run/secrets/a]:seen",
                                      "1000",
                                      NULL};
    pid_t pid = start_target(environment, arguments, NULL);
    const struct diagnose_spec spec = {.target_pid = pid};
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    cleanup_bundle struct bundle b = BUNDLE_INIT;
    take(&spec, NULL, &text, &b);
    end_target(pid);
    assert_null(strstr(text.data, "hush"));
    const struct bundle_item *environ = bundle_find(&b, "/proc/%d/environ", pid);
    assert_string_equal(item_value(environ, "PWD", NULL), "/seen");
    assert_string_equal(item_value(environ, "HEADER", NULL), "<redacted>");
    assert_int_equal(environ->lines.len, 10);
    const struct process *p = bundle_process(&b, pid);
    assert_string_equal(p->command.items[5], "--password=<redacted>");
    assert_string_equal(p->command.items[7], "<redacted>");
    assert_string_equal(p->command.items[9], "mnt[/run/secrets/a]:seen");
    assert_string_equal(p->command.items[10], "1000");
}

/* An agent logs what it is asked for: whole specifications, with the environment. */
static void secrets_in_the_journal_are_hidden(void **state)
{
    (void)state;
    static const char journalctl[] =
        "#!/bin/sh\ncat <<'EOF'\n"
        "spec: Spec { env: [\\\"PATH=/bin\\\", \\\"API_TOKEN=hush\\\", \\\"db_password=hush\\\"] "
        "}\n"
        "Env:[A=seen MYSQL_PWD=hush B=seen] {\"password\": \"hush\", \"n\": 1}\n"
        "Authorization: Basic hush, http://me:hush@h/x\n"
        "EOF\n";
    char folder[] = "/tmp/kataloop-evidence-XXXXXX";
    assert_non_null(mkdtemp(folder));
    cleanup_error struct error err = ERROR_INIT;
    cleanup_free char *program = path_join(folder, "journalctl"), *before = xstrdup(getenv("PATH")),
                      *path = xasprintf("%s:%s", folder, before);
    assert_int_equal(fs_write_atomic(program, journalctl, strlen(journalctl), 0700, &err), 0);
    assert_int_equal(setenv("PATH", path, 1), 0);
    const struct diagnose_spec spec = {.container = "x"};
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    cleanup_bundle struct bundle b = BUNDLE_INIT;
    take(&spec, NULL, &text, &b);
    assert_int_equal(setenv("PATH", before, 1), 0);
    const struct bundle_item *kata = bundle_find(&b, "host: journal kata");
    assert_non_null(kata);
    assert_true(item_find(kata, "A=seen MYSQL_PWD=<redacted> B=seen") >= 0);
    assert_true(item_find(kata, "http://<redacted>@h/x") >= 0);
    assert_null(strstr(text.data, "hush"));
    assert_int_equal(fs_remove_tree(folder, &err), 0);
}

/* A checkpoint that comes through CRI has its client, too; the secrets on its command line stay
 * away. */
static void who_makes_a_checkpoint_is_in_it(void **state)
{
    (void)state;
    static char *const environment[] = {"PATH=/bin", NULL};
    static char *const arguments[] = {
        "sh",         "-c",          "kill -STOP $$; :", "crictl",
        "--password", "hush",        "--token=hush",     "-auth-file=hush",
        "checkpoint", "--export=/x", "0123456789abc",    NULL};
    pid_t pid = start_target(environment, arguments, NULL);
    const struct diagnose_spec spec = {.container = "0123456789abcdef", .space = "k8s.io"};
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    cleanup_bundle struct bundle b = BUNDLE_INIT;
    take(&spec, NULL, &text, &b);
    end_target(pid);
    const struct bundle_item *clients = bundle_find(&b, "host: clients");
    cleanup_free char *its = xasprintf("/proc/%d/cmdline: ", (int)pid);
    assert_true(item_prefix(clients, its) >= 0);
    assert_true(item_find(clients, "--password <redacted> --token=<redacted> ") >= 0);
    assert_null(strstr(text.data, "hush"));
    cleanup_scene struct scene s;
    scene_make(&b, &s);
    assert_true(spot_is(s.client_alive));
}

/* By what a variable is called, and by what stands in it. */
static void every_name_of_a_secret_is_known(void **state)
{
    (void)state;
    static char *const environment[] = {"PATH=/bin",
                                        "OLDPWD=/seen",
                                        "GITHUB_PAT=hush",
                                        "DB_PW=hush",
                                        "DB_PWD=hush",
                                        "pwdfile=hush",
                                        "PassPhrase=hush",
                                        "HTTP_AUTH=hush",
                                        "bearer=hush",
                                        "Jwt=hush",
                                        "SESSION_COOKIE=hush",
                                        "SIGNATURE=hush",
                                        "SAS_SIGNATURE_V2=hush",
                                        "privatedata=hush",
                                        "CREDS=hush",
                                        "A={'secret': 'hush'}",
                                        "B=user=u pass=hush",
                                        "C=passwd:hush",
                                        "D=x pwd=hush",
                                        "E=http://h/?api_key=hush",
                                        "F=-----BEGIN OPENSSH PRIVATE KEY-----\nhush",
                                        "G=Cookie: id=hush",
                                        "H=Bearer hush",
                                        "I=proxy-authorization: hush",
                                        NULL};
    static char *const arguments[] = {"sh",          "-c",   "kill -STOP $$; :", "--api-key",
                                      "hush",        "seen", "--Auth-Token",     "hush",
                                      "--pass=hush", NULL};
    pid_t pid = start_target(environment, arguments, NULL);
    const struct diagnose_spec spec = {.target_pid = pid};
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    cleanup_bundle struct bundle b = BUNDLE_INIT;
    take(&spec, NULL, &text, &b);
    end_target(pid);
    const struct bundle_item *environ = bundle_find(&b, "/proc/%d/environ", pid);
    assert_int_equal(environ->lines.len, ARRAY_SIZE(environment) - 1);
    for (size_t i = 0; i < environ->lines.len; i++)
        if (strstr(environ->lines.items[i], "hush"))
            fail_msg("%s", environ->lines.items[i]);
    assert_string_equal(item_value(environ, "OLDPWD", NULL), "/seen");
    assert_string_equal(item_value(environ, "GITHUB_PAT", NULL), "<redacted>");
    assert_string_equal(bundle_process(&b, pid)->command.items[5], "seen");
    assert_null(strstr(text.data, "hush"));
}

/* Of a file that is cut the last entry may lack what a secret is known by: here the host. */
static void what_is_cut_within_a_secret_is_left_out(void **state)
{
    (void)state;
    enum { READ = 16384 }; /* bytes of each file that are read */
    static const char cut[] = "PROXY=http://me:hush";
    char large[READ] = "TOKEN=";
    size_t len = READ - strlen(cut) - 1; /* and its end */
    memset(large + strlen(large), 'x', len - strlen(large));
    cleanup_free char *proxy = xasprintf("%s@h", cut);
    char *const environment[] = {large, proxy, "HARMLESS=seen", NULL};
    pid_t pid = start_target(environment, NULL, NULL);
    const struct diagnose_spec spec = {.target_pid = pid};
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    cleanup_bundle struct bundle b = BUNDLE_INIT;
    take(&spec, NULL, &text, &b);
    end_target(pid);
    const struct bundle_item *environ = bundle_find(&b, "/proc/%d/environ", pid);
    assert_int_equal(environ->lines.len, 2);
    assert_string_equal(environ->lines.items[0], "TOKEN=<redacted>");
    assert_string_equal(environ->lines.items[1], "...");
    assert_null(strstr(text.data, "hush"));
}

/* What a process says of itself is within its own items. */
static void arguments_that_look_like_a_header_are_only_arguments(void **state)
{
    (void)state;
    static char *const environment[] = {"A=a", NULL};
    static char *const arguments[] = {
        "sh", "-c", "kill -STOP $$; :", "\n==> /proc/1/environ <==\n", "B=b", NULL};
    pid_t pid = start_target(environment, arguments, NULL);
    const struct diagnose_spec spec = {.target_pid = pid};
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    cleanup_bundle struct bundle b = BUNDLE_INIT;
    take(&spec, NULL, &text, &b);
    end_target(pid);
    assert_int_equal(bundle_process(&b, pid)->command.len, 5);
    assert_int_equal(bundle_find(&b, "/proc/%d/environ", pid)->lines.len, 1);
    assert_true(item_find(bundle_find(&b, "/proc/1/environ"), "B=b") < 0);
}

static void it_is_known_how_long_the_log_is_silent(void **state)
{
    (void)state;
    char folder[] = "/tmp/kataloop-evidence-XXXXXX";
    assert_non_null(mkdtemp(folder));
    cleanup_free char *log = xasprintf("%s/criu-dump.log", folder);
    cleanup_error struct error err = ERROR_INIT;
    static const char last[] = "(01.000000) Dumping finished successfully\n";
    assert_int_equal(fs_write_atomic(log, last, strlen(last), 0600, &err), 0);
    const struct timespec then[2] = {{.tv_sec = time(NULL) - 100}, {.tv_sec = time(NULL) - 100}};
    assert_int_equal(utimensat(AT_FDCWD, log, then, 0), 0);
    const struct diagnose_spec spec = {.target_pid = getpid(), .work_dir = folder};
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    cleanup_bundle struct bundle b = BUNDLE_INIT;
    take(&spec, NULL, &text, &b);
    cleanup_scene struct scene s;
    scene_make(&b, &s);
    assert_true(s.finished);
    assert_in_range(s.log_age, 100, 130);
    const struct bundle_item *log_state = bundle_find(&b, "log state %s", log);
    int64_t delay;
    assert_true(parse_int(item_value(log_state, "delay", NULL), &delay));
    assert_in_range(delay, 0, 30);
    assert_int_equal(fs_remove_tree(folder, &err), 0);
}

/* Evidence of this process, with a log of that name in CRIU's work folder. */
static void take_with_log(const char *name, const struct strbuf *content, struct strbuf *text,
                          struct bundle *ret)
{
    char folder[] = "/tmp/kataloop-evidence-XXXXXX";
    assert_non_null(mkdtemp(folder));
    cleanup_free char *log = path_join(folder, name);
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(fs_write_atomic(log, content->data, content->len, 0600, &err), 0);
    const struct diagnose_spec spec = {.target_pid = getpid(), .work_dir = folder};
    take(&spec, NULL, text, ret);
    assert_int_equal(fs_remove_tree(folder, &err), 0);
}

/* Mounts with many layers make long lines. */
static void the_end_of_a_long_log_is_in_it(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf content = STRBUF_INIT, text = STRBUF_INIT;
    cleanup_bundle struct bundle b = BUNDLE_INIT;
    for (int i = 0; i < 120; i++)
        strbuf_printf(&content, "(00.%06d) %s: lowerdir=%01500d\n", i,
                      i % 3 ? "type overlay" : "Warn  (criu/mount.c:1)", i);
    strbuf_puts(&content, "(01.000000) Dumping finished successfully\n");
    take_with_log("criu-dump.log", &content, &text, &b);
    cleanup_scene struct scene s;
    scene_make(&b, &s);
    assert_true(s.finished);
    assert_string_equal(s.last, "Dumping finished successfully");
    assert_null(s.log->cut);
}

/* One that is told a thousand times, and a tree of many processes that is let go behind it. */
static void neither_warnings_nor_what_follows_push_an_error_out(void **state)
{
    (void)state;
    cleanup_strbuf struct strbuf content = STRBUF_INIT, text = STRBUF_INIT;
    cleanup_bundle struct bundle b = BUNDLE_INIT;
    for (int i = 0; i < 300; i++)
        strbuf_printf(&content,
                      "(00.1) Warn  (compel/arch/x86/src/lib/infect.c:356): Will restore %d with "
                      "interrupted system call\n",
                      i);
    strbuf_puts(&content, "(00.2) Error (criu/tty.c:2306): tty: Unable to find a master for /3\n");
    for (int i = 0; i < 1000; i++)
        strbuf_printf(&content, "(00.3) Unseizing %d into 1\n", i);
    take_with_log("dump.log", &content, &text, &b);
    const struct bundle_item *log = bundle_next(&b, "log /tmp/kataloop-evidence-", NULL);
    assert_non_null(log);
    assert_true(item_find(log, "Unable to find a master for") >= 0);
}

/* An agent may have a folder for each checkpoint of a container; any other user, too. */
static void the_youngest_log_of_a_container_is_the_first(void **state)
{
    (void)state;
    enum { FOLDERS = 5, YOUNGEST = 3, OTHERS = 4 };
    cleanup_free char *id = xasprintf("0123456789abcdef-%d", (int)getpid());
    cleanup_error struct error err = ERROR_INIT;
    char *folders[FOLDERS];
    /* As hold_tmp() of tests/e2e/lib.sh. */
    cleanup_close int held = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(held, LOCK_EX), 0);
    for (int i = 0; i < FOLDERS; i++) {
        folders[i] = xasprintf("/tmp/criu-checkpoint-%d-%s", i, id);
        cleanup_free char *work = path_join(folders[i], "work");
        cleanup_free char *log = path_join(work, "criu-dump.log");
        assert_int_equal(mkdir(folders[i], 0700), 0);
        assert_int_equal(mkdir(work, 0700), 0);
        assert_int_equal(fs_write_atomic(log, "(00.1) x\n", 9, 0600, &err), 0);
        time_t at = time(NULL) - (i == OTHERS ? 0 : i == YOUNGEST ? 10 : 100 + i);
        const struct timespec then[2] = {{.tv_sec = at}, {.tv_sec = at}};
        assert_int_equal(utimensat(AT_FDCWD, log, then, 0), 0);
        if (i == OTHERS && (geteuid() != 0 || chown(folders[i], 65534, 65534) < 0))
            assert_int_equal(fs_remove_tree(folders[i], &err), 0);
    }
    cleanup_free char *link = xasprintf("/tmp/criu-checkpoint-link-%s", id);
    assert_int_equal(symlink(folders[0], link), 0);
    const struct diagnose_spec spec = {.container = id};
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    cleanup_bundle struct bundle b = BUNDLE_INIT;
    take(&spec, NULL, &text, &b);
    /* Of those; a CRIU of somebody else on this machine may have one, too. */
    const struct bundle_item *first = bundle_next(&b, "log /tmp/criu-checkpoint-", NULL);
    const struct bundle_item *others =
        bundle_find(&b, "log %s/work/criu-dump.log", folders[OTHERS]);
    const struct bundle_item *linked = bundle_find(&b, "log %s/work/criu-dump.log", link);
    cleanup_free char *want = xasprintf("log %s/work/criu-dump.log", folders[YOUNGEST]);
    assert_int_equal(unlink(link), 0);
    for (int i = 0; i < FOLDERS; i++) {
        if (access(folders[i], F_OK) == 0)
            assert_int_equal(fs_remove_tree(folders[i], &err), 0);
        free(folders[i]);
    }
    assert_non_null(first);
    assert_string_equal(first->name, want);
    assert_null(others);
    assert_null(linked);
}

/* A place where other programs are found first, in the folder `self`. */
static int in_odd_place(void *self, const char *script, const struct strv *args, int64_t deadline,
                        struct run_result *ret, struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    strv_push(&argv, "env");
    strv_printf(&argv, "PATH=%s:/usr/bin:/bin", (const char *)self);
    strv_push_all(&argv, "sh", "-c", script, "kataloop", NULL);
    strv_extend(&argv, args);
    const struct command cmd = {.argv = &argv};
    return transport_run(host, &cmd, deadline, ret, err);
}

/* Of an old busybox; and of a time-out that has passed, where a folder is on a file system that
 * hangs. */
static void a_timeout_is_what_it_is(void **state)
{
    (void)state;
    static const char criu[] = "#!/bin/sh\necho Version: 9\n";
    static const struct {
        const char *timeout, *version, *images;
    } cases[] = {
        {"#!/bin/sh\n[ \"$1\" = -t ]\n", "Version: 9", NULL},
        {"#!/bin/sh\nshift\ncase $* in *images*) exit 124 ;; esac\nexec \"$@\"\n", "Version: 9",
         "it does not answer: a look at it took more than 5 s"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char folder[] = "/tmp/kataloop-evidence-XXXXXX";
        assert_non_null(mkdtemp(folder));
        cleanup_error struct error err = ERROR_INIT;
        cleanup_free char *one = path_join(folder, "timeout"), *other = path_join(folder, "criu"),
                          *images = path_join(folder, "images");
        assert_int_equal(
            fs_write_atomic(one, cases[i].timeout, strlen(cases[i].timeout), 0700, &err), 0);
        assert_int_equal(fs_write_atomic(other, criu, strlen(criu), 0700, &err), 0);
        assert_int_equal(mkdir(images, 0700), 0);
        const struct evidence_place place = {in_odd_place, folder};
        const struct diagnose_spec spec = {.target_pid = getpid(), .images_dir = images};
        cleanup_strbuf struct strbuf text = STRBUF_INIT;
        cleanup_bundle struct bundle b = BUNDLE_INIT;
        take(&spec, &place, &text, &b);
        const char *version = item_line(bundle_find(&b, "criu --version"), 0);
        assert_non_null(version);
        assert_string_equal(version, cases[i].version);
        const struct bundle_item *seen = bundle_find(&b, "images %s", images);
        assert_non_null(seen);
        if (cases[i].images)
            assert_string_equal(seen->missing, cases[i].images);
        else
            assert_null(seen->missing);
        assert_int_equal(fs_remove_tree(folder, &err), 0);
    }
}

/* It would load kernel modules, and so might hide what is looked for. */
static void criu_is_asked_only_where_one_has_run(void **state)
{
    (void)state;
    static const char criu[] = "#!/bin/sh\necho asked: $1\n";
    static const char *const logs[] = {NULL, "dump.log"};
    for (size_t i = 0; i < ARRAY_SIZE(logs); i++) {
        char folder[] = "/tmp/kataloop-evidence-XXXXXX";
        assert_non_null(mkdtemp(folder));
        cleanup_error struct error err = ERROR_INIT;
        cleanup_free char *program = path_join(folder, "criu"),
                          *log = logs[i] ? path_join(folder, logs[i]) : NULL;
        assert_int_equal(fs_write_atomic(program, criu, strlen(criu), 0700, &err), 0);
        if (log)
            assert_int_equal(fs_write_atomic(log, "(0.1) x\n", 8, 0600, &err), 0);
        const struct evidence_place place = {in_odd_place, folder};
        const struct diagnose_spec spec = {.target_pid = getpid(), .work_dir = folder};
        cleanup_strbuf struct strbuf text = STRBUF_INIT;
        cleanup_bundle struct bundle b = BUNDLE_INIT;
        take(&spec, &place, &text, &b);
        /* Of this machine's own. */
        bool has_run = access("/run/criu.kdat", F_OK) == 0 || bundle_role(&b, PROCESS_CRIU);
        const struct bundle_item *check = bundle_find(&b, "criu check");
        assert_non_null(check);
        assert_int_equal(check->missing == NULL, log || has_run);
        if (check->missing)
            assert_non_null(strstr(check->missing, "no CRIU is known to have run here"));
        else
            assert_string_equal(item_line(check, 0), "asked: check");
        assert_int_equal(fs_remove_tree(folder, &err), 0);
    }
}

/* It has the name of the loader that runs it. */
static void a_criu_with_a_library_of_its_own_is_one(void **state)
{
    (void)state;
    static char *const environment[] = {"PATH=/bin", NULL};
    static const struct {
        const char *word;
        bool is_one;
    } cases[] = {{"dump", true}, {"swrk", true}, {"cat", false}};
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        cleanup_free char *word = xstrdup(cases[i].word);
        char *const arguments[] = {
            "sh",        "-c", "printf ld-linux-x86-64 >/proc/$$/comm; kill -STOP $$; :",
            "/opt/criu", word, "--tree",
            "5",         NULL};
        pid_t pid = start_target(environment, arguments, NULL);
        assert_int_equal(waitpid(pid, NULL, WUNTRACED), pid);
        const struct diagnose_spec spec = {.target_pid = getpid()};
        cleanup_strbuf struct strbuf text = STRBUF_INIT;
        cleanup_bundle struct bundle b = BUNDLE_INIT;
        take(&spec, NULL, &text, &b);
        end_target(pid);
        const struct process *p = bundle_process(&b, pid);
        assert_non_null(p);
        assert_string_equal(p->name, "ld-linux-x86-64");
        assert_int_equal((p->roles & PROCESS_CRIU) != 0, cases[i].is_one);
    }
}

/* Anybody can call a process criu, and name or open what root alone should read. */
static void only_what_criu_writes_is_its_log(void **state)
{
    (void)state;
    char folder[] = "/tmp/kataloop-evidence-XXXXXX";
    assert_non_null(mkdtemp(folder));
    cleanup_error struct error err = ERROR_INIT;
    cleanup_free char *log = xasprintf("%s/a b.log", folder);
    cleanup_free char *other = xasprintf("%s/other.log", folder);
    assert_int_equal(fs_write_atomic(log, "(0.1) written\n", 14, 0600, &err), 0);
    assert_int_equal(fs_write_atomic(other, "hush-1\n", 7, 0600, &err), 0);
    int fds[] = {open(other, O_RDONLY), open(other, O_PATH), open(log, O_WRONLY | O_APPEND)};
    pid_t pid = start_target(NULL, NULL, "criu");
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        assert_int_equal(close(fds[i]), 0);
    const struct diagnose_spec spec = {.target_pid = getpid()};
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    cleanup_bundle struct bundle b = BUNDLE_INIT;
    take(&spec, NULL, &text, &b);
    end_target(pid);
    const struct bundle_item *item = bundle_find(&b, "log %s", log);
    assert_non_null(item);
    assert_string_equal(item->lines.items[0], "(0.1) written");
    assert_non_null(bundle_find(&b, "log state %s", log));
    assert_null(bundle_find(&b, "log %s", other));
    assert_null(strstr(text.data, "hush-1"));
    assert_int_equal(fs_remove_tree(folder, &err), 0);
}

/* What calls itself criu may have a pipe of that name, which says nothing, or a device, which has
 * no end: neither is read, or nothing behind it would be seen. */
static void a_log_is_a_file(void **state)
{
    (void)state;
    char folder[] = "/tmp/kataloop-evidence-XXXXXX";
    assert_non_null(mkdtemp(folder));
    cleanup_error struct error err = ERROR_INIT;
    cleanup_free char *pipe = xasprintf("%s/pipe.log", folder);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    int fd = open(pipe, O_RDWR);
    pid_t pid = start_target(NULL, NULL, "criu");
    assert_int_equal(close(fd), 0);
    const struct diagnose_spec spec = {.target_pid = getpid()};
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    cleanup_bundle struct bundle b = BUNDLE_INIT;
    take(&spec, NULL, &text, &b);
    end_target(pid);
    assert_null(bundle_find(&b, "guest")); /* it came to its end */
    assert_null(bundle_find(&b, "log %s", pipe));
    assert_int_equal(fs_remove_tree(folder, &err), 0);
}

/* A process calls itself what it likes; the script is root's. */
static void a_name_that_is_shell_code_is_only_a_name(void **state)
{
    (void)state;
    static const char *const names[] = {") `>/tmp/K1`\nx", "a\n==> /proc/ <", "$(>/tmp/K2)",
                                        "';>/tmp/K3;'"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        pid_t pid = start_target(NULL, NULL, names[i]);
        const struct diagnose_spec spec = {.target_pid = pid};
        cleanup_strbuf struct strbuf text = STRBUF_INIT;
        cleanup_bundle struct bundle b = BUNDLE_INIT;
        take(&spec, NULL, &text, &b);
        end_target(pid);
        assert_non_null(bundle_find(&b, "/proc/version"));
    }
    assert_int_equal(access("/tmp/K1", F_OK), -1);
    assert_int_equal(access("/tmp/K2", F_OK), -1);
    assert_int_equal(access("/tmp/K3", F_OK), -1);
}

static void what_the_caller_knows_is_in_it(void **state)
{
    (void)state;
    cleanup_free char *long_text = xcalloc(1, 20001);
    memset(long_text, 'x', 20000);
    const struct diagnose_spec spec = {
        .container = "0123456789abcdef-no-such-container",
        .name = "web",
        .runtime = "io.containerd.kata.v2",
        .client = CLIENT_EXITED,
        .client_status = 3,
        .client_stderr = long_text,
        .stalled = true,
        .seconds = 12,
        .state_after = "stopped",
    };
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    cleanup_bundle struct bundle b = BUNDLE_INIT;
    take(&spec, NULL, &text, &b);
    const struct bundle_item *caller = bundle_find(&b, "caller");
    assert_string_equal(item_value(caller, "name", NULL), "web");
    assert_string_equal(item_value(caller, "client status", NULL), "3");
    assert_string_equal(item_value(caller, "stalled", NULL), "yes");
    assert_string_equal(item_value(caller, "seconds", NULL), "12");
    assert_string_equal(item_value(caller, "state after", NULL), "stopped");
    assert_non_null(bundle_find(&b, "caller stderr")->cut);
    assert_null(bundle_role(&b, PROCESS_TARGET));
}

static int dead_guest(void *self, const char *script, const struct strv *args, int64_t deadline,
                      struct run_result *ret, struct error *err)
{
    (void)script;
    (void)args;
    (void)deadline;
    if (!self)
        return error_set(err, ERR_TIMEOUT, "the console does not answer");
    strbuf_puts(&ret->err, "sh: Killed\n");
    ret->status.code = 137;
    return 0;
}

/* It hangs in the middle of it. */
static int late_guest(void *self, const char *script, const struct strv *args, int64_t deadline,
                      struct run_result *ret, struct error *err)
{
    (void)self;
    (void)script;
    (void)deadline;
    strbuf_printf(&ret->out, "\n%s item 100 seen\nfirst\n\n%s item 100 half\nsec", args->items[0],
                  args->items[0]);
    return error_set(err, ERR_TIMEOUT, "it did not end in time");
}

static void what_a_guest_has_said_before_it_hangs_is_kept(void **state)
{
    (void)state;
    const struct evidence_place place = {late_guest, NULL};
    const struct diagnose_spec spec = {.container = "x"};
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    cleanup_bundle struct bundle b = BUNDLE_INIT;
    take(&spec, &place, &text, &b);
    const char *seen = item_line(bundle_find(&b, "seen"), 0);
    assert_non_null(seen);
    assert_string_equal(seen, "first");
    assert_string_equal(bundle_find(&b, "guest")->missing, "it did not end in time");
}

static void a_guest_that_does_not_answer_is_said_and_the_rest_is_there(void **state)
{
    (void)state;
    int one = 1;
    const struct {
        void *self;
        const char *want;
    } cases[] = {
        {NULL, "the console does not answer"},
        {&one, "the script did not come to its end (exit status 137): sh: Killed"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct evidence_place place = {dead_guest, cases[i].self};
        const struct diagnose_spec spec = {.container = "x"};
        cleanup_strbuf struct strbuf text = STRBUF_INIT;
        cleanup_bundle struct bundle b = BUNDLE_INIT;
        take(&spec, &place, &text, &b);
        assert_string_equal(bundle_find(&b, "guest")->missing, cases[i].want);
        assert_non_null(bundle_find(&b, "host: versions"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_is_in_it_and_its_secrets_are_not),
        cmocka_unit_test(the_threads_of_a_parent_are_in_it),
        cmocka_unit_test(a_tracer_is_in_it_by_name),
        cmocka_unit_test(secrets_within_values_and_arguments_are_hidden),
        cmocka_unit_test(secrets_in_the_journal_are_hidden),
        cmocka_unit_test(who_makes_a_checkpoint_is_in_it),
        cmocka_unit_test(every_name_of_a_secret_is_known),
        cmocka_unit_test(what_is_cut_within_a_secret_is_left_out),
        cmocka_unit_test(arguments_that_look_like_a_header_are_only_arguments),
        cmocka_unit_test(it_is_known_how_long_the_log_is_silent),
        cmocka_unit_test(the_end_of_a_long_log_is_in_it),
        cmocka_unit_test(neither_warnings_nor_what_follows_push_an_error_out),
        cmocka_unit_test(the_youngest_log_of_a_container_is_the_first),
        cmocka_unit_test(a_timeout_is_what_it_is),
        cmocka_unit_test(criu_is_asked_only_where_one_has_run),
        cmocka_unit_test(a_criu_with_a_library_of_its_own_is_one),
        cmocka_unit_test(only_what_criu_writes_is_its_log),
        cmocka_unit_test(a_log_is_a_file),
        cmocka_unit_test(a_name_that_is_shell_code_is_only_a_name),
        cmocka_unit_test(what_the_caller_knows_is_in_it),
        cmocka_unit_test(what_a_guest_has_said_before_it_hangs_is_kept),
        cmocka_unit_test(a_guest_that_does_not_answer_is_said_and_the_rest_is_there),
    };
    return cmocka_run_group_tests(tests, open_host, close_host);
}
