#!/usr/bin/env python3
"""policies.py FOLDER HOST KEYS: writes policies for HOST/ns/app:v1 into FOLDER, good ones and ones that are not quite so.

KEYS is the folder with key.pub, other.pub, ca.pem, rekor.pub.
"""
import base64
import json
import os
import sys

folder, host, keys = sys.argv[1:]
MAIL = "carol@example.org"
ISSUER = "https://issuer.example"
written = 0


def path(name):
    return os.path.join(keys, name)


def data(name):
    with open(path(name), "rb") as f:
        return base64.b64encode(f.read()).decode()


def write(text):
    global written
    with open(os.path.join(folder, "%03d.json" % written), "w") as f:
        f.write(text)
    written += 1


def policy(requirements, scope=None):
    scope = host if scope is None else scope
    write(json.dumps({"default": [{"type": "reject"}], "transports": {"docker": {scope: requirements}}}))


def signed(**members):
    return dict({"type": "sigstoreSigned"}, **members)


ANY = {"type": "insecureAcceptAnything"}
REPOSITORY = {"type": "matchRepository"}
name = host + "/ns/app"
for scope in ["", host, host + "/ns", name, name + ":v1", name + ":v2", "127.0.0.1", "*.0.0.1", "*.1", "*.0.0.1:" + host.split(":")[1],
              "*", host + "/", host + "/n", host + "/ns/ap"]:
    policy([ANY], scope)

pki = {"caRootsPath": path("ca.pem"), "subjectEmail": MAIL}
fulcio = {"caPath": path("ca.pem"), "oidcIssuer": ISSUER, "subjectEmail": MAIL}
rekor = {"rekorPublicKeyPath": path("rekor.pub")}
key = {"keyPath": path("key.pub")}
for members in [
        key, {"keyPath": path("other.pub")}, {"keyPaths": [path("other.pub"), path("key.pub")]}, {"keyPaths": []},
        {"keyData": data("key.pub")}, {"keyDatas": [data("other.pub"), data("key.pub")]}, {"keyDatas": [data("other.pub")]},
        dict(key, keyData=data("key.pub")), {}, {"keyPath": ""}, {"keyPath": "/nonexistent"}, {"keyData": "!"}, {"keyData": ""},
        {"keyData": "AAAA"}, {"keyPath": [path("key.pub")]}, {"keyPaths": path("key.pub")}, {"keyPath": path("ca.pem")},
        dict(key, **rekor), dict(key, rekorPublicKeyPath=path("other.pub")), dict(key, rekorPublicKeyData="AAAA"),
        dict(key, rekorPublicKeyPaths=[path("other.pub"), path("rekor.pub")]), dict(key, rekorPublicKeyDatas=[]),
        dict(key, rekorPublicKeyData=data("rekor.pub"), **rekor),
        {"pki": pki}, {"pki": dict(pki, subjectEmail="x" + MAIL)}, {"pki": dict(pki, subjectHostname="carol")},
        {"pki": dict(pki, subjectHostname="a.example")}, {"pki": dict(pki, subjectHostname="b.a.example")},
        {"pki": dict(pki, caRootsPath=path("leaf.pem"))}, {"pki": dict(pki, caRootsPath=path("key.pub"))},
        {"pki": dict(pki, x=1)}, {"pki": dict(pki, caRootsData=data("ca.pem"))}, {"pki": {"subjectEmail": MAIL}},
        {"pki": {"caRootsPath": path("ca.pem")}}, {"pki": dict(pki, caIntermediatesPath=path("ca.pem"))},
        {"pki": dict(pki, caIntermediatesPath=path("key.pub"))}, {"pki": dict(pki, caIntermediatesPath="/nonexistent")},
        dict({"pki": pki}, **rekor), dict({"pki": pki}, **key), {"pki": []}, {"pki": None}, dict({"fulcio": None}, **key),
        {"fulcio": fulcio}, dict({"fulcio": fulcio}, **rekor), dict({"fulcio": fulcio}, rekorPublicKeyPath=path("other.pub")),
        dict({"fulcio": dict(fulcio, oidcIssuer="other")}, **rekor), dict({"fulcio": dict(fulcio, subjectEmail="x")}, **rekor),
        dict({"fulcio": dict(fulcio, caData=data("ca.pem"))}, **rekor), dict({"fulcio": dict(fulcio, x=1)}, **rekor),
        dict({"fulcio": {"caPath": path("ca.pem"), "subjectEmail": MAIL}}, **rekor), dict({"fulcio": {}}, **rekor)]:
    policy([signed(signedIdentity=REPOSITORY, **members)])

for identity in [
        REPOSITORY, {"type": "matchExact"}, {"type": "matchRepoDigestOrExact"}, {"type": "other"}, {}, "matchExact", [], None,
        {"type": "matchExact", "x": 1}, {"type": "exactReference", "dockerReference": name + ":v1"},
        {"type": "exactReference", "dockerReference": name}, {"type": "exactReference", "dockerReference": "UPPER:x"},
        {"type": "exactRepository", "dockerRepository": name}, {"type": "exactRepository", "dockerRepository": name + ":v1"},
        {"type": "exactRepository", "dockerRepository": host + "/ns/other"}, {"type": "exactRepository", "dockerRepository": "busybox"},
        {"type": "remapIdentity", "prefix": host, "signedPrefix": host}, {"type": "remapIdentity", "prefix": host + "/ns", "signedPrefix": "a.b/c"},
        {"type": "remapIdentity", "prefix": "x/", "signedPrefix": "y"}, {"type": "remapIdentity", "prefix": "x", "signedPrefix": ""},
        {"type": "remapIdentity", "prefix": "x"}]:
    policy([signed(signedIdentity=identity, **key)])
policy([signed(**key)])

good = signed(signedIdentity=REPOSITORY, **key)
for requirements in [
        [], [good, {"type": "reject"}], [good, ANY], [ANY, signed(keyPath=path("other.pub"))], [{"type": "reject", "x": 1}],
        [dict(ANY, x=1)], [{}], [{"type": "x"}], [1], [None], [dict(good, x=1)], [dict(good, keyType="GPGKeys")],
        [{"type": "signedBy", "keyType": "GPGKeys", "keyPath": path("key.pub")}], [{"type": "signedBy", "keyPath": path("key.pub")}],
        [{"type": "signedBy", "keyType": "signedByGPGKeys", "keyPath": path("key.pub")}],
        [{"type": "signedBaseLayer", "baseLayerIdentity": {"type": "matchExact"}}]]:
    policy(requirements)

for text in [
        "", "{}", "null", "[]", '{"default":[]}', '{"default":A}', '{"default":A}x', '{"default":A,"default":A}', '{"default":A,"x":1}',
        '{"Default":A}', '{"default":A,"transports":null}', '{"default":A,"transports":{"docker":null}}',
        '{"default":A,"transports":{"docker":{"":[]}}}', '{"default":A,"transports":{"x":{"y z":A}}}',
        '{"default":A,"transports":{"oci":{"a":A}}}', '{"default":A,"transports":{"oci":{"/":A}}}',
        '{"default":A,"transports":{"oci":{"/a:b":A}}}', '{"default":A,"transports":{"dir":{"/a/./b":A}}}',
        '{"default":A,"transports":{"dir":{"/a/":A}}}', '{"default":A,"transports":{"docker":{"A B//":A}}}', '\ufeff{"default":A}',
        ' {"default":A} \n', '{"default":A,}']:
    write(text.replace("A", '[{"type":"insecureAcceptAnything"}]', 2) if "A B" not in text else text.replace(":A", ":[" + json.dumps(ANY) + "]"))
