/* SPDX-License-Identifier: Apache-2.0
 * init: a first kataloop.yaml, to be edited. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/destination.h"
#include "base/fs.h"
#include "cmd/verb.h"
#include "workflow/file.h"

#define EXAMPLE_HOST      "ubuntu@kata-dev"
#define EXAMPLE_WORKSPACE "/mnt/kata-containers"

static const struct verb_option options[] = {
    {'H', "host", "DEST", "user@host:port, a name of ~/.ssh/config, or `local` for this machine"},
    {'w', "workspace", "DIR", "folder of the sources on the host"},
    OPTION_END};

/* config/kataloop.yaml is this with the example's host and workspace. */
static const char before_host[] =
    "# The loop from an edit of the Kata agent to a measured checkpoint. `kataloop plan` says "
    "what\n"
    "# would be done, `kataloop run` does it; all keys are in kataloop.yaml(5).\n"
    "version: 1\n"
    "\n"
    "hosts:\n"
    "  dev:\n"
    "    # user@host:port, a name of ~/.ssh/config, or `local` for this machine\n"
    "    ssh: ";
static const char before_workspace[] =
    "\n"
    "    # the sources on the host: what is synced and built is below it\n"
    "    workspace: ";
static const char behind[] =
    "\n"
    "    # how root is reached: sudo without a password, or none where the login user is root\n"
    "    become: sudo\n"
    "\n"
    "builds:\n"
    "  agent:\n"
    "    # sent first, to the same place below the workspace; target/ and .git/ stay here\n"
    "    sync: src/agent/\n"
    "    dir: src/agent\n"
    "    run: cargo build --release\n"
    "    # the file it makes, from `dir`\n"
    "    output: target/release/kata-agent\n"
    "  runtime:\n"
    "    sync: src/runtime/\n"
    "    dir: src/runtime\n"
    "    run: make\n"
    "\n"
    "images:\n"
    "  guest:\n"
    "    # auto: the image that `kata-runtime env` names; or a path on the host\n"
    "    path: auto\n"
    "    # older versions of it that are kept, for roll-back\n"
    "    keep: 5\n"
    "\n"
    "# the workflow of `kataloop run` without a name\n"
    "default: loop\n"
    "\n"
    "workflows:\n"
    "  loop:\n"
    "    help: build the agent, put it into the guest image, restart, measure checkpoints\n"
    "    host: dev\n"
    "    steps:\n"
    "      - recipe: full-loop\n"
    "        repeat: 10\n"
    "        with: {workload: busybox}\n"
    "\n"
    "  # The same, step by step, and one checkpoint.\n"
    "  steps:\n"
    "    help: the loop, written out\n"
    "    host: dev\n"
    "    steps:\n"
    "      - build: agent\n"
    "      - inject: guest\n"
    "        files:\n"
    "          - {from: agent, to: /usr/bin/kata-agent, mode: \"0755\"}\n"
    "      - restart: containerd\n"
    "      - container: busybox\n"
    "      - checkpoint:\n"
    "        timeout: 60s\n"
    "\n"
    "  # What `kataloop diagnose --compare` runs.\n"
    "  compare:\n"
    "    help: CRIU by hand against CRIU by the agent\n"
    "    host: dev\n"
    "    steps:\n"
    "      - recipe: compare-manual-agent\n";

/* A value as YAML reads it back: in quotes where it is more than a plain word. */
static void put_value(struct strbuf *text, const char *value)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_./@:-";
    if ((isalpha((unsigned char)value[0]) && strcmp(value, "null") != 0) || value[0] == '/')
        if (value[strspn(value, plain)] == '\0' && value[strlen(value) - 1] != ':') {
            strbuf_puts(text, value);
            return;
        }
    strbuf_putc(text, '"');
    for (const char *p = value; *p; p++) {
        if (*p == '"' || *p == '\\')
            strbuf_putc(text, '\\');
        strbuf_putc(text, *p);
    }
    strbuf_putc(text, '"');
}

static int check_value(const char *option, const char *value, struct error *err)
{
    bool fine = *value != '\0';
    for (const char *p = value; *p; p++)
        fine = fine && !iscntrl((unsigned char)*p);
    if (fine)
        return 0;
    return error_set(err, ERR_USAGE, "`--%s` is %s", option, *value ? "not printable" : "empty");
}

/* Written whole under another name and linked: never over a file that is there. Others do not write
 * it, whatever the umask: its commands are run as root. */
static int write_new(const char *path, const struct strbuf *text, struct error *err)
{
    cleanup_free char *draft = xasprintf("%s.%ld", path, (long)getpid());
    if (fs_write_atomic(draft, text->data, text->len, 0644, err) < 0) {
        error_wrap(err, "writing `%s`", path);
        return error_hint(err, "`cd` to the top of the sources you edit, where you can write");
    }
    int result = link(draft, path);
    int errnum = errno;
    if (unlink(draft) < 0 && result == 0)
        return error_set_errno(err, errno, "removing `%s`", draft);
    if (result == 0)
        return 0;
    if (errnum != EEXIST)
        return error_set_errno(err, errnum, "writing `%s`", path);
    error_set(err, ERR_USAGE, "there is a `%s` in this folder already", path);
    return error_hint(err, "edit it, or move it away first");
}

static void say_next(const struct invocation *inv)
{
    printf("wrote " WORKFLOW_FILE_NAME ". Next:\n");
    if (!invocation_option(inv, "host"))
        printf("  edit it: the host (`ssh`) and the folder of the sources there (`workspace`)\n");
    else if (!invocation_option(inv, "workspace"))
        printf("  edit it: the folder of the sources on the host (`workspace`)\n");
    if (access("src/agent", F_OK) < 0)
        printf(
            "  move it to the top of the Kata sources, or edit `builds`: src/agent is not here\n");
    printf("  kataloop doctor    what this machine and the host need\n"
           "  kataloop plan      what would be done; touches nothing\n"
           "  kataloop run       do it\n");
}

static int run(struct invocation *inv, struct error *err)
{
    const char *host = invocation_option(inv, "host");
    const char *workspace = invocation_option(inv, "workspace");
    cleanup_destination struct destination d = DESTINATION_INIT;
    if ((host && (check_value("host", host, err) < 0 || destination_parse(host, &d, err) < 0)) ||
        (workspace && check_value("workspace", workspace, err) < 0))
        return -1;
    cleanup_strbuf struct strbuf text = STRBUF_INIT;
    strbuf_puts(&text, before_host);
    put_value(&text, host ? host : EXAMPLE_HOST);
    strbuf_puts(&text, before_workspace);
    put_value(&text, workspace ? workspace : EXAMPLE_WORKSPACE);
    strbuf_puts(&text, behind);
    if (write_new(WORKFLOW_FILE_NAME, &text, err) < 0)
        return -1;
    say_next(inv);
    return 0;
}

const struct verb verb_init = {
    .name = "init",
    .synopsis = "",
    .help = "write a first kataloop.yaml into this folder, for you to edit",
    .about = "A file that is already there is never overwritten.",
    .options = options,
    .run = run,
};
