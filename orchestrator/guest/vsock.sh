# To the guest's debug console without kata-runtime. Runs on the host, as root, with what is there:
#
#     sh -c THIS sh SOCKET...
#
# Asks the first of these sockets of the sandbox's shim that is there where the agent is, and says
# `answer LENGTH` and so many bytes of HTTP. Then reads a line, `vsock CID PORT` or `unix PATH`,
# connects to that, and passes bytes both ways until one side ends. Where that cannot be it says so
# in one line: `no-socket`, `no-program`, or `failed WHY`.
#
# Nothing is read beyond that line: what is typed behind it is the guest's. One process for each
# direction, so that neither waits for the other.
exec 2>&1
LC_ALL=C
export LC_ALL
monitor=
for socket; do
    if [ -S "$socket" ]; then
        monitor=$socket
        break
    fi
done
if [ -z "$monitor" ]; then
    echo no-socket
    exit 1
fi
has() { command -v "$1" >/dev/null; }

# No modules: a small perl has none. The numbers are Linux's: AF_UNIX 1, AF_VSOCK 40, SOCK_STREAM 1;
# the layout that of struct sockaddr_vm.
if has perl; then
    exec perl -e '
        sub fail { syswrite STDOUT, "failed @_\n"; exit 1 }
        sub dial {
            my ($family, $address) = @_;
            my $s;
            alarm 5;
            socket $s, $family, 1, 0 or fail("$!");
            connect $s, $address or fail("$!");
            return $s;
        }
        sub put {
            my ($to, $piece) = @_;
            for (my $done = 0; $done < length $piece;) {
                my $n = syswrite $to, $piece, length($piece) - $done, $done;
                $done += $n || exit 1;
            }
        }
        sub pass {
            my ($from, $to) = @_;
            while (sysread $from, my $piece, 65536) { put($to, $piece) }
        }
        $SIG{ALRM} = sub { fail("no answer in time") };
        my $s = dial(1, pack "Sa108", 1, $ARGV[0]);
        put($s, "GET /agent-url HTTP/1.0\r\nHost: shim\r\n\r\n");
        my $said = "";
        while (length $said < 4096 and sysread $s, $said, 4096 - length $said, length $said) {}
        alarm 0;
        put(*STDOUT, "answer " . length($said) . "\n$said");
        my $line = "";
        while ($line !~ /\n/) { sysread STDIN, $line, 1, length $line or exit 1 }
        my ($kind, $where, $port) = split " ", $line;
        $s = $kind eq "vsock" ? dial(40, pack "SSLLx4", 40, 0, $port, $where)
                              : dial(1, pack "Sa108", 1, $where);
        alarm 0;
        my $typing = fork;
        defined $typing or fail("$!");
        if (!$typing) { pass(*STDIN, $s); shutdown $s, 2; exit }
        pass($s, *STDOUT);
        kill TERM => $typing;
    ' "$monitor"
fi

# Its request ends without an end of file, which some servers take for a client that has gone.
if has socat && socat -V | grep -q 'WITH_VSOCK 1'; then
    said=$(printf 'GET /agent-url HTTP/1.0\r\nHost: shim\r\n\r\n' |
        socat -t 5 -T 5 - "UNIX-CONNECT:$monitor,shut-none" | head -c 4096)
    printf 'answer %s\n%s' "${#said}" "$said"
    read -r kind where port || exit 1
    case $kind in
    vsock) exec socat -t 0.1 - "VSOCK-CONNECT:$where:$port" ;;
    *) exec socat -t 0.1 - "UNIX-CONNECT:$where" ;;
    esac
fi

# Without indentation, which is taken out of this file where it becomes part of the program.
if has python3; then
    exec python3 -c '
import itertools, os, signal, socket, sys
def fail(why): os.write(1, ("failed %s\n" % why).encode()); os._exit(1)
def dial(family, address): s = socket.socket(family); signal.alarm(5); s.connect(address); return s
def put(piece): sys.stdout.buffer.write(piece); sys.stdout.buffer.flush()
def some(read): return itertools.takewhile(len, iter(read, None))
sys.excepthook = lambda kind, e, trace: fail(e)
signal.signal(signal.SIGALRM, lambda *_: fail("no answer in time"))
s = dial(socket.AF_UNIX, sys.argv[1])
s.sendall(b"GET /agent-url HTTP/1.0\r\nHost: shim\r\n\r\n")
said = b"".join(itertools.islice(some(lambda: s.recv(512)), 8))
signal.alarm(0)
put(b"answer %d\n" % len(said) + said)
line = b"".join(itertools.takewhile(lambda c: c != b"\n", some(lambda: os.read(0, 1))))
kind, where, port = (line.decode() + " 0").split()[:3]
vsock = kind == "vsock"
s = dial(socket.AF_VSOCK, (int(where), int(port))) if vsock else dial(socket.AF_UNIX, where)
signal.alarm(0)
typing = os.fork()
if typing == 0: [s.sendall(piece) for piece in some(lambda: os.read(0, 65536))]; s.shutdown(2); os._exit(0)
for piece in some(lambda: s.recv(65536)): put(piece)
os.kill(typing, signal.SIGTERM)
' "$monitor"
fi
echo no-program
exit 1
