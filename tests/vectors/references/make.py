#!/usr/bin/env python3
"""Writes snp.corim and tdx.corim beside itself, with Debian's python3-cbor2: what tests/unit/attest/references_test.c
expects byte for byte of the values that it makes up alike. And foreign.corim, of a shape that is not ours: several tags,
environments and triples, among them the values of tests/vectors/measure/guest.igvm."""
import os

import cbor2


def tag(number, value):
    return cbor2.CBORTag(number, cbor2.dumps(value, canonical=True))


def corim(name, environment, value, inputs, validity):
    hexadecimal = value[2][0][1].hex()
    comid = {1: {0: f"{name}:{hexadecimal}"},
             4: {0: [[{0: environment}, [{0: name, 1: value}]],
                     [{0: {1: "kbs-pkcs11", 2: "measurement inputs"}}, inputs]]}}
    coswid = {0: "sha256:" + b"\x5a".hex() * 32, 1: "OVMF.fd", 2: {31: "Example", 33: 1},
              6: {17: {7: [1, b"\x5a" * 32], 20: 4096, 24: "OVMF.fd"}}, 12: 0}
    whole = {0: f"kbs-attest:{name}:{hexadecimal}", 1: [tag(506, comid), tag(505, coswid)],
             5: [{0: "Example", 2: [1]}]}
    if validity:
        whole[4] = validity
    return cbor2.dumps(cbor2.CBORTag(501, dict(sorted(whole.items()))), canonical=True)


def write(name, data):
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), name), "wb") as file:
        file.write(data)


write("snp.corim", corim(
    "snp_launch_measurement", {1: "AMD", 2: "SEV-SNP"}, {2: [[7, b"\x11" * 48]]},
    [{0: "vmm", 1: {11: "qemu"}}, {0: "vcpus", 1: {11: "300"}}, {0: "vcpu_type", 1: {11: "EPYC-Milan"}},
     {0: "features", 1: {11: "0x21"}}, {0: "kernel", 1: {2: [[1, b"\x01" * 32]]}},
     {0: "initrd", 1: {2: [[1, b"\x02" * 32]]}}, {0: "append", 1: {2: [[1, b"\x03" * 32]]}}], None))
write("tdx.corim", corim(
    "mr_td", {1: "Intel", 2: "TDX"}, {1: 70000, 2: [[7, b"\x22" * 48]]},
    [{0: "vmm", 1: {0: {0: "7.2"}, 11: "qemu"}}, {0: "page_order", 1: {11: "two-pass"}}],
    {0: cbor2.CBORTag(1, 1767225600), 1: cbor2.CBORTag(1, 1798761600)}))

GUEST_TDX = bytes.fromhex("817a809d146add2c893c6ddfa2629cf7ac312c0270b810490b86864df6766608a48134f8f9b465221e00ab3eaee1fc78")
GUEST_SNP = bytes.fromhex("603be4dc35ac06754bddcac4ce8362f189e5501d13ddaa9ffa5ceaa711ebae2371fa1e3f02007b238fc8a887e3fe79c7")


def triple(vendor, model, *measurements):
    return [{0: {1: vendor, 2: model}}, [{0: key, 1: {1: 7, 2: [[alg, value]]}} for key, alg, value in measurements]]


def foreign(tags):
    return cbor2.dumps(cbor2.CBORTag(501, {
        0: "example.com/launch", 1: tags, 3: cbor2.CBORTag(32, "tag:example.com,2026:launch"),
        4: {0: cbor2.CBORTag(1, 1767225600), 1: cbor2.CBORTag(1, 1798761600)}, 5: [{0: "Example", 2: [1]}]}), canonical=True)


FIRST = {0: "en", 1: {0: "first", 1: 3}, 2: [{0: "Example", 2: [0]}], 4: {
    0: [triple("Microsoft", "VBS", ("MEASUREMENT", 1, b"\x01" * 32)),
        triple("Intel", "TDX", ("MRTD", 7, b"\x02" * 48), ("RTMR0", 7, b"\x03" * 48)),
        [{0: {1: "AMD", 2: "SEV-SNP"}, 1: cbor2.CBORTag(550, b"one chip")}, [{1: {2: [[7, b"\x04" * 48]]}}]]],
    10: [[[triple("Intel", "TDX", ("MRTD", 7, b"\x05" * 48))], []]]}}
SECOND = {1: {0: "second"}, 4: {0: [
    triple("Intel Corporation", "TDX 1.5", ("MRTD", 7, GUEST_TDX)),
    triple("AMD", "SEV-SNP", ("MEASUREMENT", "sha-384", GUEST_SNP))]}}
write("foreign.corim", foreign([tag(505, {0: "swid", 1: "x", 12: 0}), tag(506, FIRST), tag(506, SECOND)]))
SECOND[4][0][0][1][0][2] = [cbor2.CBORTag(554, b"key")]
write("foreign-authorized.corim", foreign([tag(506, SECOND)]))
