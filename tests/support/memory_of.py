#!/usr/bin/env python3
"""memory_of.py PID FILE: how often the contents of FILE occur in the memory of a process. Exit code 3: not ours to read."""
import sys

pid, marker = sys.argv[1], open(sys.argv[2], "rb").read()
found = 0
try:
    maps, memory = open(f"/proc/{pid}/maps"), open(f"/proc/{pid}/mem", "rb")
except PermissionError:
    sys.exit(3)
for line in maps:
    span, rights = line.split()[:2]
    begin, end = (int(x, 16) for x in span.split("-"))
    if "r" not in rights:
        continue
    try:
        memory.seek(begin)
        found += memory.read(end - begin).count(marker)
    except (OSError, ValueError, OverflowError):
        pass  # vvar, guard pages
print(found)
