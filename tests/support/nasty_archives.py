#!/usr/bin/env python3
"""nasty_archives.py FOLDER LAYOUT: archives as nobody should make them, FOLDER/NAME.N.tar, N the layer from 0; and an
OCI layout with an image NAME of each.

Prints a line for each: NAME, then what is to come of it: "tar" (what GNU tar extracts), "umoci" (what umoci unpacks),
"own" (taken; readers differ, see the case), or "no EXIT PATTERN": refused, with a message like that."""
import os
import struct
import sys

import layers_image

BLOCK = 512


def pad(data):
    return data + b"\0" * (-len(data) % BLOCK)


def number(value, width):
    return value if isinstance(value, bytes) else b"%0*o\0" % (width - 1, value)


def header(name, kind=b"0", size=0, mode=0o644, link=b"", *, mtime=1700000000, owner=(0, 0), device=(0, 0),
           magic=b"ustar\x0000", prefix=b"", signed=False):
    fields = [name.ljust(100, b"\0")[:100], number(mode, 8), number(owner[0], 8), number(owner[1], 8), number(size, 12),
              number(mtime, 12), b" " * 8, kind, link.ljust(100, b"\0")[:100], magic, b"\0" * 64,
              number(device[0], 8), number(device[1], 8), prefix.ljust(155, b"\0"), b"\0" * 12]
    block = b"".join(fields)
    total = sum(struct.unpack("512b", block) if signed else block)
    return block[:148] + b"%06o\0 " % (total & 0o777777) + block[156:]


def file(name, data=b"x", **more):
    return header(name, b"0", len(data), **more) + pad(data)


def folder(name, mode=0o755, **more):
    return header(name, b"5", 0, mode, **more)


def link(name, target, kind=b"2", **more):
    return header(name, kind, 0, 0o777, target, **more)


def hard(name, target):
    return link(name, target, b"1")


def records(*pairs):
    out = b""
    for key, value in pairs:
        body = b" " + key + b"=" + value + b"\n"
        size = len(body)
        while len(b"%d" % size) + len(body) != size:
            size = len(b"%d" % size) + len(body)
        out += b"%d" % size + body
    return out


def pax(*pairs, kind=b"x"):
    data = records(*pairs)
    return header(b"pax", kind, len(data)) + pad(data)


def gnu(kind, text):
    return header(b"././@LongLink", kind, len(text) + 1, magic=b"ustar  \0") + pad(text + b"\0")


def base256(value, width):
    return b"\x80" + value.to_bytes(width - 1, "big") if value >= 0 else value.to_bytes(width, "big", signed=True)


END = b"\0" * (2 * BLOCK)
DEEP = b"/".join([b"d" * 60] * 60)  # 3659 bytes

# NAME: (what comes of it, layers...); a layer is a list of parts.
CASES = {
    "absolute": ("umoci", [folder(b"/etc"), file(b"/etc/x"), link(b"/l", b"/etc/x"), file(b"//etc//y")]),
    "dots": ("tar", [folder(b"./"), folder(b"./a/./b/"), file(b"./a/./b/./c")]),
    "upwards": ("no 8 '\\.\\./x: a path that leads upwards'", [file(b"../x")]),
    "upwards-inside": ("no 8 'a/\\.\\./\\.\\./x: a path'", [folder(b"a"), file(b"a/../../x")]),
    "hard-link-upwards": ("no 8 'h: a path that leads upwards'", [hard(b"h", b"../../etc/passwd")]),
    "hard-link-outside": ("no 8 'h: a hard link to what is not there'", [hard(b"h", b"/proc/self/status")]),
    "hard-link-through-link": ("no 8 'h: a hard link to what is not there'",
                               [link(b"out", b"/../../../../../../proc/self"), hard(b"h", b"out/status")]),
    "hard-link-to-link": ("tar", [link(b"s", b"/etc/passwd"), hard(b"h", b"s")]),
    "hard-link-to-folder": ("no 8 'h: a hard link to d'", [folder(b"d"), hard(b"h", b"d")]),
    "hard-link-to-itself": ("no 8 'h: a hard link to h'", [file(b"h"), hard(b"h", b"h")]),
    "link-as-parent": ("umoci", [folder(b"real"), link(b"l", b"/real"), file(b"l/x")]),
    "link-out-as-parent": ("umoci", [link(b"l", b"../../../../tmp"), folder(b"tmp"), file(b"l/x")]),
    "link-out-nowhere": ("no 8 'l/x: '", [link(b"l", b"/nowhere/at/all"), file(b"l/x")]),
    "link-swapped": ("umoci", [folder(b"d"), file(b"d/one"), link(b"d", b"e"), folder(b"e"), file(b"d/two")]),
    "link-loop": ("no 8 'a/x: '", [link(b"a", b"b"), link(b"b", b"a"), file(b"a/x")]),
    "replaced-link": ("tar", [file(b"target", b"good"), link(b"l", b"target"), file(b"l", b"new")]),
    "duplicates": ("tar", [file(b"f", b"one"), file(b"f", b"two"), folder(b"d", 0o700), folder(b"d", 0o751)]),
    "file-then-folder": ("umoci", [file(b"a", b"f")], [folder(b"a"), file(b"a/b")]),
    "folder-then-file": ("umoci", [folder(b"a"), file(b"a/b")], [file(b"a", b"f")]),
    "whiteout-through-link": ("umoci", [folder(b"real"), file(b"real/x"), file(b"real/y"), link(b"l", b"real")],
                              [file(b"l/.wh.x", b"")]),
    "whiteout-out": ("own", [link(b"l", b"../../.."), file(b"keep")], [file(b"l/.wh.etc", b"")]),
    "whiteout-nothing": ("no 8 'd/\\.wh\\.: a whiteout of nothing'", [folder(b"d")], [file(b"d/.wh.", b"")]),
    "whiteout-dots": ("no 8 '\\.wh\\.\\.\\.: a whiteout of nothing'", [folder(b"d")], [file(b".wh...", b"")]),
    "opaque-first": ("umoci", [folder(b"d"), file(b"d/old")], [folder(b"d"), file(b"d/.wh..wh..opq", b""), file(b"d/new")]),
    "opaque-last": ("own", [folder(b"d"), file(b"d/old")], [folder(b"d"), file(b"d/new"), file(b"d/.wh..wh..opq", b"")]),
    "long-gnu": ("tar", [gnu(b"L", b"n" * 150 + b"/" + b"m" * 120), file(b"short"), gnu(b"K", b"t" * 300),
                         header(b"l", b"2", 0, 0o777, b"t", magic=b"ustar  \0")]),
    "long-pax": ("tar", [pax((b"path", b"n" * 150 + b"/" + b"m" * 120)), file(b"short"),
                         pax((b"linkpath", b"t" * 300)), link(b"l", b"t")]),
    "long-both-same": ("tar", [pax((b"path", b"same")), gnu(b"L", b"same"), file(b"other")]),
    "long-both": ("no 8 'two extended headers of one entry differ in its path'",
                  [pax((b"path", b"one")), gnu(b"L", b"two"), file(b"three")]),
    "prefix": ("tar", [file(b"leaf", prefix=b"some/folder")]),
    "old-tar": ("tar", [file(b"f", magic=b"\0" * 8), header(b"d/", b"\0", 0, 0o755, magic=b"\0" * 8)]),
    "slash-with-contents": ("no 8 'f/: a folder by its name, with contents'", [file(b"f/", b"header or contents?")]),
    "folder-with-size": ("umoci", [header(b"d", b"5", 1024, 0o755), file(b"d/x")]),
    "pax-size": ("umoci", [pax((b"size", b"3")), header(b"f", b"0", 0) + pad(b"abc"), file(b"next")]),
    "pax-numbers": ("umoci", [pax((b"uid", b"70000"), (b"gid", b"80000"), (b"mtime", b"1.000000001")), file(b"f")]),
    "pax-time-before-1970": ("tar", [pax((b"mtime", b"-1.5")), file(b"f")]),
    "pax-global": ("own", [pax((b"comment", b"c"), (b"mtime", b"77"), kind=b"g"), file(b"f")]),
    "pax-global-path": ("no 8 'a global header with a path'", [pax((b"path", b"p"), kind=b"g"), file(b"f")]),
    "pax-nul": ("no 8 'a path in an extended header is none'", [pax((b"path", b"a\0b")), file(b"f")]),
    "pax-bad-length": ("no 8 'an extended header is malformed'", [header(b"p", b"x", 9) + pad(b"99 path=a"), file(b"f")]),
    "pax-no-entry": ("no 8 'an extended header without its entry'", [pax((b"path", b"p"))]),
    "pax-huge": ("no 8 'an extended header of more than'", [header(b"p", b"x", base256(1 << 40, 12))]),
    "base256": ("tar", [file(b"f", owner=(base256(70000, 8), base256(2 ** 31, 8))), header(b"g", b"0", base256(3, 12)) +
                        pad(b"abc"), file(b"old", mtime=base256(-86400, 12))]),
    "negative-size": ("no 8 'number is negative'", [header(b"f", b"0", base256(-1, 12))]),
    "negative-owner": ("no 8 'number is negative'", [file(b"f", owner=(base256(-1, 8), 0))]),
    "huge-owner": ("no 8 'f: an owner or device number is too large'", [file(b"f", owner=(base256(2 ** 32 - 1, 8), 0))]),
    "huge-size": ("no 8 'cut short|larger than'", [header(b"f", b"0", base256(2 ** 62, 12)) + pad(b"abc")]),
    "no-number": ("no 8 'number is none'", [header(b"f", b"0", b"abcdefghijk\0")]),
    "empty-name": ("no 8 'an entry without a name'", [header(b"", b"0", 0)]),
    "not-utf8": ("tar", [file(b"\xff\xfe\x80"), folder(b"\xc3"), file(b"\xc3/\xa9")]),
    "controls": ("tar", [file(b"a\nb\x1b[31m"), file(b"tab\there"), file(b" ")]),
    "controls-refused": ("no 8 'a\\\\x1b.*/\\.\\./\\.\\./x: a path'", [file(b"a\x1b[31m/../../x")]),
    "setuid": ("tar", [file(b"s", mode=0o4755, owner=(1, 2)), file(b"g", mode=0o2755, owner=(3, 4)),
                       folder(b"t", 0o1777), folder(b"sg", 0o2775, owner=(5, 6))]),
    "read-only-folder": ("umoci", [folder(b"r", 0o555), file(b"r/one"), folder(b"r/s", 0o500), file(b"r/s/two")],
                         [file(b"r/three"), file(b"r/.wh.one", b"")]),
    "folder-times": ("tar", [folder(b"d", mtime=1000), file(b"d/x", mtime=2000), folder(b"d/e", mtime=3000), file(b"d/e/y")]),
    "deep": ("own", [pax((b"path", DEEP + b"/f")), file(b"f")]),
    "deeper": ("own", [pax((b"path", DEEP)), folder(b"d"), pax((b"linkpath", DEEP)), link(b"l", b"x"),
                       pax((b"path", b"l/" + DEEP[:3000] + b"/f")), file(b"f")], [file(b".wh." + b"d" * 60, b"")]),
    "deepest": ("no 8 'more than 4096 bytes'", [pax((b"path", b"/".join([b"d"] * 3000))), file(b"f")]),
    "long-component": ("no 10 'File name too long'", [pax((b"path", b"n" * 256)), file(b"f")]),
    "many": ("tar", [folder(b"m")] + [file(b"m/%d" % i, b"") for i in range(5000)]),
    "trailing": ("tar", [file(b"f"), END, b"garbage" * 1000]),
    "no-end": ("tar", [file(b"f")]),
    "empty": ("own", [b""]),
    "signed-checksum": ("tar", [file(b"\xe9\xe9", signed=True)]),
    "bad-checksum": ("no 8 'checksum does not hold'", [file(b"f")[:10] + b"x" + file(b"f")[11:]]),
    "cut-header": ("no 8 'cut short'", [file(b"f") + header(b"g")[:300]]),
    "cut-contents": ("no 8 'cut short'", [header(b"f", b"0", 1000) + b"x" * 600]),
    "cut-pax": ("no 8 'cut short'", [header(b"p", b"x", 600) + b"x" * 512]),
    "unknown-type": ("no 8 'f: an entry of type 0x51'", [header(b"f", b"Q", 0)]),
    "overlay-whiteout": ("no 8 'w: a character device 0:0'", [header(b"w", b"3", 0)]),
    "overlay-attributes": ("own", [pax((b"SCHILY.xattr.trusted.overlay.opaque", b"y")), folder(b"d"),
                                   pax((b"SCHILY.xattr.user.overlay.redirect", b"/etc")), folder(b"e")]),
    "root-is-file": ("no 8 '\\./: the root is no folder'", [link(b"./", b"x")]),
}


def layer(name, what, parts):
    data = b"".join(parts)
    ended = not what.startswith("no") and name not in ("trailing", "no-end", "empty")
    return data + END if ended else data


def main():
    for name, (what, *layers) in CASES.items():
        archives = [layer(name, what, parts) for parts in layers]
        for i, data in enumerate(archives):
            with open(os.path.join(sys.argv[1], f"{name}.{i}.tar"), "wb") as out:
                out.write(data)
        layers_image.image_add(sys.argv[2], name, archives)
        print(name, what)


if __name__ == "__main__":
    main()
