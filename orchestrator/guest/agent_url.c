/* SPDX-License-Identifier: Apache-2.0
 * What a shim's monitor answers, taken apart. */
#include "guest/agent_url.h"

#include <stdlib.h>
#include <string.h>

#include <linux/vm_sockets.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "base/text.h"

enum {
    PATH_LEN_MAX = 107,   /* what sockaddr_un holds */
    JAILED_NAME_LEN = 32, /* Firecracker's folder: so much of the sandbox's id */
    SHOWN_MAX = 200,
};

/* Where Kata's runtimes, in Go and in Rust, keep the sockets of their hypervisors. */
static const char *const folders[] = {"/run/vc/", "/run/kata/"};

void agent_address_release(struct agent_address *a)
{
    free(a->path);
    *a = (struct agent_address){0};
}

/* The body of an answer of status 200. */
static int read_body(const char *answer, size_t len, char **ret, struct error *err)
{
    static const char end_of_head[] = "\r\n\r\n";
    const char *body = len > 0 ? memmem(answer, len, end_of_head, 4) : NULL;
    bool ok = len > 12 && memcmp(answer, "HTTP/1.", 7) == 0 && memcmp(answer + 8, " 200", 4) == 0;
    if (!ok || !body) {
        const char *eol = len > 0 ? memchr(answer, '\r', len) : NULL;
        size_t line = eol ? (size_t)(eol - answer) : len;
        cleanup_strbuf struct strbuf shown = STRBUF_INIT;
        text_clean(answer, line < SHOWN_MAX ? line : SHOWN_MAX, &shown);
        return error_set(err, ERR_FAILED, "its shim does not say where the agent is: `%s`",
                         strbuf_str(&shown));
    }
    body += 4;
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    strbuf_add(&text, body, len - (size_t)(body - answer));
    strbuf_rtrim(&text);
    *ret = strbuf_steal(&text);
    return 0;
}

/* "CID:PORT" */
static bool take_cid(const char *text, struct agent_address *ret)
{
    const char *colon = strchr(text, ':');
    int64_t cid = 0;
    cleanup_free char *number = xstrndup(text, colon ? (size_t)(colon - text) : 0);
    if (!parse_int(number, &cid) || cid <= VMADDR_CID_HYPERVISOR || cid == VMADDR_CID_HOST ||
        cid >= VMADDR_CID_ANY)
        return false;
    ret->cid = (uint32_t)cid;
    return true;
}

/* Named after the sandbox? */
static bool is_its_folder(const char *name, size_t len, const char *sandbox)
{
    size_t all = strlen(sandbox);
    return (len == all || (len == JAILED_NAME_LEN && all > len)) && memcmp(name, sandbox, len) == 0;
}

static bool is_its_socket(const char *path, const char *sandbox)
{
    size_t start = 0;
    bool its = false;
    for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
        if (strncmp(path, folders[i], strlen(folders[i])) == 0)
            start = strlen(folders[i]);
    if (start == 0 || strlen(path) > PATH_LEN_MAX ||
        path[strspn(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-")])
        return false;
    for (const char *at = path + start; *at; at += strspn(at, "/")) {
        size_t n = strcspn(at, "/");
        if (at[0] == '.')
            return false;
        its = its || (at[n] == '/' && is_its_folder(at, n, sandbox));
        at += n;
    }
    return its;
}

/* "PATH:PORT" */
static bool take_path(const char *text, const char *sandbox, struct agent_address *ret)
{
    const char *colon = strrchr(text, ':');
    cleanup_free char *path = xstrndup(text, colon ? (size_t)(colon - text) : 0);
    if (!is_its_socket(path, sandbox))
        return false;
    ret->path = steal(&path);
    return true;
}

int agent_url_read(const char *answer, size_t len, const char *sandbox, struct agent_address *ret,
                   struct error *err)
{
    static const char vsock[] = "vsock://", hybrid[] = "hvsock://";
    cleanup_free char *url = NULL;
    if (read_body(answer, len < AGENT_ANSWER_MAX ? len : AGENT_ANSWER_MAX, &url, err) < 0)
        return -1;
    if (strncmp(url, vsock, strlen(vsock)) == 0 && take_cid(url + strlen(vsock), ret))
        return 0;
    if (strncmp(url, hybrid, strlen(hybrid)) == 0 && take_path(url + strlen(hybrid), sandbox, ret))
        return 0;
    cleanup_strbuf struct strbuf shown = STRBUF_INIT;
    text_clean(url, strnlen(url, SHOWN_MAX), &shown);
    return error_set(
        err, ERR_FAILED,
        "its shim says that the agent is at `%s`, which is not an address of this guest",
        strbuf_str(&shown));
}
