/* SPDX-License-Identifier: Apache-2.0
 * Reaching a host over ssh: settings, host keys, logins, jumps, and what is said where it fails;
 * against real sshds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <libssh2.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "tests/unit/support/sshd.h"
#include "transport/transport.h"

#ifdef KATALOOP_SANITIZED
/* libssh2 1.10 loses two numbers of OpenSSL's for each ecdsa key it reads and signs with. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:CRYPTO_zalloc\n";
}
const char *__lsan_default_options(void);
const char *__lsan_default_options(void)
{
    return "print_suppressions=0";
}
#endif

static struct ssh_place place;
static bool no_sshd;

static int make_place(void **state)
{
    (void)state;
    no_sshd = ssh_place_make(&place) < 0;
    return 0;
}

static int remove_place(void **state)
{
    (void)state;
    if (!no_sshd)
        ssh_place_remove(&place);
    return 0;
}

/* Each test begins with the host keys known. */
static int know_hosts(void **state)
{
    (void)state;
    if (!no_sshd)
        ssh_place_know(&place);
    return 0;
}

#define NEEDS_SSHD()                                                                               \
    do {                                                                                           \
        if (no_sshd)                                                                               \
            skip();                                                                                \
    } while (0)

/* Connect as `spec` says, with the place's ssh_config, and run a command. */
static int reach(struct host_spec spec, struct error *err)
{
    cleanup_free char *config = in_place(&place, "config");
    cleanup_transport struct transport *t = NULL;
    spec.name = "dev";
    spec.ssh_config = spec.ssh_config ? spec.ssh_config : config;
    spec.destination = spec.destination ? spec.destination : "main";
    if (transport_open(&spec, &t, err) < 0)
        return -1;
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    strv_push_all(&argv, "echo", "reached", NULL);
    const struct command cmd = {.argv = &argv};
    if (transport_check(t, &cmd, deadline_in(20 * NSEC_PER_SEC), "trying", &r, err) < 0)
        return -1;
    assert_string_equal(strbuf_str(&r.out), "reached\n");
    return 0;
}

static void reaches(struct host_spec spec)
{
    struct error err = ERROR_INIT;
    if (reach(spec, &err) < 0)
        fail_msg("%s", err.message);
    assert_null(err.message);
}

/* It does not, and says so: word for word. */
static void refuses(struct host_spec spec, const char *message, const char *hint)
{
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(reach(spec, &err), -1);
    assert_int_equal(err.code, ERR_UNREACHABLE);
    assert_string_equal(err.message, message);
    if (hint)
        assert_string_equal(err.hint, hint);
}

static char *fingerprint_of(const char *public_key)
{
    cleanup_free char *path = in_place(&place, public_key);
    cleanup_free char *line = output_of("ssh-keygen", "-lf", path, NULL);
    char *word = strchr(line, ' ') + 1; /* "256 SHA256:… comment (ED25519)" */
    return xstrndup(word, strcspn(word, " "));
}

/* --- settings ----------------------------------------------------------------------------------
 */

static void an_alias_of_ssh_config_is_enough(void **state)
{
    (void)state;
    NEEDS_SSHD();
    reaches((struct host_spec){.destination = "main"});
}

static void a_destination_may_say_it_all(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_free char *plain = xasprintf("127.0.0.1:%d", place.main.port);
    cleanup_free char *url = xasprintf("ssh://127.0.0.1:%d", place.main.port);
    reaches((struct host_spec){.destination = plain});
    reaches((struct host_spec){.destination = url});
}

static void a_broken_ssh_config_is_a_usage_error(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_error struct error err = ERROR_INIT;
    cleanup_free char *config = in_place(&place, "broken-config");
    write_text(config, "NoSuchKeyword yes\nNorThis yes\n");
    assert_int_equal(reach((struct host_spec){.ssh_config = config}, &err), -1);
    assert_int_equal(err.code, ERR_USAGE);
    assert_non_null(strstr(err.message, "ssh cannot say how to reach `"));
    assert_non_null(strstr(err.message, "Bad configuration option: nosuchkeyword"));
    assert_null(strstr(err.message, "terminating"));
}

static void a_known_hosts_of_the_workflow_file_replaces_the_users(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_free char *ours = in_place(&place, "ours");
    cleanup_free char *known = in_place(&place, "known");
    cleanup_free char *text = text_of(known);
    write_text(ours, text);
    write_text(known, "");
    reaches((struct host_spec){.known_hosts = ours, .host_key_policy = HOST_KEY_STRICT});
}

/* --- keys --------------------------------------------------------------------------------------
 */

static void ed25519_and_ecdsa_keys_log_in(void **state)
{
    (void)state;
    NEEDS_SSHD();
    static const char *const keys[] = {"ed25519", "ecdsa"};
    cleanup_free char *config = in_place(&place, "only-named");
    cleanup_free char *text =
        xasprintf("Host main\n HostName 127.0.0.1\n Port %d\nHost *\n IdentityAgent none\n"
                  " IdentityFile %s/none\n UserKnownHostsFile %s/known\n",
                  place.main.port, place.folder, place.folder);
    write_text(config, text);
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        cleanup_free char *identity = in_place(&place, keys[i]);
        reaches((struct host_spec){.identity = identity, .ssh_config = config});
    }
}

/* ssh gives them as they stand in its configuration. */
static void tokens_of_paths_are_replaced(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_free char *config = in_place(&place, "with-tokens");
    cleanup_free char *key = in_place(&place, "127.0.0.1%.key");
    cleanup_free char *text =
        xasprintf("Host main\n HostName 127.0.0.1\n Port %d\nHost *\n IdentityAgent none\n"
                  " IdentityFile %s/%%h%%%%.key\n UserKnownHostsFile %s/known\n"
                  " GlobalKnownHostsFile none\n",
                  place.main.port, place.folder, place.folder);
    write_text(config, text);
    assert_int_equal(symlink("ed25519", key), 0);
    reaches((struct host_spec){.ssh_config = config});
    assert_int_equal(unlink(key), 0);
}

/* A configuration with one identity and nothing else to log in with. */
static char *config_with(const char *identity, const char *agent)
{
    cleanup_free char *text = xasprintf(
        "Host main\n HostName 127.0.0.1\n Port %d\n"
        "Host behind\n HostName 127.0.0.1\n Port %d\n ProxyJump main\nHost *\n IdentityAgent %s\n"
        " IdentityFile %s/%s\n UserKnownHostsFile %s/known\n GlobalKnownHostsFile /dev/null\n",
        place.main.port, place.behind.port, agent, place.folder, identity, place.folder);
    char *path = in_place(&place, "config-with");
    write_text(path, text);
    return path;
}

static void an_rsa_key_logs_in_or_it_is_said_why_not(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_free char *config = config_with("rsa", "none");
    const struct host_spec spec = {.ssh_config = config};
#if LIBSSH2_VERSION_NUM >= 0x010b00
    reaches(spec);
#else
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(reach(spec, &err), -1);
    assert_int_equal(err.code, ERR_UNREACHABLE);
    assert_non_null(strstr(err.message, "127.0.0.1 refused to log in `"));
    assert_non_null(strstr(err.message, "/rsa)"));
    assert_string_equal(err.hint,
                        "libssh2 " LIBSSH2_VERSION " signs with RSA keys by SHA-1 only, which "
                        "OpenSSH 8.8 and later refuse: use an ed25519 key (`ssh-keygen -t "
                        "ed25519`, then ssh-copy-id), or libssh2 1.11");
#endif
}

static void a_key_the_server_does_not_want_is_named(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_free char *config = config_with("stranger", "none");
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(reach((struct host_spec){.ssh_config = config}, &err), -1);
    cleanup_free char *tried = xasprintf("(tried: %s/stranger)", place.folder);
    assert_int_equal(err.code, ERR_UNREACHABLE);
    assert_non_null(strstr(err.message, tried));
    assert_string_equal(err.hint, "put a public key of yours into ~/.ssh/authorized_keys there "
                                  "(`ssh-copy-id`), or set `identity` of the host");
}

static void no_key_at_all_is_said(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_free char *config = config_with("none", "none");
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(reach((struct host_spec){.ssh_config = config}, &err), -1);
    assert_non_null(strstr(err.message, ": no key was found to try"));
}

/* For a child: 0 reached; else what was said goes to its terminal, or to a file where there is
 * none. */
static int reach_and_say(void *data)
{
    struct error err = ERROR_INIT;
    if (reach(*(struct host_spec *)data, &err) == 0)
        return 0;
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "%s\n%s\n", err.message, err.hint ? err.hint : "");
    cleanup_free char *said = in_place(&place, "said");
    cleanup_free char *text = xasprintf("%s\n%s\n", err.message, err.hint ? err.hint : "");
    write_text(said, text);
    return error_exit_code(&err);
}

static void an_encrypted_key_asks_for_its_passphrase(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_free char *config = config_with("locked", "none");
    cleanup_free char *question = xasprintf("Passphrase of %s/locked: ", place.folder);
    struct host_spec spec = {.ssh_config = config};
    cleanup_strbuf struct strbuf said = STRBUF_INIT;
    assert_int_equal(at_a_terminal(reach_and_say, &spec, question, LOCKED_PASSPHRASE "\n", &said),
                     0);
    assert_null(strstr(strbuf_str(&said), LOCKED_PASSPHRASE)); /* not shown */
}

static void who_thinks_for_longer_than_a_connection_may_take_is_waited_for(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_free char *config = config_with("locked", "none");
    struct host_spec spec = {.ssh_config = config, .connect_timeout = 3 * NSEC_PER_SEC};
    thinking_time = 4 * NSEC_PER_SEC;
    int status = at_a_terminal(reach_and_say, &spec, "Passphrase of", LOCKED_PASSPHRASE "\n", NULL);
    thinking_time = 0;
    assert_int_equal(status, 0);
}

static void a_wrong_passphrase_is_asked_for_three_times(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_free char *config = config_with("locked", "none");
    struct host_spec spec = {.ssh_config = config};
    cleanup_strbuf struct strbuf said = STRBUF_INIT;
    assert_int_equal(at_a_terminal(reach_and_say, &spec, "Passphrase of", "no\n", &said), 5);
    int times = 0;
    for (const char *p = said.data; (p = strstr(p, "Passphrase of")); p++)
        times++;
    assert_int_equal(times, 3);
    assert_non_null(strstr(said.data, "refused to log in"));
}

static void an_encrypted_key_without_a_terminal_is_said(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_free char *config = config_with("locked", "none");
    struct host_spec spec = {.ssh_config = config};
    assert_int_equal(without_a_terminal(reach_and_say, &spec), 5);
    cleanup_free char *path = in_place(&place, "said");
    cleanup_free char *said = text_of(path);
    assert_non_null(strstr(said, "a key wants a passphrase, and there is no terminal to ask on: "
                                 "add it to the agent (`ssh-add`)"));
}

/* An agent with the key `stranger`, and with `key` behind it (NULL: none). */
static pid_t start_agent(const char *socket_path, const char *key)
{
    cleanup_free char *variable = xasprintf("SSH_AUTH_SOCK=%s", socket_path);
    cleanup_free char *stranger = in_place(&place, "stranger");
    cleanup_free char *started = output_of("ssh-agent", "-a", socket_path, NULL);
    const char *at = strstr(started, "SSH_AGENT_PID=");
    assert_non_null(at);
    free(output_of("env", variable, "ssh-add", "-q", stranger, key, NULL));
    return (pid_t)strtol(at + strlen("SSH_AGENT_PID="), NULL, 10);
}

static void keys_of_the_agent_log_in(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_free char *socket_path = in_place(&place, "agent");
    cleanup_free char *key = in_place(&place, "ecdsa");
    pid_t agent = start_agent(socket_path, key);
    cleanup_free char *config = config_with("none", socket_path);
    cleanup_error struct error err = ERROR_INIT;
    int result = reach((struct host_spec){.ssh_config = config}, &err);
    if (result == 0) /* behind a jump it is asked here too, not over there */
        result = reach((struct host_spec){.ssh_config = config, .destination = "behind"}, &err);
    kill(agent, SIGTERM);
    if (result < 0)
        fail_msg("%s", err.message);
    /* An agent that has gone is as none: the next way is tried. */
    cleanup_free char *next = config_with("ed25519", socket_path);
    reaches((struct host_spec){.ssh_config = next});
}

/* sshd's own limit (MaxAuthTries) is six: the file behind them is not reached. */
static void too_many_keys_end_the_login(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_free char *socket_path = in_place(&place, "full-agent");
    pid_t agent = start_agent(socket_path, NULL);
    cleanup_free char *variable = xasprintf("SSH_AUTH_SOCK=%s", socket_path);
    for (int i = 0; i < 7; i++) {
        cleanup_free char *name = xasprintf("unwanted-%d", i);
        cleanup_free char *key = in_place(&place, name);
        free(output_of("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", key, NULL));
        free(output_of("env", variable, "ssh-add", "-q", key, NULL));
    }
    cleanup_free char *config = config_with("ed25519", socket_path);
    cleanup_error struct error err = ERROR_INIT;
    int result = reach((struct host_spec){.ssh_config = config}, &err);
    kill(agent, SIGTERM);
    assert_int_equal(result, -1);
    assert_int_equal(err.code, ERR_UNREACHABLE);
    assert_non_null(strstr(err.message, " ended the login of `"));
    assert_non_null(strstr(err.message, "agent's `unwanted-0`"));
    assert_null(strstr(err.message, "/ed25519"));
    assert_non_null(strstr(err.hint, "MaxAuthTries"));
}

/* No key was refused where the line was cut: here by what is asked as an agent. */
static void a_line_that_is_cut_in_the_login_refuses_no_key(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_free char *socket_path = in_place(&place, "cutting-agent");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    assert_true(strlen(socket_path) < sizeof(address.sun_path));
    memcpy(address.sun_path, socket_path, strlen(socket_path));
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 1), 0);
    pid_t agent = fork();
    if (agent == 0) {
        int caller = accept(fd, NULL, NULL);
        sshd_cut(&place.main);
        _exit(caller < 0);
    }
    cleanup_free char *config = config_with("ed25519", socket_path);
    cleanup_error struct error err = ERROR_INIT;
    int result = reach((struct host_spec){.ssh_config = config}, &err);
    int status;
    assert_int_equal(waitpid(agent, &status, 0), agent);
    assert_int_equal(status, 0);
    assert_int_equal(result, -1);
    assert_int_equal(err.code, ERR_UNREACHABLE);
    assert_non_null(strstr(err.message, ": the connection was closed (tried: "));
    assert_non_null(strstr(err.hint, "journalctl -u ssh"));
}

static void a_named_key_is_tried_before_the_agents(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_free char *socket_path = in_place(&place, "second-agent");
    cleanup_free char *named = in_place(&place, "other");
    cleanup_free char *config = config_with("none", socket_path);
    cleanup_free char *tried = xasprintf("(tried: %s, agent's `stranger`)", named);
    cleanup_error struct error err = ERROR_INIT;
    pid_t agent = start_agent(socket_path, NULL);
    int result = reach((struct host_spec){.ssh_config = config, .identity = named}, &err);
    kill(agent, SIGTERM);
    assert_int_equal(result, -1);
    assert_non_null(strstr(err.message, tried));
}

/* --- host keys ---------------------------------------------------------------------------------
 */

/* A configuration for `main` with these lines, and files of known host keys by these names. */
static char *config_for_keys(const char *lines, const char *users, const char *global)
{
    cleanup_free char *text =
        xasprintf("Host main\n HostName 127.0.0.1\n Port %d\n%s"
                  "Host *\n IdentityAgent none\n IdentityFile %s/ed25519\n"
                  " GlobalKnownHostsFile %s/%s\n UserKnownHostsFile %s/%s\n",
                  place.main.port, lines, place.folder, place.folder, global, place.folder, users);
    char *path = in_place(&place, "config-for-keys");
    write_text(path, text);
    return path;
}

static void an_unknown_host_key_is_refused_when_strict(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_free char *known = in_place(&place, "known");
    cleanup_free char *offered = fingerprint_of("host.pub");
    cleanup_free char *message =
        xasprintf("the host key of 127.0.0.1 is not known: %s (ssh-ed25519)", offered);
    write_text(known, "");
    refuses((struct host_spec){.host_key_policy = HOST_KEY_STRICT}, message,
            "compare it, then log in once with ssh, or set `host_key: accept-new`");
    unlink(known);
    refuses((struct host_spec){.host_key_policy = HOST_KEY_STRICT}, message, NULL);
    assert_int_equal(access(known, F_OK), -1);
}

static void strict_asks_nobody(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_free char *known = in_place(&place, "known");
    write_text(known, "");
    struct host_spec spec = {.host_key_policy = HOST_KEY_STRICT};
    cleanup_strbuf struct strbuf said = STRBUF_INIT;
    assert_int_equal(at_a_terminal(reach_and_say, &spec, NULL, NULL, &said), 5);
    assert_non_null(strstr(said.data, "the host key of 127.0.0.1 is not known"));
    assert_null(strstr(said.data, "[yes/no]"));
}

static void accept_new_writes_it_down(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_free char *known = in_place(&place, "new/known");
    struct host_spec spec = {.known_hosts = known, .host_key_policy = HOST_KEY_ACCEPT_NEW};
    reaches(spec);
    cleanup_free char *key_file = in_place(&place, "host.pub");
    cleanup_free char *key = text_of(key_file);
    cleanup_free char *line = text_of(known);
    cleanup_free char *start = xasprintf("[127.0.0.1]:%d ", place.main.port);
    assert_int_equal(strncmp(line, start, strlen(start)), 0);
    /* The rest is the key file, less its comment. */
    const char *written = line + strlen(start);
    assert_int_equal(strncmp(written, key, strlen(written) - 1), 0);
    struct stat st;
    assert_int_equal(stat(known, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    spec.host_key_policy = HOST_KEY_STRICT;
    reaches(spec);
}

static void a_file_without_a_last_line_end_is_added_to_whole(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_free char *known = in_place(&place, "known");
    cleanup_free char *key_file = in_place(&place, "other.pub");
    cleanup_free char *key = text_of(key_file);
    cleanup_free char *line = xasprintf("example.org %.*s", (int)strcspn(key, "\n"), key);
    write_text(known, line);
    reaches((struct host_spec){.host_key_policy = HOST_KEY_ACCEPT_NEW});
    reaches((struct host_spec){.host_key_policy = HOST_KEY_STRICT});
}

static void asked_about_an_unknown_one_yes_goes_on(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_free char *known = in_place(&place, "known");
    cleanup_free char *offered = fingerprint_of("host.pub");
    write_text(known, "");
    struct host_spec spec = {.host_key_policy = HOST_KEY_ASK};
    cleanup_strbuf struct strbuf said = STRBUF_INIT;
    assert_int_equal(at_a_terminal(reach_and_say, &spec, "[yes/no]: ", "yes\n", &said), 0);
    assert_non_null(strstr(said.data, offered));
    reaches((struct host_spec){.host_key_policy = HOST_KEY_STRICT});
}

static void asked_about_an_unknown_one_anything_else_refuses(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_free char *known = in_place(&place, "known");
    write_text(known, "");
    struct host_spec spec = {.host_key_policy = HOST_KEY_ASK};
    cleanup_strbuf struct strbuf said = STRBUF_INIT;
    assert_int_equal(at_a_terminal(reach_and_say, &spec, "[yes/no]: ", "no\n", &said), 5);
    assert_non_null(strstr(said.data, "the host key of 127.0.0.1 was not accepted"));
    cleanup_free char *text = text_of(known);
    assert_string_equal(text, "");
}

static void with_nobody_to_ask_an_unknown_one_is_refused(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_free char *known = in_place(&place, "known");
    write_text(known, "");
    struct host_spec spec = {.host_key_policy = HOST_KEY_ASK};
    assert_int_equal(without_a_terminal(reach_and_say, &spec), 5);
    cleanup_free char *path = in_place(&place, "said");
    cleanup_free char *said = text_of(path);
    assert_non_null(strstr(said, "the host key of 127.0.0.1 is not known: SHA256:"));
}

static void a_changed_host_key_is_always_refused(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_free char *known = in_place(&place, "known");
    cleanup_free char *other_file = in_place(&place, "other.pub");
    cleanup_free char *other = text_of(other_file);
    cleanup_free char *old = fingerprint_of("other.pub");
    cleanup_free char *offered = fingerprint_of("host.pub");
    cleanup_free char *text = xasprintf("# a comment\n[127.0.0.1]:%d %s", place.main.port, other);
    write_text(known, text);
    cleanup_free char *message = xasprintf(
        "the host key of 127.0.0.1 has CHANGED: known is %s (%s line 2), it now offers "
        "%s (ssh-ed25519): somebody may be listening in, or the machine was installed again",
        old, known, offered);
    cleanup_free char *hint = xasprintf("if you know that it was installed again: ssh-keygen -R "
                                        "'[127.0.0.1]:%d' -f '%s'",
                                        place.main.port, known);
    for (int policy = HOST_KEY_ASK; policy <= HOST_KEY_STRICT; policy++)
        refuses((struct host_spec){.host_key_policy = (enum host_key_policy)policy}, message, hint);
}

/* Lines that are none stand before the one that knows the host. */
static void a_broken_line_hides_no_changed_host_key(void **state)
{
    (void)state;
    NEEDS_SSHD();
    static const struct {
        const char *text;
        size_t len;
    } broken[] = {{"garbage\n", 8}, {"host ssh-rsa AA\n", 16}, {"a\0b\n", 4}, {"\r\n", 2}};
    cleanup_free char *known = in_place(&place, "known");
    cleanup_free char *other_file = in_place(&place, "other.pub");
    cleanup_free char *key_file = in_place(&place, "host.pub");
    cleanup_free char *other = text_of(other_file);
    cleanup_free char *key = text_of(key_file); /* "KIND KEY COMMENT" */
    size_t kind = strcspn(key, " ") + 1;
    key[kind + strcspn(key + kind, " \n")] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
        cleanup_error struct error err = ERROR_INIT;
        cleanup_strbuf struct strbuf text = STRBUF_INIT;
        strbuf_add(&text, broken[i].text, broken[i].len);
        strbuf_printf(&text, "[127.0.0.1]:%d %s", place.main.port, other);
        assert_int_equal(fs_write_atomic(known, text.data, text.len, 0600, &err), 0);
        assert_int_equal(reach((struct host_spec){.host_key_policy = HOST_KEY_ACCEPT_NEW}, &err),
                         -1);
        assert_int_equal(err.code, ERR_UNREACHABLE);
        assert_non_null(strstr(err.message, "has CHANGED"));
        assert_non_null(strstr(err.message, "line 2"));

        strbuf_truncate(&text, broken[i].len);
        strbuf_printf(&text, "[127.0.0.1]:%d %s\r\n", place.main.port, key);
        assert_int_equal(fs_write_atomic(known, text.data, text.len, 0600, &err), 0);
        reaches((struct host_spec){.host_key_policy = HOST_KEY_STRICT});
    }
}

static void known_hosts_that_cannot_be_read_are_named(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_free char *folder = in_place(&place, ".");
    cleanup_error struct error err = ERROR_INIT;
    const struct host_spec spec = {.known_hosts = folder, .host_key_policy = HOST_KEY_ACCEPT_NEW};
    assert_int_equal(reach(spec, &err), -1);
    cleanup_free char *message =
        xasprintf("looking for known hosts: reading `%s`: Is a directory", folder);
    assert_string_equal(err.message, message);
}

/* The host is known by an ecdsa key and offers an ed25519 one: not to be taken for a new host. */
static void another_kind_of_key_is_a_changed_one_too(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_free char *known = in_place(&place, "known");
    cleanup_free char *ecdsa_file = in_place(&place, "ecdsa.pub");
    cleanup_free char *ecdsa = text_of(ecdsa_file);
    cleanup_free char *text = xasprintf("[127.0.0.1]:%d %s", place.main.port, ecdsa);
    write_text(known, text);
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(reach((struct host_spec){.host_key_policy = HOST_KEY_ACCEPT_NEW}, &err), -1);
    assert_non_null(strstr(err.message, "has CHANGED"));
}

/* What listens on another port of a machine may be another one, as a virtual machine's sshd is. */
static void a_line_without_a_port_makes_no_other_port_a_changed_one(void **state)
{
    (void)state;
    NEEDS_SSHD();
    static const char *const others[] = {"other.pub", "ecdsa.pub"};
    cleanup_free char *known = in_place(&place, "known");
    cleanup_free char *key_file = in_place(&place, "host.pub");
    cleanup_free char *key = text_of(key_file);
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        cleanup_free char *other_file = in_place(&place, others[i]);
        cleanup_free char *other = text_of(other_file);
        cleanup_free char *text = xasprintf("127.0.0.1 %s", other);
        write_text(known, text);
        reaches((struct host_spec){.host_key_policy = HOST_KEY_ACCEPT_NEW});
        reaches((struct host_spec){.host_key_policy = HOST_KEY_STRICT});
    }
    cleanup_free char *right = xasprintf("127.0.0.1 %s", key);
    write_text(known, right);
    reaches((struct host_spec){.host_key_policy = HOST_KEY_STRICT});
}

static void a_revoked_host_key_is_refused(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_free char *known = in_place(&place, "known");
    cleanup_free char *good = text_of(known);
    cleanup_free char *key_file = in_place(&place, "host.pub");
    cleanup_free char *key = text_of(key_file);
    cleanup_free char *text = xasprintf("%s  @revoked * %s", good, key);
    write_text(known, text);
    cleanup_free char *offered = fingerprint_of("host.pub");
    cleanup_free char *message =
        xasprintf("the host key %s of 127.0.0.1 is revoked (%s line 3)", offered, known);
    refuses((struct host_spec){0}, message, NULL);
}

/* Where ssh_config says so the host is known by that name, without a port. */
static void a_host_is_known_by_its_alias(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_free char *known = in_place(&place, "known");
    cleanup_free char *config = config_for_keys(" HostKeyAlias machine\n", "known", "none");
    const struct host_spec spec = {.ssh_config = config, .host_key_policy = HOST_KEY_STRICT};
    cleanup_free char *key_file = in_place(&place, "host.pub");
    cleanup_free char *other_file = in_place(&place, "other.pub");
    cleanup_free char *key = text_of(key_file);
    cleanup_free char *other = text_of(other_file);
    cleanup_free char *right =
        xasprintf("[127.0.0.1]:%d %smachine %s", place.main.port, other, key);
    write_text(known, right);
    reaches(spec);
    cleanup_free char *wrong =
        xasprintf("[127.0.0.1]:%d %smachine %s", place.main.port, key, other);
    write_text(known, wrong);
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(reach(spec, &err), -1);
    assert_non_null(strstr(err.message, "the host key of machine has CHANGED"));
    cleanup_free char *hint = xasprintf("ssh-keygen -R 'machine' -f '%s'", known);
    assert_non_null(strstr(err.hint, hint));
}

/* Those of the machine count too; a new one goes to the user's. */
static void hosts_known_to_the_whole_machine_are_known(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_free char *config = config_for_keys("", "users", "known");
    reaches((struct host_spec){.ssh_config = config, .host_key_policy = HOST_KEY_STRICT});
    cleanup_free char *known = in_place(&place, "known");
    cleanup_free char *users = in_place(&place, "users");
    assert_int_equal(access(users, F_OK), -1);
    write_text(known, "");
    reaches((struct host_spec){.ssh_config = config, .host_key_policy = HOST_KEY_ACCEPT_NEW});
    cleanup_free char *text = text_of(known);
    assert_string_equal(text, "");
    assert_int_equal(access(users, F_OK), 0);
}

/* Of the keys that a host has it is asked for the one that is known, whichever that is. */
static void a_host_of_several_keys_is_known_by_any(void **state)
{
    (void)state;
    NEEDS_SSHD();
    static const char *const keys[] = {"host.pub", "ecdsa.pub"};
    cleanup_free char *both = xasprintf("host\nHostKey %s/ecdsa", place.folder);
    cleanup_free char *known = in_place(&place, "known");
    struct sshd server = {0};
    sshd_start(&place, &server, both);
    cleanup_free char *destination = xasprintf("127.0.0.1:%d", server.port);
    cleanup_error struct error err = ERROR_INIT;
    for (size_t i = 0; i < ARRAY_SIZE(keys) && !err.message; i++) {
        cleanup_free char *file = in_place(&place, keys[i]);
        cleanup_free char *key = text_of(file);
        cleanup_free char *line = xasprintf("[127.0.0.1]:%d %s", server.port, key);
        write_text(known, line);
        (void)reach((struct host_spec){.destination = destination, /* what it says is told below */
                                       .host_key_policy = HOST_KEY_STRICT},
                    &err);
    }
    sshd_stop(&server);
    if (err.message)
        fail_msg("%s", err.message);
}

static void hashed_names_are_understood(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_free char *known = in_place(&place, "known");
    free(output_of("ssh-keygen", "-q", "-H", "-f", known, NULL));
    cleanup_free char *text = text_of(known);
    assert_int_equal(strncmp(text, "|1|", 3), 0);
    reaches((struct host_spec){.host_key_policy = HOST_KEY_STRICT});
}

/* --- jumps -------------------------------------------------------------------------------------
 */

static void a_jump_goes_through_another_host(void **state)
{
    (void)state;
    NEEDS_SSHD();
    reaches((struct host_spec){.destination = "behind", .host_key_policy = HOST_KEY_STRICT});
}

static void a_jump_that_leads_nowhere_is_said(void **state)
{
    (void)state;
    NEEDS_SSHD();
    struct ssh_place aside = place; /* `behind`, but its server has gone */
    sshd_stop(&aside.behind);
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(reach((struct host_spec){.destination = "behind"}, &err), -1);
    assert_int_equal(err.code, ERR_UNREACHABLE);
    cleanup_free char *start = xasprintf("connecting to 127.0.0.1 port %d: ", place.behind.port);
    assert_int_equal(strncmp(err.message, start, strlen(start)), 0);
    sshd_start(&place, &place.behind, "host");
}

static void a_jump_host_that_does_not_answer_is_named(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_free char *config = in_place(&place, "broken-jump");
    cleanup_free char *text =
        xasprintf("Host behind\n HostName 127.0.0.1\n ProxyJump gate\nHost gate\n HostName "
                  "127.0.0.1\n Port 1\n");
    write_text(config, text);
    refuses((struct host_spec){.destination = "behind", .ssh_config = config},
            "jumping through gate: connecting to 127.0.0.1 port 1: Connection refused",
            "is sshd running there, and is the port right?");
}

/* "a,b,c": through a, then b, then c. */
static void several_jumps_go_in_their_order(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_free char *config = in_place(&place, "several-jumps");
    cleanup_free char *text =
        xasprintf("Host main third broken\n HostName 127.0.0.1\n Port %d\n"
                  "Host behind\n HostName 127.0.0.1\n Port %d\n"
                  "Host gone\n HostName 127.0.0.1\n Port 1\n"
                  "Host third\n ProxyJump main,behind,main\nHost broken\n ProxyJump gone,main\n"
                  "Host *\n IdentityAgent none\n IdentityFile %s/ed25519\n"
                  " UserKnownHostsFile %s/known\n",
                  place.main.port, place.behind.port, place.folder, place.folder);
    write_text(config, text);
    reaches((struct host_spec){.destination = "third", .ssh_config = config});
    refuses((struct host_spec){.destination = "broken", .ssh_config = config},
            "jumping through main: jumping through gone: connecting to 127.0.0.1 port 1: "
            "Connection refused",
            NULL);
}

static void jumps_in_a_circle_have_an_end(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_free char *config = in_place(&place, "circle");
    write_text(config, "Host one\n HostName 127.0.0.1\n ProxyJump other\n"
                       "Host other\n HostName 127.0.0.1\n ProxyJump one\n");
    cleanup_error struct error err = ERROR_INIT;
    const struct host_spec spec = {.destination = "one", .ssh_config = config};
    assert_int_equal(reach(spec, &err), -1);
    assert_int_equal(err.code, ERR_USAGE);
    assert_non_null(strstr(err.message, "jumping through one: more than 8 jumps to 127.0.0.1"));
    int jumps = 0;
    for (const char *p = err.message; (p = strstr(p, "jumping through ")); p++)
        jumps++;
    assert_int_equal(jumps, 8);
}

/* --- no answer ---------------------------------------------------------------------------------
 */

static void a_refused_connection_is_said(void **state)
{
    (void)state;
    NEEDS_SSHD();
    refuses((struct host_spec){.destination = "127.0.0.1:1"},
            "connecting to 127.0.0.1 port 1: Connection refused",
            "is sshd running there, and is the port right?");
}

static void a_host_that_does_not_exist_is_said(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(reach((struct host_spec){.destination = "no-such-host.invalid"}, &err), -1);
    assert_int_equal(err.code, ERR_UNREACHABLE);
    assert_int_equal(strncmp(err.message, "there is no host `no-such-host.invalid`: ", 41), 0);
    assert_string_equal(err.hint,
                        "check `ssh` of the host in the workflow file, and ~/.ssh/config");
}

static void a_destination_that_is_an_option_is_refused(void **state)
{
    (void)state;
    NEEDS_SSHD();
    cleanup_error struct error err = ERROR_INIT;
    assert_int_equal(reach((struct host_spec){.destination = "-oProxyCommand=x"}, &err), -1);
    assert_int_equal(err.code, ERR_USAGE);
    assert_string_equal(err.message, "`-oProxyCommand=x` names no host to log in to: "
                                     "`-oProxyCommand=x` is not the name or address of a host");
}

/* A port where somebody listens: says `greeting` (NULL: nothing) to whoever comes. */
static int listen_somewhere(int *ret_port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *ret_port = ntohs(a.sin_port);
    return fd;
}

static void a_host_that_says_nothing_times_out(void **state)
{
    (void)state;
    NEEDS_SSHD();
    int port;
    cleanup_close int fd = listen_somewhere(&port); /* accepted by the kernel, then silence */
    cleanup_free char *destination = xasprintf("127.0.0.1:%d", port);
    int64_t start = clock_now();
    refuses((struct host_spec){.destination = destination, .connect_timeout = NSEC_PER_SEC / 2},
            "the handshake with 127.0.0.1: timed out",
            "the machine may be overloaded, or something other than sshd listens there");
    assert_true(clock_now() - start >= NSEC_PER_SEC / 2);
    assert_true(clock_now() - start < 10 * NSEC_PER_SEC);
}

static void what_is_no_sshd_is_said(void **state)
{
    (void)state;
    NEEDS_SSHD();
    int port;
    cleanup_close int fd = listen_somewhere(&port);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int peer = accept(fd, NULL, NULL);
        (void)!write(peer, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
        _exit(0);
    }
    cleanup_free char *destination = xasprintf("127.0.0.1:%d", port);
    cleanup_error struct error err = ERROR_INIT;
    const struct host_spec spec = {.destination = destination, .connect_timeout = 5 * NSEC_PER_SEC};
    assert_int_equal(reach(spec, &err), -1);
    waitpid(pid, NULL, 0);
    assert_int_equal(err.code, ERR_UNREACHABLE);
    assert_int_equal(strncmp(err.message, "the handshake on 127.0.0.1: ", 28), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, know_hosts)
    const struct CMUnitTest tests[] = {
        TEST(an_alias_of_ssh_config_is_enough),
        TEST(a_destination_may_say_it_all),
        TEST(a_broken_ssh_config_is_a_usage_error),
        TEST(a_known_hosts_of_the_workflow_file_replaces_the_users),
        TEST(ed25519_and_ecdsa_keys_log_in),
        TEST(tokens_of_paths_are_replaced),
        TEST(an_rsa_key_logs_in_or_it_is_said_why_not),
        TEST(a_key_the_server_does_not_want_is_named),
        TEST(no_key_at_all_is_said),
        TEST(an_encrypted_key_asks_for_its_passphrase),
        TEST(who_thinks_for_longer_than_a_connection_may_take_is_waited_for),
        TEST(a_wrong_passphrase_is_asked_for_three_times),
        TEST(an_encrypted_key_without_a_terminal_is_said),
        TEST(keys_of_the_agent_log_in),
        TEST(too_many_keys_end_the_login),
        TEST(a_line_that_is_cut_in_the_login_refuses_no_key),
        TEST(a_named_key_is_tried_before_the_agents),
        TEST(an_unknown_host_key_is_refused_when_strict),
        TEST(strict_asks_nobody),
        TEST(accept_new_writes_it_down),
        TEST(a_file_without_a_last_line_end_is_added_to_whole),
        TEST(asked_about_an_unknown_one_yes_goes_on),
        TEST(asked_about_an_unknown_one_anything_else_refuses),
        TEST(with_nobody_to_ask_an_unknown_one_is_refused),
        TEST(a_changed_host_key_is_always_refused),
        TEST(a_broken_line_hides_no_changed_host_key),
        TEST(known_hosts_that_cannot_be_read_are_named),
        TEST(another_kind_of_key_is_a_changed_one_too),
        TEST(a_line_without_a_port_makes_no_other_port_a_changed_one),
        TEST(a_revoked_host_key_is_refused),
        TEST(a_host_is_known_by_its_alias),
        TEST(hosts_known_to_the_whole_machine_are_known),
        TEST(a_host_of_several_keys_is_known_by_any),
        TEST(hashed_names_are_understood),
        TEST(a_jump_goes_through_another_host),
        TEST(a_jump_that_leads_nowhere_is_said),
        TEST(a_jump_host_that_does_not_answer_is_named),
        TEST(several_jumps_go_in_their_order),
        TEST(jumps_in_a_circle_have_an_end),
        TEST(a_refused_connection_is_said),
        TEST(a_host_that_does_not_exist_is_said),
        TEST(a_destination_that_is_an_option_is_refused),
        TEST(a_host_that_says_nothing_times_out),
        TEST(what_is_no_sshd_is_said),
    };
    return cmocka_run_group_tests_name("ssh login", tests, make_place, remove_place);
}
