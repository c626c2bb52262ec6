"""on_terminal.py ROWS COLUMNS WAIT_FOR TYPED COMMAND...: run a command on a terminal of that size, type
TYPED once it has said WAIT_FOR, show what it says. Ends with its exit status, or with 99 where the
terminal was not left as it was found. In TYPED, a backslash escapes as in Python."""
import fcntl
import os
import select
import signal
import struct
import sys
import termios
import time

rows, columns, wait_for, typed = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
fd, slave = os.openpty()
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
pid = os.fork()
if pid == 0:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # who runs this under nohup has it ignored
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for standard in range(3):
        os.dup2(slave, standard)
    os.execvp(sys.argv[5], sys.argv[5:])
# The settings are read at this end of the terminal, which therefore stays open.
before = termios.tcgetattr(slave)
said, status, end = b"", None, time.time() + 240
while time.time() < end:
    if select.select([fd], [], [], 0.2)[0]:
        piece = os.read(fd, 65536)
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        said += piece
    elif status is not None:
        break
    if typed and wait_for.encode() in said:
        os.write(fd, typed.encode().decode("unicode_escape").encode("latin-1"))
        typed = ""
    if status is None:
        done, raw = os.waitpid(pid, os.WNOHANG)
        status = os.waitstatus_to_exitcode(raw) if done else None
if status is None:
    os.kill(pid, 9)
    print("on_terminal.py: it did not end")
    sys.exit(98)
sys.exit(status if termios.tcgetattr(slave) == before else 99)
