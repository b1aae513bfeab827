#!/usr/bin/env python3
"""core_of.py PATTERN COMMAND...: starts COMMAND with no limit on cores, waits until a line of its output matches PATTERN
(where that is empty: for a second), aborts it, and prints `core` or `no core`: whether the kernel dumped it."""
import os
import re
import resource
import signal
import subprocess
import sys
import time


def unlimited():
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


child = subprocess.Popen(sys.argv[2:], preexec_fn=unlimited, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, text=True)
if sys.argv[1]:
    while (line := child.stdout.readline()) and not re.search(sys.argv[1], line):
        pass
else:
    time.sleep(1)
if child.poll() is not None:
    print("it had ended already")
    sys.exit(1)
os.kill(child.pid, signal.SIGABRT)
_, status = os.waitpid(child.pid, 0)
print("core" if os.WCOREDUMP(status) else "no core")
