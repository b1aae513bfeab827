#!/usr/bin/env python3
"""Reads a CoRIM with another CBOR implementation: corim_check.py FILE MRTD FIRMWARE_SHA256 [CERTIFICATE]

Its tags, the value, the file's hash; that it is encoded deterministically; and the COSE_Sign1 around it, whose
signature openssl checks.
"""
import subprocess
import sys
import tempfile

import cbor2

HASHES = {-7: "sha256", -35: "sha384", -37: "sha256"}


def integer(raw):
    raw = raw.lstrip(b"\0") or b"\0"
    raw = b"\0" + raw if raw[0] & 0x80 else raw
    return bytes([2, len(raw)]) + raw


def openssl_form(alg, signature):
    if alg not in (-7, -35):
        return signature
    half = len(signature) // 2
    body = integer(signature[:half]) + integer(signature[half:])
    return bytes([0x30, len(body)]) + body


def signature_check(message, certificate):
    protected, unprotected, payload, signature = message
    header = cbor2.loads(protected)
    assert unprotected == {} and header[3] == "application/rim+cbor"
    assert cbor2.loads(header[8]) == {0: {0: "CN=Firmware,O=Example"}}
    with open(certificate) as file:
        der = subprocess.run(["openssl", "x509", "-outform", "DER"], stdin=file, capture_output=True, check=True).stdout
    assert header[33] == der
    with tempfile.TemporaryDirectory() as folder:
        key, signed, proof = (f"{folder}/{name}" for name in ("key", "signed", "proof"))
        subprocess.run(["openssl", "x509", "-in", certificate, "-pubkey", "-noout", "-out", key], check=True)
        with open(signed, "wb") as file:
            file.write(cbor2.dumps(["Signature1", protected, b"", payload]))
        with open(proof, "wb") as file:
            file.write(openssl_form(header[1], signature))
        how = ["-rawin"]
        if header[1] in HASHES:
            how += ["-digest", HASHES[header[1]]]
        if header[1] == -37:
            how += ["-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:digest"]
        subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", key, "-sigfile", proof, "-in", signed, *how],
                       check=True, stdout=subprocess.DEVNULL)
    return payload


def main():
    path, mr_td, sha256 = sys.argv[1:4]
    with open(path, "rb") as file:
        raw = file.read()
    if len(sys.argv) > 4:
        message = cbor2.loads(raw)
        assert message.tag == 18
        raw = signature_check(message.value, sys.argv[4])
    assert raw[:3] == bytes.fromhex("d901f5")
    corim = cbor2.loads(raw)
    comid, coswid = corim.value[1]
    assert (corim.tag, comid.tag, coswid.tag) == (501, 506, 505)
    for inner in (comid, coswid):
        assert cbor2.dumps(cbor2.loads(inner.value), canonical=True) == inner.value
    value, inputs = cbor2.loads(comid.value)[4][0]
    assert value == [{0: {1: "Intel", 2: "TDX"}}, [{0: "mr_td", 1: {1: 3, 2: [[7, bytes.fromhex(mr_td)]]}}]]
    assert inputs[1] == [{0: "vmm", 1: {0: {0: "8.2"}, 11: "qemu"}}, {0: "page_order", 1: {11: "interleaved"}}]
    file = cbor2.loads(coswid.value)[6][17]
    assert file == {7: [1, bytes.fromhex(sha256)], 20: 2097152, 24: "OVMF.fd"}
    assert corim.value[4][0].isoformat() == "2026-01-01T00:00:00+00:00"


main()
