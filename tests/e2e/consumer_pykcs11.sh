#!/usr/bin/env bash
# Python's PyKCS11: the objects of the token, signatures, decryption; openssl verifies.
set -euo pipefail
# shellcheck source=tests/support/consumer.sh
. "$(dirname "$0")/../support/consumer.sh"
# Debian's package is for Debian's Python, which need not be the first one.
python=
for candidate in python3 /usr/bin/python3; do
	[ -n "$python" ] || ! "$candidate" -c 'import PyKCS11' 2>/dev/null || python=$candidate
done
if [ -z "$python" ]; then
	skip "PyKCS11 uses the token" "python3-pykcs11 is not installed"
	tap_end
	exit
fi
consumer_start
head -c 1000 /dev/urandom >"$work/data"
head -c 40 /dev/urandom >"$work/plain"
openssl pkeyutl -encrypt -pubin -inkey "$work/rsa.pub" -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 \
	-pkeyopt rsa_mgf1_md:sha256 -in "$work/plain" -out "$work/sealed"

cat >"$work/use.py" <<'END'
import sys
import PyKCS11 as p

module, work = sys.argv[1:3]
read = lambda name: open(f"{work}/{name}", "rb").read()
def write(name, what):
    with open(f"{work}/{name}", "wb") as f:
        f.write(bytes(what))

lib = p.PyKCS11Lib()
lib.load(module)
slot, = [s for s in lib.getSlotList(tokenPresent=True) if lib.getTokenInfo(s).label.strip() == "kbs"]
session = lib.openSession(slot, p.CKF_SERIAL_SESSION | p.CKF_RW_SESSION)
session.login("1234")
find = lambda **k: session.findObjects([(getattr(p, a), v) for a, v in k.items()])
print("objects", len(session.findObjects()))
for o in find(CKA_CLASS=p.CKO_CERTIFICATE):
    ident, label, value = session.getAttributeValue(o, [p.CKA_ID, p.CKA_LABEL, p.CKA_VALUE])
    print("certificate", label, bytes(ident).hex(), len(value))
rsa, = find(CKA_CLASS=p.CKO_PRIVATE_KEY, CKA_LABEL="rsa")
ec, = find(CKA_CLASS=p.CKO_PRIVATE_KEY, CKA_ID=(2,))
write("rsa.sig", session.sign(rsa, read("data"), p.Mechanism(p.CKM_SHA256_RSA_PKCS)))
write("pss.sig", session.sign(rsa, read("data"), p.RSA_PSS_Mechanism(p.CKM_SHA256_RSA_PKCS_PSS, p.CKM_SHA256, p.CKG_MGF1_SHA256, 32)))
write("ec.sig", session.sign(ec, read("digest"), p.Mechanism(p.CKM_ECDSA)))
write("open", session.decrypt(rsa, read("sealed"), p.RSAOAEPMechanism(p.CKM_SHA256, p.CKG_MGF1_SHA256)))
print("random", len(session.generateRandom(16)))
print("value", session.getAttributeValue(rsa, [p.CKA_SENSITIVE, p.CKA_EXTRACTABLE, p.CKA_NEVER_EXTRACTABLE, p.CKA_PRIVATE_EXPONENT]))
session.logout()
session.closeSession()
END
openssl dgst -sha256 -binary "$work/data" >"$work/digest"
passes "PyKCS11 lists, signs and decrypts" "$python" "$work/use.py" "$module" "$work"
cp "$work/out" "$work/said"
said() { grep -xE -- "$1" "$work/said" || { cat "$work/said"; return 1; }; }
passes "six objects: two pairs and their certificates" said 'objects 6'
passes "the certificate has the key's id" said 'certificate ec 02 [1-9][0-9]+'
passes "no private exponent" said 'value \[True, False, (True|False), None\]'
passes "openssl verifies RSA" openssl dgst -sha256 -verify "$work/rsa.pub" -signature "$work/rsa.sig" "$work/data"
passes "openssl verifies PSS" openssl dgst -sha256 -verify "$work/rsa.pub" -sigopt rsa_padding_mode:pss \
	-sigopt rsa_pss_saltlen:32 -signature "$work/pss.sig" "$work/data"
# r||s as the standard has it; openssl wants DER.
python3 - "$work/ec.sig" "$work/ec.der" <<'END'
import sys
def integer(b):
    b = b.lstrip(b"\0") or b"\0"
    b = (b"\0" if b[0] & 0x80 else b"") + b
    return b"\x02" + bytes([len(b)]) + b
raw = open(sys.argv[1], "rb").read()
assert len(raw) == 64
body = integer(raw[:32]) + integer(raw[32:])
open(sys.argv[2], "wb").write(b"\x30" + bytes([len(body)]) + body)
END
passes "openssl verifies ECDSA" openssl dgst -sha256 -verify "$work/ec.pub" -signature "$work/ec.der" "$work/data"
passes "the bytes that were sealed" cmp "$work/plain" "$work/open"
equal "one attestation for it all" 1 "$(handshakes)"
tap_end
