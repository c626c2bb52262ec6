/* SPDX-License-Identifier: Apache-2.0
 * Text without what differs between any two runs. */
#ifndef DIAGNOSE_NORMAL_H
#define DIAGNOSE_NORMAL_H

/* A copy with long hexadecimal ids, addresses, numbers of processes and inodes, and dates replaced
 * by what they are ("ID", "ADDRESS", "N"). Numbers of at most three digits stay, as do words with
 * digits in them. The caller frees. */
char *normal_text(const char *text);

#endif
