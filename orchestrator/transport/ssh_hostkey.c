/* SPDX-License-Identifier: Apache-2.0
 * Host keys against known_hosts (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "base/fs.h"
#include "base/sha256.h"
#include "transport/ssh_session.h"
#include "transport/terminal.h"

enum { KNOWN_HOSTS_MAX = 16 << 20 };

static const struct {
    int session_type; /* LIBSSH2_HOSTKEY_TYPE_* */
    int known_type;   /* LIBSSH2_KNOWNHOST_KEY_* */
    const char *name;
} kinds[] = {
    {LIBSSH2_HOSTKEY_TYPE_ED25519, LIBSSH2_KNOWNHOST_KEY_ED25519, "ssh-ed25519"},
    {LIBSSH2_HOSTKEY_TYPE_ECDSA_256, LIBSSH2_KNOWNHOST_KEY_ECDSA_256, "ecdsa-sha2-nistp256"},
    {LIBSSH2_HOSTKEY_TYPE_ECDSA_384, LIBSSH2_KNOWNHOST_KEY_ECDSA_384, "ecdsa-sha2-nistp384"},
    {LIBSSH2_HOSTKEY_TYPE_ECDSA_521, LIBSSH2_KNOWNHOST_KEY_ECDSA_521, "ecdsa-sha2-nistp521"},
    {LIBSSH2_HOSTKEY_TYPE_RSA, LIBSSH2_KNOWNHOST_KEY_SSHRSA, "ssh-rsa"},
};

/* As messages call the host. */
static const char *host_name(const struct ssh *s)
{
    return s->settings.alias ? s->settings.alias : s->settings.host;
}

/* The name that known_hosts has it under. The caller frees. */
static char *known_name(const struct ssh *s)
{
    bool port = !s->settings.alias && s->settings.port != SSH_PORT;
    return port ? xasprintf("[%s]:%d", s->settings.host, s->settings.port) : xstrdup(host_name(s));
}

/* A file as one string, "" where there is none. What cannot be read may know the host. */
static int read_file(const char *file, struct strbuf *ret, struct error *err)
{
    cleanup_error struct error failure = ERROR_INIT;
    if (fs_read(file, KNOWN_HOSTS_MAX, ret, &failure) < 0) {
        if (failure.errnum == ENOENT)
            return 0;
        error_move(err, &failure);
        return error_wrap(err, "looking for known hosts");
    }
    for (char *p = ret->data; (p = memchr(p, '\0', (size_t)(ret->data + ret->len - p)));)
        *p = '?';
    return 0;
}

/* A line that is none is passed over, as ssh does: libssh2's own reading of a file ends there, and
 * whoever stands behind it would be a stranger. */
static int read_lines(struct ssh *s, LIBSSH2_KNOWNHOSTS *known, char *text, struct error *err)
{
    for (char *line; text && (line = strsep(&text, "\n"));) {
        size_t len = strlen(line);
        len -= len > 0 && line[len - 1] == '\r';
        line[len] = '\0';
        int result = libssh2_knownhost_readline(known, line, len, LIBSSH2_KNOWNHOST_FILE_OPENSSH);
        if (result == LIBSSH2_ERROR_ALLOC)
            return ssh_error(s, "reading known_hosts", err);
    }
    return 0;
}

/* NULL with err. */
static LIBSSH2_KNOWNHOSTS *read_known(struct ssh *s, struct error *err)
{
    LIBSSH2_KNOWNHOSTS *known = libssh2_knownhost_init(s->session);
    int result = known ? 0 : ssh_error(s, "reading known_hosts", err);
    for (size_t i = 0; i < s->settings.known_hosts.len && result == 0; i++) {
        cleanup_strbuf struct strbuf text = STRBUF_INIT;
        result = read_file(s->settings.known_hosts.items[i], &text, err);
        if (result == 0)
            result = read_lines(s, known, text.data, err);
    }
    if (result == 0)
        return known;
    if (known)
        libssh2_knownhost_free(known);
    return NULL;
}

static int check_name(LIBSSH2_KNOWNHOSTS *known, const char *name, const char *key, size_t len,
                      int known_type, struct libssh2_knownhost **ret)
{
    return libssh2_knownhost_checkp(
        known, name, -1, key, len,
        LIBSSH2_KNOWNHOST_TYPE_PLAIN | LIBSSH2_KNOWNHOST_KEYENC_RAW | known_type, ret);
}

/* A line without a port may say that a key is right on any, as with ssh, but not that it is wrong:
 * another machine may listen there. Told a port, libssh2 takes it for both. */
static int check(const struct ssh *s, LIBSSH2_KNOWNHOSTS *known, const char *key, size_t len,
                 int known_type, struct libssh2_knownhost **ret)
{
    cleanup_free char *name = known_name(s);
    int found = check_name(known, name, key, len, known_type, ret);
    if (found == LIBSSH2_KNOWNHOST_CHECK_NOTFOUND &&
        check_name(known, host_name(s), key, len, known_type, ret) == LIBSSH2_KNOWNHOST_CHECK_MATCH)
        return LIBSSH2_KNOWNHOST_CHECK_MATCH;
    return found;
}

void ssh_hostkey_prefer_known(struct ssh *s)
{
    cleanup_error struct error untold = ERROR_INIT; /* the check after the handshake tells it */
    LIBSSH2_KNOWNHOSTS *known = read_known(s, &untold);
    if (!known)
        return;
    cleanup_strbuf struct strbuf first = STRBUF_INIT, others = STRBUF_INIT;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        struct libssh2_knownhost *entry = NULL;
        /* No key is like this one: a mismatch says that there is one of this kind. */
        bool has = check(s, known, "?", 1, kinds[i].known_type, &entry) ==
                   LIBSSH2_KNOWNHOST_CHECK_MISMATCH;
        has = has && entry && (entry->typemask & LIBSSH2_KNOWNHOST_KEY_MASK) == kinds[i].known_type;
        struct strbuf *to = has ? &first : &others;
        strbuf_printf(to, "%s%s", to->len > 0 ? "," : "", kinds[i].name);
    }
    libssh2_knownhost_free(known);
    if (first.len == 0)
        return;
    strbuf_printf(&first, "%s%s", others.len > 0 ? "," : "", strbuf_str(&others));
    /* Where libssh2 knows none of them it keeps its own order, which works too. */
    (void)libssh2_session_method_pref(s->session, LIBSSH2_METHOD_HOSTKEY, first.data);
}

/* "SHA256:…", as ssh-keygen -l prints it. */
static char *fingerprint(const char *key, size_t len)
{
    struct sha256 *digest = sha256_new();
    char hex[SHA256_HEX_SIZE];
    sha256_add(digest, key, len);
    sha256_finish(digest, hex);
    unsigned char raw[32];
    for (size_t i = 0; i < sizeof(raw); i++)
        raw[i] = (unsigned char)strtoul((char[]){hex[2 * i], hex[2 * i + 1], '\0'}, NULL, 16);
    cleanup_strbuf struct strbuf b = STRBUF_INIT;
    strbuf_puts(&b, "SHA256:");
    base64_encode(raw, sizeof(raw), &b);
    while (b.data[b.len - 1] == '=')
        strbuf_truncate(&b, b.len - 1);
    return strbuf_steal(&b);
}

/* "FILE line 3": where a key stands, *ret_file (borrowed) in which file; NULL: nowhere found. */
static char *find_line(const struct ssh *s, const char *base64, const char *marker,
                       const char **ret_file)
{
    for (size_t i = 0; i < s->settings.known_hosts.len; i++) {
        cleanup_error struct error unread = ERROR_INIT;
        cleanup_strbuf struct strbuf text = STRBUF_INIT;
        const char *file = s->settings.known_hosts.items[i];
        if (read_file(file, &text, &unread) < 0)
            continue;
        int number = 1;
        char *rest = text.data;
        for (char *line; rest && (line = strsep(&rest, "\n")); number++) {
            const char *start = line + strspn(line, " \t");
            if (strstr(line, base64) && (!marker || strncmp(start, marker, strlen(marker)) == 0))
                return *ret_file = file, xasprintf("%s line %d", file, number);
        }
    }
    return NULL;
}

static int changed(const struct ssh *s, const char *kind, const char *offered,
                   const struct libssh2_knownhost *entry, struct error *err)
{
    cleanup_strbuf struct strbuf old = STRBUF_INIT;
    cleanup_free char *known = NULL;
    if (entry && base64_decode(entry->key, strlen(entry->key), &old))
        known = fingerprint(strbuf_str(&old), old.len);
    const char *file = NULL;
    cleanup_free char *line = entry ? find_line(s, entry->key, NULL, &file) : NULL;
    cleanup_free char *name = known_name(s);
    error_set(err, ERR_UNREACHABLE,
              "the host key of %s has CHANGED: known is %s (%s), it now offers %s (%s): somebody "
              "may be listening in, or the machine was installed again",
              host_name(s), known ? known : "another", line ? line : "known_hosts", offered, kind);
    return error_hint(err, "if you know that it was installed again: ssh-keygen -R '%s'%s%s%s",
                      name, file ? " -f '" : "", file ? file : "", file ? "'" : "");
}

/* Does the file end in the middle of a line? -1 with errno. */
static int ends_open(int fd)
{
    char last;
    off_t size = lseek(fd, 0, SEEK_END);
    if (size <= 0)
        return size < 0 ? -1 : 0;
    return pread(fd, &last, 1, size - 1) < 0 ? -1 : last != '\n';
}

/* One write, so that two of us at once do not mix their lines. */
static int append_line(int fd, struct strbuf *line)
{
    int open_line = ends_open(fd);
    if (open_line < 0)
        return -1;
    cleanup_strbuf struct strbuf whole = STRBUF_INIT;
    strbuf_printf(&whole, "%s%s\n", open_line ? "\n" : "", strbuf_str(line));
    return fs_write_full(fd, whole.data, whole.len);
}

/* Write the key down. */
static int remember(const struct ssh *s, const char *kind, const char *key, size_t len,
                    struct error *err)
{
    if (s->settings.known_hosts.len == 0)
        return error_set(err, ERR_USAGE, "there is no known_hosts file to write the key to");
    const char *file = s->settings.known_hosts.items[0];
    cleanup_free char *folder = path_dir(file);
    cleanup_free char *name = known_name(s);
    cleanup_strbuf struct strbuf line = STRBUF_INIT;
    strbuf_printf(&line, "%s %s ", name, kind);
    base64_encode(key, len, &line);
    if (fs_mkdir_parents(folder, err) < 0)
        return -1;
    cleanup_close int fd = open(file, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set_errno(err, errno, "opening `%s`", file);
    if (append_line(fd, &line) < 0)
        return error_set_errno(err, errno, "writing `%s`", file);
    return close(steal_fd(&fd)) < 0 ? error_set_errno(err, errno, "writing `%s`", file) : 0;
}

static int unknown(const struct ssh *s, const char *kind, const char *offered, const char *key,
                   size_t len, struct error *err)
{
    const char *name = host_name(s);
    if (s->policy == HOST_KEY_ACCEPT_NEW)
        return remember(s, kind, key, len, err);
    cleanup_free char *question = xasprintf("The host key of %s is not known: %s (%s).\nIs it "
                                            "right? Add it to known_hosts and go on [yes/no]: ",
                                            name, offered, kind);
    cleanup_free char *answer = NULL;
    if (s->policy == HOST_KEY_ASK && terminal_ask(question, true, &answer, err) == 0) {
        if (strcmp(answer, "yes") == 0)
            return remember(s, kind, key, len, err);
        return error_set(err, ERR_UNREACHABLE, "the host key of %s was not accepted", name);
    }
    if (err->code == ERR_INTERRUPTED)
        return -1;
    error_set(err, ERR_UNREACHABLE, "the host key of %s is not known: %s (%s)", name, offered,
              kind);
    return error_hint(err, "compare it, then log in once with ssh, or set `host_key: accept-new`");
}

int ssh_hostkey_check(struct ssh *s, struct error *err)
{
    size_t len = 0;
    int type = LIBSSH2_HOSTKEY_TYPE_UNKNOWN;
    const char *key = libssh2_session_hostkey(s->session, &len, &type);
    if (!key)
        return ssh_error(s, "reading the host key", err);
    const char *kind = "unknown kind";
    int known_type = LIBSSH2_KNOWNHOST_KEY_UNKNOWN;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (kinds[i].session_type == type) {
            kind = kinds[i].name;
            known_type = kinds[i].known_type;
        }
    }
    cleanup_free char *offered = fingerprint(key, len);
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    base64_encode(key, len, &text);
    const char *file;
    cleanup_free char *revoked = find_line(s, strbuf_str(&text), "@revoked", &file);
    if (revoked)
        return error_set(err, ERR_UNREACHABLE, "the host key %s of %s is revoked (%s)", offered,
                         s->settings.host, revoked);
    LIBSSH2_KNOWNHOSTS *known = read_known(s, err);
    if (!known)
        return -1;
    struct libssh2_knownhost *entry = NULL;
    int result = -1;
    switch (check(s, known, key, len, known_type, &entry)) {
    case LIBSSH2_KNOWNHOST_CHECK_MATCH:
        result = 0;
        break;
    case LIBSSH2_KNOWNHOST_CHECK_MISMATCH:
        changed(s, kind, offered, entry, err);
        break;
    default: /* a host that is known by keys of other kinds is no new host */
        result = check(s, known, "?", 1, 0, &entry) == LIBSSH2_KNOWNHOST_CHECK_MISMATCH
                     ? changed(s, kind, offered, entry, err)
                     : unknown(s, kind, offered, key, len, err);
    }
    libssh2_knownhost_free(known);
    return result;
}
