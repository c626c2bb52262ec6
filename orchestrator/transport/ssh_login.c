/* SPDX-License-Identifier: Apache-2.0
 * Logging in: the agent's keys, then key files. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/fs.h"
#include "transport/ssh_library.h"
#include "transport/ssh_session.h"
#include "transport/terminal.h"

enum { KEY_FILE_MAX = 65536 };

/* What was tried, for the message of a refusal. */
struct attempts {
    struct strbuf tried;
    bool rsa;     /* an RSA key was refused */
    bool unasked; /* an encrypted key was left out: no terminal for its passphrase */
};

static void note(struct attempts *a, const char *what)
{
    strbuf_printf(&a->tried, "%s%s", a->tried.len > 0 ? ", " : "", what);
}

static bool is_over(const struct ssh *s)
{
    return s->farewell || s->over || s->broken;
}

/* The host has ended the login, as sshd does after some keys (MaxAuthTries): none that follows
 * would reach it. */
static int cut_short(const struct ssh *s, const struct attempts *a, struct error *err)
{
    error_set(err, ERR_UNREACHABLE, "%s ended the login of `%s`: %.100s (tried: %s)",
              s->settings.host, s->settings.user,
              s->farewell ? s->farewell : "the connection was closed",
              a->tried.len > 0 ? strbuf_str(&a->tried) : "nothing yet");
    if (!s->farewell)
        return error_hint(err, "sshd's log there says why (`journalctl -u ssh`), if it was not the "
                               "line");
    return error_hint(err, "where these are too many keys for it (MaxAuthTries of sshd), set "
                           "`identity` of the host to the one that it knows");
}

/* --- the agent ---------------------------------------------------------------------------------
 */

static LIBSSH2_AGENT *open_agent(struct ssh *s)
{
    const char *path = s->settings.agent;
    if (path && strcmp(path, "none") == 0)
        return NULL;
    if (path && strcmp(path, "SSH_AUTH_SOCK") == 0)
        path = NULL;
    const char *env = getenv("SSH_AUTH_SOCK");
    if (!path && !(env && *env))
        return NULL;
    LIBSSH2_AGENT *agent = libssh2_agent_init(s->session);
    if (!agent)
        return NULL;
    if (path)
        libssh2_agent_set_identity_path(agent, path);
    if (libssh2_agent_connect(agent) == 0 && libssh2_agent_list_identities(agent) == 0)
        return agent;
    libssh2_agent_free(agent);
    return NULL;
}

static bool is_rsa_blob(const unsigned char *blob, size_t len)
{
    static const char start[] = "\0\0\0\7ssh-rsa"; /* a length, then the name: RFC 4253, 6.6 */
    return len >= sizeof(start) - 1 && memcmp(blob, start, sizeof(start) - 1) == 0;
}

/* 1: logged in. */
static int try_agent(struct ssh *s, struct attempts *a, struct error *err)
{
    LIBSSH2_AGENT *agent = open_agent(s);
    if (!agent)
        return 0;
    struct libssh2_agent_publickey *key = NULL;
    int result = 0;
    while (result == 0 && libssh2_agent_get_identity(agent, &key, key) == 0) {
        int rc = SSH_RETRY(s, s->deadline, "logging in", err,
                           libssh2_agent_userauth(agent, s->settings.user, key));
        if (rc == 0) {
            result = 1;
        } else if (rc == LIBSSH2_ERROR_TIMEOUT && err->message) {
            result = -1;
        } else {
            cleanup_free char *what = xasprintf("agent's `%s`", key->comment);
            note(a, what);
            a->rsa = a->rsa || is_rsa_blob(key->blob, key->blob_len);
            result = is_over(s) ? cut_short(s, a, err) : 0;
        }
    }
    libssh2_agent_disconnect(agent);
    libssh2_agent_free(agent);
    return result;
}

/* --- key files ---------------------------------------------------------------------------------
 */

struct key_facts {
    bool encrypted, rsa;
};

/* From the head of a private key file: PEM says both in words; OpenSSH's own format (PROTOCOL.key)
 * is base64 of "openssh-key-v1\0", the cipher's name, the kdf…, and the public key. */
static struct key_facts facts_of(const char *text)
{
    struct key_facts f = {
        .encrypted = strstr(text, "ENCRYPTED") != NULL,
        .rsa = strstr(text, "BEGIN RSA PRIVATE KEY") != NULL,
    };
    static const char begin[] = "-----BEGIN OPENSSH PRIVATE KEY-----";
    const char *from = strstr(text, begin);
    const char *to = from ? strstr(from, "-----END") : NULL;
    cleanup_strbuf struct strbuf raw = STRBUF_INIT;
    if (!to || !base64_decode(from + strlen(begin), (size_t)(to - from) - strlen(begin), &raw))
        return f;
    static const char plain[] = "openssh-key-v1\0\0\0\0\4none";
    f.encrypted = raw.len < sizeof(plain) || memcmp(raw.data, plain, sizeof(plain) - 1) != 0;
    f.rsa = memmem(raw.data, raw.len, "\0\0\0\7ssh-rsa", 11) != NULL;
    return f;
}

static int try_key(struct ssh *s, const char *path, const char *passphrase, struct error *err)
{
    return SSH_RETRY(
        s, s->deadline, "logging in", err,
        libssh2_userauth_publickey_fromfile(s->session, s->settings.user, NULL, path, passphrase));
}

/* An encrypted key: ask for its passphrase, three times at most. 1: logged in. */
static int try_encrypted(struct ssh *s, const char *path, struct attempts *a, struct error *err)
{
    for (int i = 0; i < 3; i++) {
        cleanup_free char *question = xasprintf("Passphrase of %s: ", path);
        cleanup_error struct error failure = ERROR_INIT;
        char *passphrase = NULL;
        if (terminal_ask(question, false, &passphrase, &failure) < 0) {
            if (failure.code == ERR_INTERRUPTED || failure.code == ERR_TIMEOUT) {
                error_move(err, &failure);
                return -1;
            }
            a->unasked = true;
            return 0;
        }
        s->deadline = deadline_in(s->timeout);
        int rc = try_key(s, path, passphrase, err);
        explicit_bzero(passphrase, strlen(passphrase));
        free(passphrase);
        if (rc == 0)
            return 1;
        if (rc == LIBSSH2_ERROR_TIMEOUT && err->message)
            return -1;
        if (rc == LIBSSH2_ERROR_AUTHENTICATION_FAILED || rc == LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED ||
            is_over(s))
            return 0; /* the passphrase was right, the key is not wanted */
    }
    return 0;
}

static int try_file(struct ssh *s, const char *path, struct attempts *a, struct error *err)
{
    cleanup_error struct error unread = ERROR_INIT;
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    if (fs_read(path, KEY_FILE_MAX, &text, &unread) < 0)
        return 0; /* ssh names keys that need not be there */
    struct key_facts facts = facts_of(strbuf_str(&text));
    explicit_bzero(text.data, text.len);
    int result;
    if (facts.encrypted) {
        result = try_encrypted(s, path, a, err);
    } else {
        int rc = try_key(s, path, NULL, err);
        result = rc == 0 ? 1 : rc == LIBSSH2_ERROR_TIMEOUT && err->message ? -1 : 0;
    }
    if (result != 0)
        return result;
    note(a, path);
    a->rsa = a->rsa || facts.rsa;
    return is_over(s) ? cut_short(s, a, err) : 0;
}

static int refused(const struct ssh *s, const struct attempts *a, struct error *err)
{
    if (a->tried.len == 0) {
        error_set(err, ERR_UNREACHABLE, "%s did not log in `%s`: no key was found to try",
                  s->settings.host, s->settings.user);
        return error_hint(err, "set `identity` of the host to a private key, or make one "
                               "(`ssh-keygen -t ed25519`, then ssh-copy-id)");
    }
    error_set(err, ERR_UNREACHABLE, "%s refused to log in `%s` (tried: %s)", s->settings.host,
              s->settings.user, strbuf_str(&a->tried));
    if (a->rsa && !ssh_library_rsa_sha2())
        return error_hint(err,
                          "%s signs with RSA keys by SHA-1 only, which OpenSSH 8.8 and later "
                          "refuse: use an ed25519 key (`ssh-keygen -t ed25519`, then ssh-copy-id), "
                          "or libssh2 1.11",
                          ssh_library());
    if (a->unasked)
        return error_hint(err, "a key wants a passphrase, and there is no terminal to ask on: add "
                               "it to the agent (`ssh-add`)");
    return error_hint(err, "put a public key of yours into ~/.ssh/authorized_keys there "
                           "(`ssh-copy-id`), or set `identity` of the host");
}

int ssh_login(struct ssh *s, struct error *err)
{
    struct attempts a = {0};
    int result = 0;
    /* The key the workflow file names comes before what the agent has. */
    if (s->settings.named_identity)
        result = try_file(s, s->settings.identities.items[0], &a, err);
    if (result == 0)
        result = try_agent(s, &a, err);
    for (size_t i = s->settings.named_identity; result == 0 && i < s->settings.identities.len; i++)
        result = try_file(s, s->settings.identities.items[i], &a, err);
    if (result == 0 && libssh2_userauth_authenticated(s->session))
        result = 1;
    if (result == 0)
        refused(s, &a, err);
    strbuf_release(&a.tried);
    return result > 0 ? 0 : -1;
}
