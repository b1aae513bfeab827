#!/usr/bin/env python3
"""Writes ovmf.bin, td-shim.bin, guest.igvm and id-block.igvm beside itself, and prints what tests/unit/attest/measure_test.c expects of them.

A second implementation of the predictions, so that the two can be held against each other. The layouts are those of
Intel's TDVF design guide, of AMD's SEV-SNP firmware ABI, of OVMF's reset vector and of the IGVM file format.
"""
import hashlib
import os
import struct
import uuid
import zlib

SIZE = 0x4000


def guid(text):
    return uuid.UUID(text).bytes_le


def entry(text, data):
    return data + struct.pack("<H", len(data) + 18) + guid(text)


def build():
    image = bytearray((i * 7 + (i >> 8)) & 0xFF for i in range(SIZE))
    sections = [
        (0x2000, 0x1810, 0xFFFFE000, 0x2000, 0, 1),
        (0, 0, 0x810000, 0x2000, 3, 0),
        (0, 0, 0x820000, 0x1000, 2, 2),
        (0, 0, 0x830000, 0x1000, 1, 1),
    ]
    descriptor = b"TDVF" + struct.pack("<III", 16 + 32 * len(sections), 1, len(sections))
    for section in sections:
        descriptor += struct.pack("<IIQQII", *section)
    tdvf_at = 0x110
    image[tdvf_at - 16:tdvf_at] = guid("e9eaf9f3-168e-44d5-a8eb-7f4d8738f6ae")
    image[tdvf_at:tdvf_at + len(descriptor)] = descriptor
    pages = [(0x800000, 0x3000, 1), (0x80D000, 0x1000, 2), (0x80E000, 0x1000, 3), (0x80C000, 0x1000, 4),
             (0x80F000, 0x1000, 0x10)]
    metadata = b"ASEV" + struct.pack("<III", 16 + 12 * len(pages), 1, len(pages))
    for page in pages:
        metadata += struct.pack("<III", *page)
    asev_at = 0x300
    image[asev_at:asev_at + len(metadata)] = metadata
    table = entry("e47a6535-984a-4798-865e-4685a7bf8ec2", struct.pack("<I", SIZE - tdvf_at))
    table += entry("dc886566-984a-4798-a75e-5585a7bf67cc", struct.pack("<I", SIZE - asev_at))
    table += entry("7255371f-3a3b-4b04-927b-1da6efa8d454", struct.pack("<II", 0x80FC00, 0x400))
    table += entry("00f771de-1a7e-4fcb-890e-68c77e2fb44e", struct.pack("<I", 0x80B004))
    table += struct.pack("<H", len(table) + 18) + guid("96b582de-1fb2-45f7-baea-a366c55a082d")
    image[SIZE - 32 - len(table):SIZE - 32] = table
    shim = bytearray(image)
    shim[SIZE - 48:SIZE - 32] = bytes(16)
    shim[SIZE - 32:SIZE - 28] = struct.pack("<I", tdvf_at)
    return bytes(image), bytes(shim), sections, pages


def mrtd(image, sections, two_pass):
    md = hashlib.sha384()

    def add(gpa):
        md.update(b"MEM.PAGE.ADD".ljust(16, b"\0") + struct.pack("<Q", gpa) + bytes(104))

    def extend(gpa, page):
        for at in range(0, 4096, 256):
            md.update(b"MR.EXTEND".ljust(16, b"\0") + struct.pack("<Q", gpa + at) + bytes(104) + page[at:at + 256])

    for offset, raw, gpa, size, _, attributes in sections:
        contents = image[offset:offset + raw].ljust(size, b"\0")
        passes = [(True, False), (False, True)] if two_pass else [(True, True)]
        for adding, extending in passes:
            for at in range(0, size, 4096):
                if adding and not attributes & 2:
                    add(gpa + at)
                if extending and attributes & 1:
                    extend(gpa + at, contents[at:at + 4096])
    return md.hexdigest()


def vmsa(eip, signature, features):
    page = bytearray(4096)
    segments = {0: (0, 0x93, 0), 0x10: (0xF000, 0x9B, eip & 0xFFFF0000), 0x20: (0, 0x93, 0), 0x30: (0, 0x93, 0),
                0x40: (0, 0x93, 0), 0x50: (0, 0x93, 0), 0x60: (0, 0, 0), 0x70: (0, 0x82, 0), 0x80: (0, 0, 0),
                0x90: (0, 0x8B, 0)}
    for at, (selector, attributes, base) in segments.items():
        struct.pack_into("<HHIQ", page, at, selector, attributes, 0xFFFF, base)
    for at, value in {0xD0: 0x1000, 0x148: 0x40, 0x158: 0x10, 0x160: 0x400, 0x168: 0xFFFF0FF0, 0x170: 2,
                      0x178: eip & 0xFFFF, 0x268: 0x7040600070406, 0x310: signature, 0x3B0: features,
                      0x3E8: 1}.items():
        struct.pack_into("<Q", page, at, value)
    struct.pack_into("<I", page, 0x408, 0x1F80)
    struct.pack_into("<H", page, 0x410, 0x37F)
    return bytes(page)


class Launch:
    def __init__(self):
        self.digest = bytes(48)

    def update(self, kind, gpa, page=None):
        contents = hashlib.sha384(page).digest() if page else bytes(48)
        info = self.digest + contents + struct.pack("<HBBBBBBQ", 0x70, kind, 0, 0, 0, 0, 0, gpa)
        self.digest = hashlib.sha384(info).digest()


def launch(image, pages, vcpus, boot):
    made = Launch()
    for at in range(0, SIZE, 4096):
        made.update(1, (1 << 32) - SIZE + at, image[at:at + 4096])
    for gpa, size, kind in pages:
        if kind == 0x10 and boot:
            kernel, initrd, append = boot
            parts = [("97d02dd8-bd20-4c94-aa78-e7714d36ab2a", append + b"\0"),
                     ("44baf731-3a2f-4bd7-9af1-41e29169781d", initrd),
                     ("4de79437-abd2-427f-b835-d5b172d2045b", kernel)]
            table = guid("9438d606-4f22-4cc9-b479-a793d411fd21") + struct.pack("<H", 168)
            for name, data in parts:
                table += guid(name) + struct.pack("<H", 50) + hashlib.sha256(data).digest()
            made.update(1, gpa, (bytes(0xC00) + table).ljust(4096, b"\0"))
            continue
        for at in range(0, size, 4096):
            made.update({1: 3, 2: 5, 3: 6, 4: 3, 0x10: 3}[kind], gpa + at)
    for i in range(vcpus):
        made.update(2, 0xFFFFFFFFF000, vmsa(0x80B004 if i else 0xFFFFFFF0, 0xA00F11, 0x21))
    return made.digest.hex()


class Igvm:
    """An IGVM file for SEV-SNP (mask 1) and TDX (mask 2), and what the two, and QEMU with the first, measure of it."""

    def __init__(self):
        self.headers = self.data = b""
        self.offsets = []  # where an offset into the data stands in the headers
        self.snp, self.qemu = Launch(), Launch()
        self.tdx = hashlib.sha384()
        for mask, kind in ((1, 2), (2, 3)):
            self.header(1, struct.pack("<IBBHQ", mask, 0, kind, 1, 0))
        self.header(0x101, struct.pack("<QII", 0x30000, 1, 0))
        self.header(0x107, b"1.0")
        self.header(0x80000150, b"whoever does not know this goes on")

    def header(self, kind, body, offset=None, data=b""):
        if data:
            self.offsets.append((len(self.headers) + 8 + offset, len(self.data)))
            self.data += data
        self.headers += struct.pack("<II", kind, len(body)) + body + bytes(-len(body) % 8)

    def add(self, gpa):
        self.tdx.update(b"MEM.PAGE.ADD".ljust(16, b"\0") + struct.pack("<Q", gpa) + bytes(104))

    def page(self, gpa, mask, kind=0, flags=0, fill=None):
        page = hashlib.sha256(bytes([fill])).digest() * 128 if fill is not None else b""
        self.header(0x302, struct.pack("<QIIIHH", gpa, mask, 0, flags, kind, 0), 12, page)
        if flags & 4:
            return
        measured = kind == 0 and not flags & 2
        if mask & 1:
            code = {0: 4 if flags & 2 else 1, 1: 5, 2: 6, 3: 6}[kind]
            self.snp.update(code, gpa, (page or bytes(4096)) if measured else None)
            self.qemu.update(3 if measured and not page else code, gpa, page if measured else None)
        if mask & 2:
            self.add(gpa)
            for at in range(0, 4096, 256) if measured else ():
                self.tdx.update(b"MR.EXTEND".ljust(16, b"\0") + struct.pack("<Q", gpa + at) + bytes(104) +
                                (page or bytes(4096))[at:at + 256])

    def parameters(self, gpa, mask, index, pages):
        self.header(0x301, struct.pack("<QII", pages * 4096, index, 0))
        self.header(0x30C, struct.pack("<II", index, 0))
        self.header(0x307, struct.pack("<II", index, pages * 4096 - 4))
        self.header(0x303, struct.pack("<QII", gpa, mask, index))
        for at in range(gpa, gpa + pages * 4096, 4096):
            if mask & 1:
                self.snp.update(4, at)
                self.qemu.update(4, at)
            if mask & 2:
                self.add(at)

    def processor(self):
        page = vmsa(0xFFFFFFF0, 0xA00F11, 1)
        self.header(0x304, struct.pack("<QIIHH", 0xFFFFFFFFF000, 1, 0, 0, 0), 12, page)
        self.snp.update(2, 0xFFFFFFFFF000, page)
        self.qemu.update(2, 0xFFFFFFFFF000, page)

    def id_block(self):
        self.header(0x30B, struct.pack("<II", 1, 0) + self.snp.digest + bytes(640))

    def file(self, version):
        fixed = 24 if version == 1 else 32
        headers = bytearray(self.headers)
        for at, offset in self.offsets:
            struct.pack_into("<I", headers, at, fixed + len(headers) + offset)
        end = struct.pack("<II", 0, 4096) if version == 2 else b""

        def start(checksum):
            return b"IGVM" + struct.pack("<IIIII", version, fixed, len(headers),
                                         fixed + len(headers) + len(self.data), checksum) + end

        return start(zlib.crc32(start(0) + headers)) + headers + self.data


def igvm_guest():
    made = Igvm()
    made.header(0x305, struct.pack("<QIIII", 0x100000, 3, 0x100000, 0, 0))
    made.page(0x100000, 3, fill=1)
    made.page(0x101000, 3)
    made.page(0x102000, 2, fill=2)
    made.page(0x103000, 1, kind=1)
    made.page(0x104000, 1, kind=2, fill=3)
    made.page(0x105000, 3, flags=2, fill=3)
    made.page(0x106000, 3, flags=4, fill=3)
    made.parameters(0x200000, 3, 7, 2)
    made.header(0x30D, struct.pack("<QII", 0x300000, 3, 4096))
    made.page(0x107000, 1)
    made.processor()
    return made


def igvm_id_block():
    made = Igvm()
    made.page(0x100000, 1, fill=1)
    made.processor()
    made.id_block()
    return made


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    image, shim, sections, pages = build()
    guest, id_block = igvm_guest(), igvm_id_block()
    for name, data in (("ovmf.bin", image), ("td-shim.bin", shim), ("guest.igvm", guest.file(1)),
                       ("id-block.igvm", id_block.file(2))):
        with open(os.path.join(here, name), "wb") as file:
            file.write(data)
    print("interleaved", mrtd(image, sections, False))
    print("two-pass", mrtd(image, sections, True))
    print("td-shim", mrtd(shim, sections, False))
    print("snp 1", launch(image, pages, 1, None))
    print("snp 3 with a kernel", launch(image, pages, 3, (b"kernel", b"initrd", b"console=ttyS0")))
    print("snp 1 with a kernel alone", launch(image, pages, 1, (b"kernel", b"", b"")))
    print("igvm: tdx", guest.tdx.hexdigest())
    print("igvm: snp", guest.snp.digest.hex())
    print("igvm: snp, QEMU", guest.qemu.digest.hex())
    print("igvm with an ID block", id_block.snp.digest.hex())


main()
