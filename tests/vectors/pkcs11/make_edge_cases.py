#!/usr/bin/env python3
"""Writes edge_cases.txt: published numbers, and cases built around them with plain integers and with Python's
cryptography. Nothing here calls the module or libcrypto of the system.

A line: WHAT WANTED then name=value; values in hexadecimal, "" is nothing. WANTED is a CKR_ code without its prefix, or OK.
"""
import hashlib
import hmac as hmac_module

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, utils, x448, x25519
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM

lines = []


def say(text):
    lines.append("")
    lines.append("# " + text)


def put(what, wanted, **fields):
    words = [what, wanted]
    for name, value in fields.items():
        if isinstance(value, int):
            value = value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big")
        elif isinstance(value, str):
            value = value.encode()
        words.append("%s=%s" % (name, value.hex()))
    lines.append(" ".join(words))


def octets(start, count):
    return bytes((start + 5 * i) & 255 for i in range(count))


# --- ECDSA ------------------------------------------------------------------------------------------------------------

HASHES = {"sha1": hashes.SHA1(), "sha224": hashes.SHA224(), "sha256": hashes.SHA256(), "sha384": hashes.SHA384(),
          "sha512": hashes.SHA512(), "sha3-256": hashes.SHA3_256()}
CURVES = {  # RFC 6979 A.2.5 to A.2.7: the private keys; the orders are of FIPS 186-4 D.1.2
    "p256": (ec.SECP256R1(), 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721,
             0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551),
    "p384": (ec.SECP384R1(), 0x6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D2EDF5,
             (2**192 - 1) << 192 | 0xC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973),
    "p521": (ec.SECP521R1(), 0x0FAD06DAA62BA3B25D2FB40133DA757205DE67F5BB0018FEE8C86E1B68C7E75CAA896EB32F1F47C70855836A6D16FCC1466F6D8FBEC67DB89EC0C08B0E996B83538,
             (2**265 - 6) << 256 | 0x51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409),
}


def ecdsa():
    say("ECDSA: RFC 6979 A.2.5 to A.2.7, message \"sample\"; and what must not verify")
    for name, (curve, d, order) in CURVES.items():
        key = ec.derive_private_key(d, curve)
        public = key.public_key().public_numbers()
        size = (curve.key_size + 7) // 8
        if name == "p256":
            assert public.x == 0x60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6
        point = b"\x04" + public.x.to_bytes(size, "big") + public.y.to_bytes(size, "big")
        for hash_name, algorithm in HASHES.items():
            der = key.sign(b"sample", ec.ECDSA(algorithm, deterministic_signing=hash_name[:5] != "sha3-"))
            r, s = utils.decode_dss_signature(der)
            if (name, hash_name) == ("p256", "sha256"):
                assert r == 0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716
                assert s == 0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8

            def case(wanted, r_octets, s_octets):
                put("ecdsa-" + hash_name, wanted, curve=name, point=point, message="sample", signature=r_octets + s_octets)

            def wide(number):
                return number.to_bytes(size, "big")

            case("OK", wide(r), wide(s))
            if hash_name != "sha256":
                continue
            case("OK", wide(r), wide(order - s))  # the other of the two that fit
            for bad_r, bad_s in ((0, s), (r, 0), (0, 0), (order, s), (r, order), (r, s + 1), (order - r, s), (1, 1)):
                case("SIGNATURE_INVALID", wide(bad_r), wide(bad_s))
            case("SIGNATURE_INVALID", wide(s), wide(r))
            if r + order < 1 << (8 * size):
                case("SIGNATURE_INVALID", wide(r + order), wide(s))
            if s + order < 1 << (8 * size):
                case("SIGNATURE_INVALID", wide(r), wide(s + order))
            case("SIGNATURE_INVALID", b"\xff" * size, b"\xff" * size)
            case("SIGNATURE_LEN_RANGE", b"\0" + wide(r), b"\0" + wide(s))
            case("SIGNATURE_LEN_RANGE", wide(r), wide(s)[:-1])
            case("SIGNATURE_LEN_RANGE", wide(r), b"")
            case("SIGNATURE_LEN_RANGE", b"", der)


# --- ECDH -------------------------------------------------------------------------------------------------------------

def ecdh():
    say("ECDH: RFC 5903 8.1 to 8.3; points off the curve, of the twist, at infinity, with coordinates out of range")
    vectors = {
        "p256": (0xC88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433,
                 0xC6EF9C5D78AE012A011164ACB397CE2088685D8F06BF9BE0B283AB46476BEE53,
                 0xD6840F6B42F6EDAFD13116E0E12565202FEF8E9ECE7DCE03812464D04B9442DE),
        "p384": (0x099F3C7034D4A2C699884D73A375A67F7624EF7C6B3C0F160647B67414DCE655E35B538041E649EE3FAEF896783AB194,
                 0x41CB0779B4BDB85D47846725FBEC3C9430FAB46CC8DC5060855CC9BDA0AA2942E0308312916B8ED2960E4BD55A7448FC,
                 0x11187331C279962D93D604243FD592CB9D0A926F422E47187521287E7156C5C4D603135569B9E9D09CF5D4A270F59746),
        "p521": (0x0037ADE9319A89F4DABDB3EF411AACCCA5123C61ACAB57B5393DCE47608172A095AA85A30FE1C2952C6771D937BA9777F5957B2639BAB072462F68C27A57382D4A52,
                 0x0145BA99A847AF43793FDD0E872E7CDFA16BE30FDC780F97BCCC3F078380201E9C677D600B343757A3BDBF2A3163E4C2F869CCA7458AA4A4EFFC311F5CB151685EB9,
                 0x01144C7D79AE6956BC8EDB8E7C787C4521CB086FA64407F97894E5E6B2D79B04D1427E73CA4BAA240A34786859810C06B3C715A3A8CC3151F2BEE417996D19F3DDEA),
    }
    for name, (d, other, shared) in vectors.items():
        curve = CURVES[name][0]
        size = (curve.key_size + 7) // 8
        public = ec.derive_private_key(other, curve).public_key().public_numbers()
        mine = ec.derive_private_key(d, curve)
        assert mine.exchange(ec.ECDH(), ec.derive_private_key(other, curve).public_key()) == shared.to_bytes(size, "big")
        x, y = public.x.to_bytes(size, "big"), public.y.to_bytes(size, "big")
        prime = {"p256": 2**256 - 2**224 + 2**192 + 2**96 - 1, "p384": 2**384 - 2**128 - 2**96 + 2**32 - 1,
                 "p521": 2**521 - 1}[name]

        def case(wanted, point, value=b""):
            put("ecdh", wanted, curve=name, d=d.to_bytes(size, "big"), point=point, value=value)

        good = shared.to_bytes(size, "big")
        case("OK", b"\x04" + x + y, good)
        case("OK", b"\x04" + x + (prime - public.y).to_bytes(size, "big"), good)  # the point's negative: the same x
        case("OK", bytes([2 + (public.y & 1)]) + x, good)  # compressed
        bad = "MECHANISM_PARAM_INVALID"
        case(bad, b"\x04" + x + ((public.y + 1) % prime).to_bytes(size, "big"))
        case(bad, b"\x04" + x + bytes(size))
        case(bad, b"\x04" + bytes(2 * size))
        case(bad, b"\x00")
        case(bad, b"\x04" + x + y[:-1])
        case(bad, b"\x04" + x + y + b"\0")
        case(bad, b"\x05" + x + y)
        case(bad, b"\x06" + x + ((public.y + 1) % prime).to_bytes(size, "big"))
        case(bad, b"\x04" + prime.to_bytes(size, "big") + y)
        case(bad, b"\x04" + b"\xff" * (2 * size))
        candidate = 1  # an x that is of no point: half of them are
        b_coefficient = {"p256": 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
                         "p384": 0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
                         "p521": 0x0051953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF109E156193951EC7E937B1652C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00}[name]
        while pow(candidate**3 - 3 * candidate + b_coefficient, (prime - 1) // 2, prime) == 1:
            candidate += 1
        case(bad, b"\x02" + candidate.to_bytes(size, "big"))


def ecdh_kdfs():
    say("ECDH with a KDF, by hashlib: ANSI X9.63 (Z, counter, shared) and SP 800-56C 4.1 (counter, Z, shared)")
    curve = CURVES["p256"][0]
    mine, other = ec.derive_private_key(5, curve), ec.derive_private_key(7, curve)
    z = mine.exchange(ec.ECDH(), other.public_key())
    public = other.public_key().public_numbers()
    point = b"\x04" + public.x.to_bytes(32, "big") + public.y.to_bytes(32, "big")
    names = ["sha1", "sha224", "sha256", "sha384", "sha512", "sha3_224", "sha3_256", "sha3_384", "sha3_512"]
    numbers = {False: [2, 5, 6, 7, 8, 10, 11, 12, 13], True: list(range(0x0E, 0x17))}  # PKCS #11 3.0, CKD_...
    for one_step, kdfs in numbers.items():
        for name, kdf in zip(names, kdfs):
            for shared in (b"", b"shared information"):
                value = b""
                for i in range(1, 6):
                    count = i.to_bytes(4, "big")
                    value += hashlib.new(name, (count + z if one_step else z + count) + shared).digest()
                put("ecdh", "OK", curve="p256", d=(5).to_bytes(32, "big"), point=point, value=value[:75], kdf=kdf, shared=shared)
    put("ecdh", "MECHANISM_PARAM_INVALID", curve="p256", d=(5).to_bytes(32, "big"), point=point, value=b"", kdf=b"\x09",
        shared=b"")
    put("ecdh", "MECHANISM_PARAM_INVALID", curve="p256", d=(5).to_bytes(32, "big"), point=point, value=b"", kdf=b"\x01",
        shared=b"not with CKD_NULL")


def montgomery():
    say("X25519, X448: points of small order give nothing but zeros and are refused")
    for name, kind, size, order in (("x25519", x25519, 32, 2**255 - 19), ("x448", x448, 56, 2**448 - 2**224 - 1)):
        private = getattr(kind, name.upper() + "PrivateKey")
        public = getattr(kind, name.upper() + "PublicKey")
        scalar = octets(9, size)
        other = private.from_private_bytes(octets(77, size)).public_key().public_bytes_raw()
        shared = private.from_private_bytes(scalar).exchange(public.from_public_bytes(other))
        put("montgomery", "OK", curve=name, d=scalar, point=other, value=shared)
        if name == "x25519":  # 5: the top bit is not looked at
            put("montgomery", "OK", curve=name, d=scalar, point=other[:-1] + bytes([other[-1] | 0x80]), value=shared)
        small = [0, 1, order - 1, order, order + 1]
        if name == "x25519":
            small += [325606250916557431795983626356110631294008115727848805560023387167927233504,
                      39382357235489614581723060781553021112529911719440698176882885853963445705823]
        for number in small:
            put("montgomery", "MECHANISM_PARAM_INVALID", curve=name, d=scalar, point=number.to_bytes(size, "little"), value=b"")
        put("montgomery", "MECHANISM_PARAM_INVALID", curve=name, d=scalar, point=other[:-1], value=b"")
        put("montgomery", "MECHANISM_PARAM_INVALID", curve=name, d=scalar, point=b"\0" + other, value=b"")


def edwards():
    say("Ed25519, Ed448: RFC 8032 5.1.7 and 5.2.7, step 1: S below the order; other octets; other lengths")
    for name, kind, size, order in (("ed25519", ed25519, 32, 2**252 + 27742317777372353535851937790883648493),
                                    ("ed448", ed448, 57, 2**446 - 13818066809895115352007386748515426880336692474882178609894547503885)):
        key = getattr(kind, name.capitalize() + "PrivateKey").from_private_bytes(octets(3, size))
        point, signature = key.public_key().public_bytes_raw(), key.sign(b"sample")
        s = int.from_bytes(signature[size:], "little")

        def case(wanted, octets_):
            put("eddsa", wanted, curve=name, point=point, message="sample", signature=octets_)

        case("OK", signature)
        for bad in (s + order, s + 1, 0, 2**(8 * size - 1)):
            case("SIGNATURE_INVALID", signature[:size] + bad.to_bytes(size, "little"))
        case("SIGNATURE_INVALID", bytes([signature[0] ^ 1]) + signature[1:])
        case("SIGNATURE_INVALID", b"\xff" * (2 * size))
        case("SIGNATURE_INVALID", bytes(2 * size))
        case("SIGNATURE_LEN_RANGE", signature[:-1])
        case("SIGNATURE_LEN_RANGE", signature + b"\0")
        case("SIGNATURE_LEN_RANGE", b"")


# --- RSA, with plain integers and the key of ../keys/rsa.pkcs8.pem ---------------------------------------------------------

def rsa_key():
    import os
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "keys", "rsa.pkcs8.pem")
    return load_pem_private_key(open(path, "rb").read(), None)


INFO = {"sha1": "3021300906052b0e03021a05000414", "sha256": "3031300d060960864801650304020105000420",
        "sha512": "3051300d060960864801650304020305000440"}  # RFC 8017 9.2, note 1


class Rsa:
    def __init__(self):
        numbers = rsa_key().private_numbers()
        self.n, self.e, self.d = numbers.public_numbers.n, numbers.public_numbers.e, numbers.d
        self.size = (self.n.bit_length() + 7) // 8

    def private(self, block):
        return pow(int.from_bytes(block, "big"), self.d, self.n).to_bytes(self.size, "big")

    def public(self, block):
        return pow(int.from_bytes(block, "big"), self.e, self.n).to_bytes(self.size, "big")


def pkcs1(key):
    say("RSASSA-PKCS1-v1_5 with SHA-256, RFC 8017 8.2.2: one encoding alone is right")
    digest = hashlib.sha256(b"sample").digest()
    info = bytes.fromhex(INFO["sha256"]) + digest

    def case(wanted, block):
        put("rsa-pkcs-sha256", wanted, message="sample", signature=key.private(block))

    def block(tail, first=b"\x00\x01", fill=b"\xff", separator=b"\x00"):
        return first + fill * (key.size - len(first) - len(separator) - len(tail)) + separator + tail

    good = block(info)
    case("OK", good)
    bad = "SIGNATURE_INVALID"
    case(bad, block(bytes.fromhex("302f300b0609608648016503040201") + b"\x04\x20" + digest))  # no NULL
    case(bad, block(bytes.fromhex("30813130 0d060960864801650304020105000420".replace(" ", "")) + digest))  # BER
    case(bad, block(bytes.fromhex(INFO["sha512"]) + hashlib.sha512(b"sample").digest()))
    case(bad, block(bytes.fromhex("3031300d060960864801650304020305000420") + digest))  # another name
    case(bad, block(digest))
    case(bad, block(info, first=b"\x00\x02"))
    case(bad, block(info, first=b"\x00\x00"))
    case(bad, block(info, fill=b"\xfe"))
    case(bad, block(info, separator=b"\x01"))
    case(bad, b"\x00\x01" + b"\xff" * 8 + b"\x00" + info + bytes(key.size - 11 - len(info)))  # Bleichenbacher 2006
    case(bad, b"\x00\x01" + b"\xff" * 8 + b"\x00" + bytes(key.size - 11 - len(info)) + info)
    case(bad, block(info + b"\x05\x00"))
    case(bad, block(info[:-1] + bytes([info[-1] ^ 1])))
    signature = key.private(good)
    number = int.from_bytes(signature, "big")
    if number + key.n < 1 << (8 * key.size):
        put("rsa-pkcs-sha256", bad, message="sample", signature=(number + key.n).to_bytes(key.size, "big"))
    for wrong in (bytes(key.size), bytes(key.size - 1) + b"\x01", b"\xff" * key.size, key.n.to_bytes(key.size, "big")):
        put("rsa-pkcs-sha256", bad, message="sample", signature=wrong)
    put("rsa-pkcs-sha256", "SIGNATURE_LEN_RANGE", message="sample", signature=b"\0" + signature)
    put("rsa-pkcs-sha256", "SIGNATURE_LEN_RANGE", message="sample", signature=signature[:-1])
    put("rsa-pkcs-sha256", "SIGNATURE_LEN_RANGE", message="sample", signature=b"")


def mgf1(seed, length, name):
    out = b""
    for counter in range((length + 19) // 20 + 1):
        out += hashlib.new(name, seed + counter.to_bytes(4, "big")).digest()
    return out[:length]


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def pss(key):
    say("RSASSA-PSS, RFC 8017 9.1.2, built step by step: salts of 0 to the most there is room for; each step failing")
    bits = key.n.bit_length() - 1
    em_len = (bits + 7) // 8

    def encode(salt, name="sha256", mask_name=None, trailer=b"\xbc", one=b"\x01", pad=b"\x00", top=False):
        h_len = hashlib.new(name).digest_size
        digest = hashlib.new(name, bytes(8) + hashlib.new(name, b"sample").digest() + salt).digest()
        db = pad * (em_len - len(salt) - h_len - 2) + one + salt
        masked = bytearray(xor(db, mgf1(digest, em_len - h_len - 1, mask_name or name)))
        masked[0] &= 0xFF >> (8 * em_len - bits)
        if top:
            masked[0] |= 0x80
        return bytes(masked) + digest + trailer

    def case(wanted, block, salt_len, name="sha256", mask_name=None):
        if int.from_bytes(block, "big") < key.n:
            put("rsa-pss-" + name, wanted, mgf=mask_name or name, salt=bytes([salt_len]), message="sample",
                signature=key.private(block))

    for length in (0, 1, 20, 32, em_len - 34):
        case("OK", encode(octets(1, length)), length)
    for name in ("sha1", "sha384", "sha512"):
        case("OK", encode(octets(1, 20), name), 20, name)
    case("OK", encode(octets(1, 20), "sha256", "sha1"), 20, "sha256", "sha1")
    bad = "SIGNATURE_INVALID"
    salt = octets(1, 32)
    case(bad, encode(salt), 31)
    case(bad, encode(salt), 33)
    case(bad, encode(salt), 0)
    case(bad, encode(salt), 32, "sha256", "sha1")
    case(bad, encode(salt, trailer=b"\xcc"), 32)
    case(bad, encode(salt, one=b"\x02"), 32)
    case(bad, encode(salt, one=b"\x00"), 32)
    case(bad, encode(salt, pad=b"\x03"), 32)
    case(bad, encode(salt, top=True), 32)
    signature = key.private(encode(salt))
    put("rsa-pss-sha256", "SIGNATURE_LEN_RANGE", mgf="sha256", salt=b"\x20", message="sample", signature=signature[1:])
    put("rsa-pss-sha256", bad, mgf="sha256", salt=b"\x20", message="sample", signature=b"\xff" * key.size)


def oaep_encode(key, message, name="sha256", mask_name=None, label=b"", first=b"\x00", one=b"\x01", pad=b"\x00"):
    mask_name = mask_name or name
    h_len = hashlib.new(name).digest_size
    db_len = key.size - h_len - 1
    db = hashlib.new(name, label).digest() + pad * (db_len - h_len - 1 - len(message)) + one + message
    seed = octets(11, h_len)
    masked = xor(db, mgf1(seed, db_len, mask_name))
    return first + xor(seed, mgf1(masked, h_len, mask_name)) + masked


def oaep(key):
    say("RSAES-OAEP, RFC 8017 7.1.2, built step by step: labels, hashes; each step failing in one and the same way")

    def encode(message, *args, **kinds):
        return oaep_encode(key, message, *args, **kinds)

    def case(wanted, block, name="sha256", mask_name=None, label=b"", message=b""):
        put("rsa-oaep-" + name, wanted, mgf=mask_name or name, label=label, message=message, sealed=key.public(block))

    for length in (0, 1, 16, key.size - 66):
        case("OK", encode(octets(2, length)), message=octets(2, length))
    case("OK", encode(b"sample", label=b"a label"), label=b"a label", message=b"sample")
    case("OK", encode(b"sample", "sha1"), "sha1", message=b"sample")
    case("OK", encode(b"sample", "sha512", "sha1"), "sha512", "sha1", message=b"sample")
    case("OK", encode(b"sample", "sha256", "sha1"), "sha256", "sha1", message=b"sample")
    bad = "ENCRYPTED_DATA_INVALID"
    case(bad, encode(b"sample", label=b"a label"))
    case(bad, encode(b"sample"), label=b"a label")
    case(bad, encode(b"sample", label=b"a label"), label=b"a labe1")
    case(bad, encode(b"sample", "sha256", "sha1"))
    case(bad, encode(b"sample", "sha1"))
    case(bad, encode(b"sample", first=b"\x01"))
    case(bad, encode(b"sample", one=b"\x02"))
    case(bad, encode(b"", one=b"\x00"))
    case(bad, encode(b"sample", pad=b"\x02"))
    sealed = key.public(encode(b"sample"))
    put("rsa-oaep-sha256", "ENCRYPTED_DATA_LEN_RANGE", mgf="sha256", label=b"", message=b"", sealed=sealed[1:])
    put("rsa-oaep-sha256", "ENCRYPTED_DATA_LEN_RANGE", mgf="sha256", label=b"", message=b"", sealed=b"\0" + sealed)
    for wrong in (b"\xff" * key.size, key.n.to_bytes(key.size, "big"), bytes(key.size)):
        put("rsa-oaep-sha256", bad, mgf="sha256", label=b"", message=b"", sealed=wrong)


def pkcs1_encryption(key):
    say("RSAES-PKCS1-v1_5, RFC 8017 7.2.2; REJECTED: a message comes out, another one, the same each time")

    def block(message, first=b"\x00\x02", fill=b"\x17", separator=b"\x00", fill_len=None):
        if fill_len is None:
            fill_len = key.size - len(first) - len(separator) - len(message)
        return first + fill * fill_len + separator + message

    for length in (0, 1, 48, key.size - 11):
        put("rsa-pkcs-decrypt", "OK", message=octets(4, length), sealed=key.public(block(octets(4, length))))
    for wrong in (block(b"sample", first=b"\x01\x02"), block(b"sample", first=b"\x00\x01"), block(b"sample", fill=b"\x00"),
                  block(octets(4, key.size - 10)), b"\x00\x02" + b"\x17" * (key.size - 2),
                  b"\x00\x02" + b"\x17" * 7 + b"\x00" + b"\x18" * (key.size - 10)):
        put("rsa-pkcs-decrypt", "REJECTED", message="sample", sealed=key.public(wrong))


# --- AES, with the bare cipher underneath ---------------------------------------------------------------------------------

def aes(key, block):
    worker = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return worker.update(block) + worker.finalize()


def gf_multiply(x, y):
    product = 0
    for i in range(127, -1, -1):
        if x >> i & 1:
            product ^= y
        y = y >> 1 ^ (0xE1 << 120 if y & 1 else 0)
    return product


def gcm(key, iv, aad, plain, tag_len):  # SP 800-38D 7.1
    h = int.from_bytes(aes(key, bytes(16)), "big")

    def padded(data):
        return data + bytes(-len(data) % 16)

    def ghash(data):
        value = 0
        for at in range(0, len(data), 16):
            value = gf_multiply(value ^ int.from_bytes(data[at:at + 16], "big"), h)
        return value

    start = int.from_bytes(iv, "big") << 32 | 1 if len(iv) == 12 else ghash(padded(iv) + (8 * len(iv)).to_bytes(16, "big"))

    def counter(step):
        return ((start >> 32 << 32) | (start + step) % 2**32).to_bytes(16, "big")

    stream = b"".join(aes(key, counter(1 + i)) for i in range(len(plain) // 16 + 1))
    cipher = xor(plain, stream)
    value = ghash(padded(aad) + padded(cipher) + (8 * len(aad)).to_bytes(8, "big") + (8 * len(cipher)).to_bytes(8, "big"))
    return cipher + xor(value.to_bytes(16, "big"), aes(key, counter(0)))[:tag_len]


def gcm_cases():
    say("AES-GCM: SP 800-38D 7.1 on the bare cipher (checked against cryptography where it goes): IVs of odd lengths, "
        "short tags, tags that are wrong")
    for key_len in (16, 24, 32):
        key = octets(key_len, key_len)
        for iv_len in (1, 7, 8, 11, 12, 13, 15, 16, 17, 31, 64, 127, 128):
            iv, aad, plain = octets(iv_len, iv_len), octets(5, iv_len % 21), octets(6, 3 * iv_len % 50)
            sealed = gcm(key, iv, aad, plain, 16)
            if iv_len >= 8:
                assert sealed == AESGCM(key).encrypt(iv, plain, aad)
            put("gcm", "OK", key=key, iv=iv, aad=aad, plain=plain, sealed=sealed, tag=b"\x10")
    key, iv, aad, plain = octets(1, 32), octets(2, 12), b"", octets(3, 33)
    sealed = gcm(key, iv, aad, plain, 16)
    for tag_len in (4, 8, 12, 13, 14, 15, 16):
        cut = sealed[:len(plain) + tag_len]
        put("gcm", "OK", key=key, iv=iv, aad=aad, plain=plain, sealed=cut, tag=bytes([tag_len]))
        for at in (0, len(plain) - 1, len(plain), len(cut) - 1):
            wrong = cut[:at] + bytes([cut[at] ^ 0x80]) + cut[at + 1:]
            put("gcm", "ENCRYPTED_DATA_INVALID", key=key, iv=iv, aad=aad, plain=plain, sealed=wrong, tag=bytes([tag_len]))
    put("gcm", "ENCRYPTED_DATA_INVALID", key=key, iv=iv, aad=b"x", plain=plain, sealed=sealed, tag=b"\x10")
    put("gcm", "ENCRYPTED_DATA_INVALID", key=key, iv=octets(3, 12), aad=aad, plain=plain, sealed=sealed, tag=b"\x10")
    put("gcm", "ENCRYPTED_DATA_INVALID", key=key, iv=iv, aad=aad, plain=plain, sealed=sealed[:33] + bytes(16), tag=b"\x10")
    put("gcm", "ENCRYPTED_DATA_LEN_RANGE", key=key, iv=iv, aad=aad, plain=plain, sealed=sealed[:15], tag=b"\x10")
    for tag_len in (0, 1, 3, 5, 7, 9, 11, 17):
        put("gcm", "MECHANISM_PARAM_INVALID", key=key, iv=iv, aad=aad, plain=plain, sealed=sealed, tag=bytes([tag_len]))
    for iv_len in (0, 129):
        put("gcm", "MECHANISM_PARAM_INVALID", key=key, iv=octets(2, iv_len), aad=aad, plain=plain, sealed=sealed, tag=b"\x10")


def ccm_cases():
    say("AES-CCM, by cryptography's AESCCM: nonces of 7 to 13, tags of 4 to 16, and what is out of these")
    key = octets(8, 16)
    for nonce_len in range(7, 14):
        tag_len = 4 + 2 * (nonce_len - 7)
        nonce, aad, plain = octets(1, nonce_len), octets(2, nonce_len % 3 * 9), octets(3, nonce_len % 4 * 13)
        sealed = AESCCM(key, tag_len).encrypt(nonce, plain, aad or None)
        put("ccm", "OK", key=key, iv=nonce, aad=aad, plain=plain, sealed=sealed, tag=bytes([tag_len]))
        wrong = sealed[:-1] + bytes([sealed[-1] ^ 1])
        put("ccm", "ENCRYPTED_DATA_INVALID", key=key, iv=nonce, aad=aad, plain=plain, sealed=wrong, tag=bytes([tag_len]))
    for nonce_len, tag_len in ((6, 16), (14, 16), (0, 16), (12, 0), (12, 2), (12, 3), (12, 5), (12, 15), (12, 18)):
        put("ccm", "MECHANISM_PARAM_INVALID", key=key, iv=octets(1, nonce_len), aad=b"", plain=b"", sealed=bytes(16),
            tag=bytes([tag_len]))


def cbc_pad_cases():
    say("AES-CBC with PKCS #7 padding: every length, and paddings that are none")
    key, iv = octets(1, 16), octets(2, 16)

    def cbc(padded):
        worker = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
        return worker.update(padded) + worker.finalize()

    for length in range(0, 34):
        plain = octets(7, length)
        put("cbc-pad", "OK", key=key, iv=iv, plain=plain, sealed=cbc(plain + bytes([16 - length % 16]) * (16 - length % 16)))
    body = octets(7, 15)
    for tail in (b"\x00", b"\x11", b"\x20", b"\xff", b"\x10"):
        put("cbc-pad", "ENCRYPTED_DATA_INVALID", key=key, iv=iv, plain=b"", sealed=cbc(body + tail))
    put("cbc-pad", "ENCRYPTED_DATA_INVALID", key=key, iv=iv, plain=b"", sealed=cbc(octets(7, 13) + b"\x02\x03\x03"))
    put("cbc-pad", "ENCRYPTED_DATA_INVALID", key=key, iv=iv, plain=b"", sealed=cbc(b"\x0f" + b"\x10" * 15))
    for length in (0, 1, 15, 17, 31):
        put("cbc-pad", "ENCRYPTED_DATA_LEN_RANGE", key=key, iv=iv, plain=b"", sealed=bytes(length))


def wrap(key, initial, plain):  # RFC 3394 2.2.1, RFC 5649 4.1
    if len(plain) == 8:
        return aes(key, initial + plain)
    a, blocks = initial, [plain[i:i + 8] for i in range(0, len(plain), 8)]
    for step in range(6 * len(blocks)):
        i = step % len(blocks)
        b = aes(key, a + blocks[i])
        a, blocks[i] = xor(b[:8], (step + 1).to_bytes(8, "big")), b[8:]
    return a + b"".join(blocks)


def key_wrap_cases():
    say("AES key wrap: RFC 3394 4.6, RFC 5649 6; then initial values, lengths and paddings that are wrong")
    kek = bytes(range(32))
    data = bytes.fromhex("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f")
    sealed = wrap(kek, b"\xa6" * 8, data)
    assert sealed.hex() == "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"
    bad = "ENCRYPTED_DATA_INVALID"
    put("kw", "OK", key=kek, plain=data, sealed=sealed)
    put("kw", bad, key=kek, plain=data, sealed=wrap(kek, b"\xa6" * 7 + b"\xa7", data))
    put("kw", bad, key=kek, plain=data, sealed=wrap(kek, bytes(8), data))
    put("kw", bad, key=kek, plain=data, sealed=sealed[:-1] + bytes([sealed[-1] ^ 1]))
    for length in (0, 8, 16, 23, 25):
        put("kw", "ENCRYPTED_DATA_LEN_RANGE", key=kek, plain=b"", sealed=bytes(length))
    kek = bytes.fromhex("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8")
    head = bytes.fromhex("a65959a6")

    def kwp(plain, length=None, padding=None, prefix=head):
        length = len(plain) if length is None else length
        return wrap(kek, prefix + length.to_bytes(4, "big"), plain + (bytes(-len(plain) % 8) if padding is None else padding))

    assert kwp(bytes.fromhex("466f7250617369")).hex() == "afbeb0f07dfbf5419200f2ccb50bb24f"
    for length in (1, 7, 8, 9, 15, 16, 17, 64):
        put("kwp", "OK", key=kek, plain=octets(1, length), sealed=kwp(octets(1, length)))
    for length in (7, 20):
        plain = octets(1, length)
        put("kwp", bad, key=kek, plain=b"", sealed=kwp(plain, prefix=b"\xa6\xa6\xa6\xa6"))
        put("kwp", bad, key=kek, plain=b"", sealed=kwp(plain, length=0))
        put("kwp", bad, key=kek, plain=b"", sealed=kwp(plain, length=length - 8 if length > 8 else 9))
        put("kwp", bad, key=kek, plain=b"", sealed=kwp(plain, length=(length + 7) // 8 * 8 + 1))
        put("kwp", bad, key=kek, plain=b"", sealed=kwp(plain, length=2**32 - 1))
        put("kwp", bad, key=kek, plain=b"", sealed=kwp(plain, padding=b"\x01" * (-length % 8)))
        put("kwp", bad, key=kek, plain=b"", sealed=kwp(plain, padding=bytes(-length % 8 - 1) + b"\x01"))
        if length % 8 < 7:
            put("kwp", bad, key=kek, plain=b"", sealed=kwp(plain, length=length + 1, padding=bytes(-length % 8 - 1) + b"\x80"))
    for length in (0, 8, 15, 17):
        put("kwp", "ENCRYPTED_DATA_LEN_RANGE", key=kek, plain=b"", sealed=bytes(length))


def rsa_aes_cases():
    say("CKM_RSA_AES_KEY_WRAP: an AES key under OAEP (SHA-1), the key behind it under RFC 5649")
    key = Rsa()
    aes_key, plain = octets(33, 32), octets(1, 40)
    head = key.public(oaep_encode(key, aes_key, "sha1"))
    tail = wrap(aes_key, bytes.fromhex("a65959a6") + len(plain).to_bytes(4, "big"), plain)
    put("rsa-aes", "OK", plain=plain, sealed=head + tail, bits=b"\x20")
    put("rsa-aes", "WRAPPED_KEY_INVALID", plain=plain, sealed=head + tail[:-1] + bytes([tail[-1] ^ 1]), bits=b"\x20")
    put("rsa-aes", "WRAPPED_KEY_INVALID", plain=plain, sealed=bytes([head[0] ^ 1]) + head[1:] + tail, bits=b"\x20")
    put("rsa-aes", "WRAPPED_KEY_INVALID", plain=plain, sealed=head + tail, bits=b"\x10")
    put("rsa-aes", "WRAPPED_KEY_LEN_RANGE", plain=plain, sealed=head, bits=b"\x20")
    put("rsa-aes", "WRAPPED_KEY_LEN_RANGE", plain=plain, sealed=head[:-1], bits=b"\x20")
    put("rsa-aes", "WRAPPED_KEY_LEN_RANGE", plain=plain, sealed=head + tail[:-1], bits=b"\x20")
    put("rsa-aes", "MECHANISM_PARAM_INVALID", plain=plain, sealed=head + tail, bits=b"\x21")


def ctr_cases():
    say("AES-CTR: SP 800-38A F.5.5, whole; a counter of few bits is used up, and does not come round")
    key = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
    start = bytes.fromhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
    plain = bytes.fromhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
                          "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710")
    sealed = bytes.fromhex("601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"
                           "2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6")
    put("ctr", "OK", key=key, iv=start, bits=b"\x80", plain=plain, sealed=sealed)
    put("ctr", "OK", key=key, iv=start, bits=b"\x08", plain=plain[:16], sealed=sealed[:16])
    put("ctr", "DATA_LEN_RANGE", key=key, iv=start, bits=b"\x08", plain=plain[:17], sealed=b"")
    put("ctr", "DATA_LEN_RANGE", key=key, iv=start[:12] + b"\xff" * 4, bits=b"\x20", plain=plain, sealed=b"")
    put("ctr", "DATA_LEN_RANGE", key=key, iv=b"\xff" * 16, bits=b"\x01", plain=plain[:17], sealed=b"")
    for bits in (0, 129):
        put("ctr", "MECHANISM_PARAM_INVALID", key=key, iv=start, bits=bytes([bits]), plain=plain, sealed=b"")


# --- hashes ---------------------------------------------------------------------------------------------------------------

def hmac_cases():
    say("HMAC: RFC 4231 4.5 to 4.8 (keys and messages), for every hash, by Python's hmac; whole and cut short")
    cases = [(bytes(range(1, 26)), b"\xcd" * 50), (b"\x0c" * 20, b"Test With Truncation"),
             (b"\xaa" * 131, b"Test Using Larger Than Block-Size Key - Hash Key First"), (b"k", b""), (b"\x55" * 4096, b"x")]
    for name in ("sha1", "sha224", "sha256", "sha384", "sha512", "sha512_224", "sha512_256", "sha3_224", "sha3_256",
                 "sha3_384", "sha3_512"):
        for key, message in cases:
            put("hmac-" + name.replace("_", "-"), "OK", key=key, message=message,
                mac=hmac_module.new(key, message, name).digest())


def hkdf_cases():
    say("HKDF, RFC 5869 2.3 by hand: a byte, whole blocks, the most there is (255 blocks), and one more")

    def hkdf(name, key, salt, info, length):
        size = hashlib.new(name).digest_size
        prk = hmac_module.new(salt or bytes(size), key, name).digest()
        out, block = b"", b""
        for i in range(1, (length + size - 1) // size + 1):
            block = hmac_module.new(prk, block + info + bytes([i]), name).digest()
            out += block
        return out[:length]

    assert hkdf("sha256", b"\x0b" * 22, bytes(range(13)), bytes(range(0xF0, 0xFA)), 42).hex().startswith("3cb25f25faacd57a90434f64d036")
    for name in ("sha1", "sha256", "sha512", "sha3_256"):
        most = 255 * hashlib.new(name).digest_size
        for length in (1, 32, 33, most):
            value = hkdf(name, b"input", b"salt", b"info", length)
            put("hkdf-" + name.replace("_", "-"), "OK", key=b"input", salt=b"salt", info=b"info",
                length=length.to_bytes(4, "big"), value=hashlib.sha256(value).digest())
        put("hkdf-" + name.replace("_", "-"), "ATTRIBUTE_VALUE_INVALID", key=b"input", salt=b"salt", info=b"info",
            length=(most + 1).to_bytes(4, "big"), value=b"")


if __name__ == "__main__":
    import sys
    ecdsa()
    ecdh()
    ecdh_kdfs()
    montgomery()
    edwards()
    rsa_numbers = Rsa()
    for step in (pkcs1, pss, oaep, pkcs1_encryption):
        step(rsa_numbers)
    for step in (gcm_cases, ccm_cases, cbc_pad_cases, key_wrap_cases, rsa_aes_cases, ctr_cases, hmac_cases, hkdf_cases):
        step()
    sys.stdout.write("# Made by make_edge_cases.py, which says how; see there for the sources.\n" + "\n".join(lines) + "\n")
