/* SPDX-License-Identifier: Apache-2.0
 * This machine. */
#include "base/alloc.h"
#include "doctor/check.h"
#include "transport/ssh_library.h"

int check_ssh(struct doctor *d, struct check_result *f, struct error *err)
{
    cleanup_strv struct strv argv = STRV_INIT;
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    strv_push_all(&argv, "sh", "-c", "ssh -V 2>&1", NULL);
    if (doctor_ask(d->here, false, &argv, &r, err) < 0)
        return -1;
    cleanup_free char *said = doctor_first_line(&r.out);
    if (r.status.code == 0)
        return check_say(f, VERDICT_OK, "%s", said);
    check_say(f, VERDICT_WARN, "there is no ssh, so ~/.ssh/config is not read");
    return check_advise(f, "install the OpenSSH client, or give user, host and port in full");
}

int check_keys(struct doctor *d, struct check_result *f, struct error *err)
{
    (void)d;
    (void)err;
    if (ssh_library_rsa_sha2())
        return check_say(f, VERDICT_OK, "%s: ed25519, ecdsa and rsa", ssh_library());
    check_say(f, VERDICT_WARN, "%s: ed25519 and ecdsa; OpenSSH 8.8 and later refuse its rsa",
              ssh_library());
    return check_advise(f, "where your key is an rsa one: `ssh-keygen -t ed25519`, then "
                           "ssh-copy-id");
}

/* rsync on either side. */
static int check_rsync(struct transport *t, struct check_result *f, struct error *err)
{
    cleanup_run_result struct run_result r = RUN_RESULT_INIT;
    if (doctor_ask_script(t, false, "rsync --version", NULL, &r, err) < 0)
        return -1;
    cleanup_free char *said = doctor_first_line(&r.out);
    if (r.status.code == 0)
        return check_say(f, VERDICT_OK, "%s", said);
    check_say(f, VERDICT_FAIL, "there is no rsync: nothing can be synced");
    return check_advise(f, "install rsync (`apt-get install rsync`, `dnf install rsync`)");
}

int check_rsync_here(struct doctor *d, struct check_result *f, struct error *err)
{
    return check_rsync(d->here, f, err);
}

int check_rsync_there(struct doctor *d, struct check_result *f, struct error *err)
{
    return check_rsync(d->host, f, err);
}
