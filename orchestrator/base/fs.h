/* SPDX-License-Identifier: Apache-2.0
 * Local files and paths. */
#ifndef BASE_FS_H
#define BASE_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/strbuf.h"

/* "a/b" of "a" and "b"; an absolute `name` wins. The caller frees. */
char *path_join(const char *dir, const char *name);
/* The part after the last '/' (borrowed from `path`). */
const char *path_base(const char *path);
/* Everything before the last '/': "." where there is none, "/" at the root. The caller frees. */
char *path_dir(const char *path);
/* Does it lead out of the folder that it starts from, read as it stands: from `/`, or by ".."? */
bool path_leaves(const char *path);
/* Is it the absolute path of a file, in which nothing leads elsewhere: no "//", "/./" or "/../"? */
bool path_is_plain(const char *path);
/* "~" and "~/x" with the user's home in place of the tilde; else a copy. The caller frees. */
char *path_expand_home(const char *path);
/* The user's home: $HOME, else the password database, else "/". The caller frees. */
char *home_dir(void);

/* Where kataloop keeps what it must keep: $KATALOOP_STATE_DIR, else $XDG_STATE_HOME/kataloop, else
 * ~/.local/state/kataloop. Not created. The caller frees. */
char *state_dir(void);

/* Create a folder and those above it (mode 0777 less the umask); fine where it exists. */
int fs_mkdir_parents(const char *path, struct error *err);
/* Read a whole file, at most `max` bytes (a larger one is an error). */
int fs_read(const char *path, size_t max, struct strbuf *ret, struct error *err);
/* Write a file so that it has the old or the new content whole, whatever happens: a temporary file
 * beside it, fsync, rename. `mode` less the umask, as with open(); even if it existed. */
int fs_write_atomic(const char *path, const void *data, size_t len, mode_t mode, struct error *err);
/* Read from a blocking descriptor until `len` bytes are there or its end: how many there were; -1
 * with errno. */
ssize_t fs_read_full(int fd, void *data, size_t len);
/* Write everything to a descriptor; -1 with errno. Retries after EINTR and short writes; for
 * blocking descriptors. */
int fs_write_full(int fd, const void *data, size_t len);
/* Flush standard output. -1 where not all that was printed, earlier too, could be written. */
int fs_flush_output(struct error *err);
/* O_NONBLOCK for a descriptor; -1: none. */
void fs_set_nonblocking(int fd);
/* First in main(): a standard descriptor that the caller has closed is taken up, so that no file or
 * pipe of this program gets its number and what is meant for a screen. It can be used the wrong way
 * round only: whoever needs it hears of it as before. */
void fs_guard_standard(void);
/* Remove a file or a tree below `path`, never following symbolic links. */
int fs_remove_tree(const char *path, struct error *err);

#endif
