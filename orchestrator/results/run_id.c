/* SPDX-License-Identifier: Apache-2.0
 * Names of runs. */
#include "results/run_id.h"

#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"

char *run_id_new(void)
{
    uint16_t noise;
    if (getrandom(&noise, sizeof(noise), GRND_NONBLOCK) != (ssize_t)sizeof(noise))
        noise = (uint16_t)((uint64_t)clock_now() ^ (uint64_t)getpid() << 5);
    time_t now = time(NULL);
    struct tm tm;
    char date[32];
    if (!gmtime_r(&now, &tm) || strftime(date, sizeof(date), "%Y%m%d-%H%M%S", &tm) == 0)
        return xasprintf("00000000-000000-%04x", noise);
    return xasprintf("%s-%04x", date, noise);
}

bool run_id_is_meant(const char *word)
{
    size_t digits = strspn(word, "0123456789");
    return strcmp(word, "latest") == 0 ||
           (digits == 8 && (word[digits] == '-' || word[digits] == '\0'));
}
