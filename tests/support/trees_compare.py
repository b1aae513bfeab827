#!/usr/bin/env python3
"""trees_compare.py [--no-owners] [--no-folder-times] A B [A B]...: whether two trees are the same.

Compares kind, mode, owner, times, targets of links, device numbers, extended attributes (capabilities and access lists
among them), contents, holes' effect on size, and which names are the same file. Prints what differs, at most 30 lines."""
import hashlib
import os
import stat
import sys


def attributes(path):
    try:
        return {name: os.getxattr(path, name, follow_symlinks=False)
                for name in os.listxattr(path, follow_symlinks=False) if name != "security.selinux"}
    except OSError:
        return {}


def contents(path, st):
    if stat.S_ISLNK(st.st_mode):
        return os.readlink(path)
    if stat.S_ISREG(st.st_mode):
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
        return digest.hexdigest()
    if stat.S_ISCHR(st.st_mode) or stat.S_ISBLK(st.st_mode):
        return os.major(st.st_rdev), os.minor(st.st_rdev)
    return None


def walk(top):
    """path -> stat, every name below (names are bytes: they may be no UTF-8)"""
    found = {}
    todo = [b""]
    while todo:
        at = todo.pop()
        full = os.path.join(top, at) if at else top
        st = os.lstat(full)
        found[at] = st
        if stat.S_ISDIR(st.st_mode):
            todo += [os.path.join(at, name) if at else name for name in os.listdir(full)]
    return found


def describe(top, path, st, options):
    full = os.path.join(top, path) if path else top
    folder = stat.S_ISDIR(st.st_mode)
    what = {"kind": stat.S_IFMT(st.st_mode), "mode": oct(stat.S_IMODE(st.st_mode)), "contents": contents(full, st),
            "attributes": attributes(full)}
    if not folder:
        what["size"] = st.st_size
        what["links"] = st.st_nlink
    if path and not (folder and "--no-folder-times" in options):
        what["time"] = st.st_mtime_ns
    if "--no-owners" not in options:
        what["owner"] = st.st_uid, st.st_gid
    return what


def groups(found):
    """the names that are one file, as a set of tuples"""
    same = {}
    for path, st in found.items():
        if not stat.S_ISDIR(st.st_mode) and st.st_nlink > 1:
            same.setdefault((st.st_dev, st.st_ino), []).append(path)
    return {tuple(sorted(paths)) for paths in same.values()}


def compare(one, two, options):
    first, second = walk(one), walk(two)
    differences = [f"only in {os.fsdecode(one)}: {path!r}" for path in sorted(first.keys() - second.keys())]
    differences += [f"only in {os.fsdecode(two)}: {path!r}" for path in sorted(second.keys() - first.keys())]
    for path in sorted(first.keys() & second.keys()):
        a, b = describe(one, path, first[path], options), describe(two, path, second[path], options)
        differences += [f"{os.fsdecode(two)}: {path!r}: {key} {a[key]!r} and {b.get(key)!r}"
                        for key in a if a[key] != b.get(key)]
    differences += [f"one file in one of them only: {group!r}" for group in groups(first) ^ groups(second)]
    print("\n".join(differences[:30]) or f"{os.fsdecode(one)}: {len(first)} names, all the same")
    return not differences


def main():
    options = [a for a in sys.argv[1:] if a.startswith("--")]
    trees = [os.fsencode(a) for a in sys.argv[1:] if not a.startswith("--")]
    good = [compare(one, two, options) for one, two in zip(trees[::2], trees[1::2])]
    return 0 if good and all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
