/* SPDX-License-Identifier: Apache-2.0
 * The orchestrator's main(): options that need no verb. Verbs come with cmd/. */
#include <stdio.h>
#include <string.h>

static int usage(FILE *to)
{
    fputs("usage: kataloop --version | --help\n"
          "This version has no verbs yet: README.md, \"State\", says what is there.\n",
          to);
    return to == stdout ? 0 : 2;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("kataloop " KATALOOP_VERSION);
        return fflush(stdout) == 0 ? 0 : 1;
    }
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return usage(stdout);
    return usage(stderr);
}
