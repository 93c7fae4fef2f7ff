"""Runs a command, and runs it anew whenever it is told so by SIGHUP. It ends it with itself, however that comes about.

PrusaLink 0.8.1 at times answers no start any more once a print was stopped; tests begin anew then.
"""

import ctypes
import signal
import subprocess
import sys

PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)
command = sys.argv[1:]
process = None


def as_child():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)


def start():
    global process
    process = subprocess.Popen(command, preexec_fn=as_child)


def stop():
    process.kill()
    process.wait()


signals = {signal.SIGHUP, signal.SIGTERM, signal.SIGCHLD}
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
# Without a handler nobody waits for it.
signal.signal(signal.SIGCHLD, lambda *_: None)
start()
while True:
    told = signal.sigwait(signals)
    if told == signal.SIGHUP:
        stop()
        start()
    elif told == signal.SIGTERM:
        stop()
        sys.exit(0)
    elif process.poll() is not None:
        # By itself, which is an error.
        sys.exit(1)
