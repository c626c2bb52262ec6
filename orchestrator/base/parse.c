/* SPDX-License-Identifier: Apache-2.0
 * Text to numbers. */
#include "base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"

bool parse_int(const char *text, int64_t *ret)
{
    const char *digits = text[0] == '-' ? text + 1 : text;
    if (!isdigit((unsigned char)digits[0]))
        return false;
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0')
        return false;
    *ret = value;
    return true;
}

bool parse_duration(const char *text, int64_t *ret_nsec)
{
    static const struct {
        const char *unit;
        double nsec;
    } units[] = {
        {"", 1e9}, {"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"m", 60e9}, {"h", 3600e9},
    };
    if (!isdigit((unsigned char)text[0]))
        return false;
    const char *p = text;
    double value = 0;
    for (; isdigit((unsigned char)*p); p++)
        value = value * 10 + (*p - '0');
    if (*p == '.') {
        double scale = 0.1;
        if (!isdigit((unsigned char)p[1]))
            return false;
        for (p++; isdigit((unsigned char)*p); p++, scale /= 10)
            value += (*p - '0') * scale;
    }
    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        if (strcmp(p, units[i].unit) != 0)
            continue;
        if (value * units[i].nsec > 9e18)
            return false;
        *ret_nsec = (int64_t)(value * units[i].nsec + 0.5);
        return true;
    }
    return false;
}

bool parse_mode(const char *text, mode_t *ret)
{
    size_t len = strlen(text);
    if (len < 1 || len > 5 || strspn(text, "01234567") != len || (len == 5 && text[0] != '0'))
        return false;
    *ret = (mode_t)strtoul(text, NULL, 8);
    return true;
}

bool parse_id(const char *text, uint32_t *ret)
{
    int64_t n;
    if (!parse_int(text, &n) || n < 0 || n >= UINT32_MAX) /* the last one stands for none */
        return false;
    *ret = (uint32_t)n;
    return true;
}
