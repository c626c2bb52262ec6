/* SPDX-License-Identifier: Apache-2.0
 * What may stand in workflow files and in recipes. */
#include "workflow/file.h"

static const char *const become_choices[] = {"sudo", "none", NULL};
static const char *const host_key_choices[] = {"ask", "accept-new", "strict", NULL};
static const char *const engine_choices[] = {"auto", "guestfs", "ext4", NULL};
static const char *const param_types[] = {"string", "int", "bool", "duration", NULL};

static const struct field host_fields[] = {
    {"ssh", FIELD_DESTINATION, FIELD_REQUIRED | FIELD_PRIMARY, NULL, NULL, NULL, NULL,
     "user@host:port, a name of ~/.ssh/config, or `local` for this machine"},
    {"workspace", FIELD_STRING, FIELD_FILLED, ".", NULL, NULL, NULL,
     "folder of the sources on the host; a relative one starts from the login folder, with `local` "
     "from the folder of this file"},
    {"become", FIELD_ENUM, 0, "sudo", NULL, become_choices, NULL,
     "how root is reached where the login user is not root"},
    {"identity", FIELD_STRING, FIELD_FILLED, NULL, NULL, NULL, NULL,
     "private key file, tried first"},
    {"known_hosts", FIELD_STRING, FIELD_FILLED, NULL, NULL, NULL, NULL,
     "file of known host keys, instead of the user's"},
    {"ssh_config", FIELD_STRING, FIELD_FILLED, NULL, NULL, NULL, NULL,
     "file that is read instead of ~/.ssh/config"},
    {"host_key", FIELD_ENUM, 0, "ask", NULL, host_key_choices, NULL,
     "what to do with an unknown host key"},
    {"connect_timeout", FIELD_DURATION, 0, "20s", NULL, NULL, NULL,
     "how long connecting and logging in may take"},
    FIELD_END,
};

static const struct field build_fields[] = {
    {"sync", FIELD_LIST, FIELD_FILLED, NULL, NULL, NULL, NULL,
     "files and folders that are sent first, to the same place in the workspace"},
    {"exclude", FIELD_LIST, 0, "target/ .git/", NULL, NULL, NULL,
     "rsync patterns of what is not sent, and not touched on the host"},
    {"delete", FIELD_BOOL, 0, "false", NULL, NULL, NULL, "remove on the host what is missing here"},
    {"dir", FIELD_STRING, FIELD_FILLED, ".", NULL, NULL, NULL,
     "folder to build in, from `/` or from the workspace"},
    {"run", FIELD_COMMAND, FIELD_REQUIRED | FIELD_PRIMARY, NULL, NULL, NULL, NULL,
     "the build command"},
    {"env", FIELD_STRINGS, 0, NULL, NULL, NULL, NULL, "environment variables of the build"},
    {"output", FIELD_STRING, FIELD_FILLED, NULL, NULL, NULL, NULL, "the file it makes, from `dir`"},
    {"timeout", FIELD_DURATION, 0, "30m", NULL, NULL, NULL, "the longest it may take"},
    FIELD_END,
};

static const struct field image_fields[] = {
    {"path", FIELD_STRING, FIELD_PRIMARY | FIELD_FILLED, "auto", NULL, NULL, NULL,
     "the image on the host; auto: what `kata-runtime env` says"},
    {"keep", FIELD_INT, 0, "5", NULL, NULL, NULL, "previous versions kept for roll-back"},
    {"engine", FIELD_ENUM, 0, "auto", NULL, engine_choices, NULL, "what changes the image"},
    FIELD_END,
};

static const struct field workflow_entry_fields[] = {
    {"help", FIELD_STRING, 0, NULL, NULL, NULL, NULL, "one line about it"},
    {"host", FIELD_REF, FIELD_REQUIRED | FIELD_PLAIN, NULL, NULL, NULL, "hosts", "where it runs"},
    {"steps", FIELD_STEPS, FIELD_REQUIRED | FIELD_PRIMARY | FIELD_FILLED, NULL, NULL, NULL, NULL,
     "what it does, in order"},
    FIELD_END,
};

const struct field workflow_file_fields[] = {
    {"version", FIELD_INT, FIELD_REQUIRED | FIELD_PLAIN, NULL, NULL, NULL, NULL,
     "version of this file's format: 1"},
    {"default", FIELD_REF, FIELD_PLAIN, NULL, NULL, NULL, "workflows",
     "the workflow that `kataloop run` runs without a name; else the first"},
    {"hosts", FIELD_NAMED, FIELD_REQUIRED | FIELD_PLAIN, NULL, host_fields, NULL, NULL,
     "machines that run containerd"},
    {"builds", FIELD_NAMED, 0, NULL, build_fields, NULL, NULL, "what is built, and how"},
    {"images", FIELD_NAMED, 0, NULL, image_fields, NULL, NULL, "guest images on the hosts"},
    {"workflows", FIELD_NAMED, FIELD_REQUIRED, NULL, workflow_entry_fields, NULL, NULL,
     "lists of steps by name"},
    FIELD_END,
};

static const struct field param_fields[] = {
    {"type", FIELD_ENUM, 0, "string", NULL, param_types, NULL, "what its values look like"},
    {"default", FIELD_STRING, FIELD_PRIMARY, NULL, NULL, NULL, NULL,
     "its value if none is given; a parameter without one must be given"},
    {"help", FIELD_STRING, 0, NULL, NULL, NULL, NULL, "one line about it"},
    FIELD_END,
};

const struct field recipe_file_fields[] = {
    {"version", FIELD_INT, FIELD_REQUIRED | FIELD_PLAIN, NULL, NULL, NULL, NULL,
     "version of this file's format: 1"},
    {"help", FIELD_STRING, FIELD_REQUIRED, NULL, NULL, NULL, NULL, "one line about the recipe"},
    {"params", FIELD_NAMED, 0, NULL, param_fields, NULL, NULL, "what can be set with `with`"},
    {"steps", FIELD_STEPS, FIELD_FILLED, NULL, NULL, NULL, NULL, "what is done once, first"},
    {"measure", FIELD_STEPS, FIELD_FILLED, NULL, NULL, NULL, NULL, "what is done for each sample"},
    {"repeat", FIELD_INT, 0, "1", NULL, NULL, NULL, "how many samples, if the step does not say"},
    {"warmup", FIELD_INT, 0, "0", NULL, NULL, NULL, "how many repetitions before them"},
    FIELD_END,
};
