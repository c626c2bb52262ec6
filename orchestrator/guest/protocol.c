/* SPDX-License-Identifier: Apache-2.0
 * What to type. guest_reply_* is in reply.c. */
#include "guest/protocol.h"

#include <string.h>

#include "base/alloc.h"
#include "base/base64.h"

enum {
    LINE_BYTES = 1998,   /* of a typed line: well below what a terminal takes */
    PIECE_BASE64 = 1440, /* bytes that make a line of base64 */
    PIECE_OCTAL = 480,   /* bytes that make a line of \ooo */
};

/* Short enough for the line editor of a small busybox. That editor takes up to 16 bytes at once,
 * and what it has of a second hello by the time it obeys the first is lost: spaces, then, which
 * also keep it out of histories. No `exec`: an agent whose client has gone kills the shell that it
 * has started, and what is in the terminal's foreground then, ours, is told by a hangup. */
void guest_hello(const char *token, struct strbuf *ret)
{
    strbuf_printf(ret,
                  "                sh -c 'stty sane -echo -opost;printf \"\\n%%s+\\n\" \"$1\";"
                  "while IFS= read -r l;do eval \"$l\";done' sh %s 2>/dev/null;exit\n",
                  token);
}

/* Of the one-letter names: n token, m how standard output comes, v input and c command as they were
 * typed, p the command's process group, g the signal it gets next. Descriptor 3 leads to the
 * encoder of standard error, 4 to the terminal.
 *
 * O encodes as od does, L the same of each piece as it comes (od alone keeps up to 15 bytes back),
 * T brings lines as they are, B encodes in large pieces, E is what the request wants of those for
 * standard output, D decodes what was typed, R runs the command, W says its status, J is the job
 * and K the request. The job ignores TERM, so that the encoders live to bring what the command says
 * at its end, and TTIN, so that a read from the terminal fails instead of stopping everything. */
static const char definitions[] =
    "PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin;export PATH;"
    "set -m;p=;v=\n"
    "trap '[ \"$p\" ]&&{ kill -s $g -- -$p||kill -s $g $p;};g=KILL' INT\n"
    "trap '[ \"$p\" ]&&kill -s KILL -- -$p;exit' HUP\n"
    "H(){ hexdump -v -e \"16/1 \\\" %0$1\\\" \\\"\\n\\\"\";}\n"
    "case $(printf a|od -An -v -tx1) in *61)O(){ od -An -v -t$1;};;"
    "*)O(){ case $1 in x1)H 2x;;*)H 3o;;esac;};;esac\n"
    "T(){ while IFS= read -r l||[ \"$l\" ];do printf '%s:%s\\n' $n \"$l\";done;}\n"
    "command -v dd >&2&&L(){ while s=$({ dd bs=65536 count=1|O $1 >&4;} 2>&1);do case $s in "
    "0+0*|[!0-9]*|'')break;;esac;done;}||L(){ O $1;}\n"
    "case $(printf a|base64)$(printf YQ==|base64 -d) in "
    "YQ==a)B(){ base64;};D(){ printf %s \"$1\"|base64 -d;};b=b;;"
    "*)B(){ O x1;};D(){ printf '%s\\n' \"$1\"|while IFS= read -r l;do printf \"$l\";done;};b=o;"
    "case $(printf a|O x1) in *61*);;*)b=n;;esac;;esac\n"
    "E(){ case $m in b)B;;t)T;;*)L x1;;esac;}\n"
    "R(){ if [ \"$v\" ];then D \"$v\"|(trap - TERM;exec 2>&3 3>&- 4>&-;exec \"$@\");"
    "else (trap - TERM;exec </dev/null 2>&3 3>&- 4>&-;exec \"$@\");fi;}\n"
    "W(){ R \"$@\";printf '\\n%s=%s\\n' $n $? >&4;}\n"
    "J(){ trap '' TERM TTIN TTOU TSTP;{ W \"$@\"|E >&4;} 3>&1 >&4|case $m in l)L o1;;"
    "*)O o1;;esac;}\n"
    "K(){ n=$1 m=$2;shift 2;g=TERM;printf '\\n%s<\\n' $n;J \"$@\" 4>&1&p=$!;"
    "until wait $p;do kill -0 $p||break;done;p=;v=;printf '\\n%s>\\n' $n;}\n";

void guest_definitions(const char *token, struct strbuf *ret)
{
    strbuf_puts(ret, definitions);
    strbuf_printf(ret, "printf '\\n%%s+%%s\\n' %s $b\n", token);
}

/* Bytes into a variable of the shell: encoded, in lines, with Ctrl-D behind them. */
static void type_variable(char name, const char *bytes, size_t len, bool base64, struct strbuf *ret)
{
    strbuf_printf(ret, "%c=$(cat)\n", name);
    size_t piece = base64 ? PIECE_BASE64 : PIECE_OCTAL;
    for (size_t done = 0; done < len; done += piece) {
        size_t n = len - done < piece ? len - done : piece;
        if (base64)
            base64_encode(bytes + done, n, ret);
        else
            for (size_t i = done; i < done + n; i++)
                strbuf_printf(ret, "\\%03o", (unsigned char)bytes[i]);
        strbuf_putc(ret, '\n');
    }
    strbuf_putc(ret, '\x04');
}

/* Nothing in it that a terminal would take for itself? */
static bool can_be_typed(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] < 0x20 || text[i] > 0x7e)
            return false;
    return len <= LINE_BYTES;
}

void guest_request(const char *token, const struct guest_command *cmd, bool base64,
                   struct strbuf *ret)
{
    static const char modes[] = {[GUEST_BULK] = 'b', [GUEST_LIVE] = 'l', [GUEST_LINES] = 't'};
    char mode = modes[cmd->form];
    if (cmd->input_len > 0)
        type_variable('v', cmd->input, cmd->input_len, base64, ret);
    cleanup_free char *words = strv_quote(cmd->argv);
    cleanup_free char *line = xasprintf("K %s %c %s", token, mode, words);
    if (can_be_typed(line, strlen(line))) {
        strbuf_printf(ret, "%s\n", line);
        return;
    }
    type_variable('c', words, strlen(words), base64, ret);
    strbuf_printf(ret, "eval \"K %s %c $(D \"$c\")\"\n", token, mode);
}

void guest_request_shell(const char *token, unsigned rows, unsigned columns, struct strbuf *ret)
{
    strbuf_printf(ret,
                  "stty sane rows %u columns %u;[ -x /bin/bash ]&&s=/bin/bash||s=/bin/sh;"
                  "printf '\\n%%s+\\n' %s;exec $s -i 2>&1\n",
                  rows, columns, token);
}
