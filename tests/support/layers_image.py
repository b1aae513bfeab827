#!/usr/bin/env python3
"""layers_image.py LAYOUT TAG ARCHIVE...: an OCI image whose layers are these tar archives, byte for byte.

Adds to LAYOUT where it is there already."""
import hashlib
import json
import os
import sys


def put(layout, data):
    digest = hashlib.sha256(data).hexdigest()
    with open(f"{layout}/blobs/sha256/{digest}", "wb") as blob:
        blob.write(data)
    return {"digest": "sha256:" + digest, "size": len(data)}


def image_add(layout, tag, archives):
    os.makedirs(layout + "/blobs/sha256", exist_ok=True)
    layers = [put(layout, data) for data in archives]
    config = {"architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine),
              "os": "linux", "config": {"Cmd": ["/bin/true"]},
              "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]}}
    kind = "application/vnd.oci.image."
    manifest = {"schemaVersion": 2, "mediaType": kind + "manifest.v1+json",
                "config": {"mediaType": kind + "config.v1+json", **put(layout, json.dumps(config).encode())},
                "layers": [{"mediaType": kind + "layer.v1.tar", **layer} for layer in layers]}
    entry = {"mediaType": kind + "manifest.v1+json", **put(layout, json.dumps(manifest).encode()),
             "annotations": {"org.opencontainers.image.ref.name": tag}}
    index = {"schemaVersion": 2, "manifests": []}
    if os.path.exists(layout + "/index.json"):
        with open(layout + "/index.json", encoding="utf-8") as old:
            index = json.load(old)
    index["manifests"].append(entry)
    with open(layout + "/index.json", "w", encoding="utf-8") as new:
        json.dump(index, new)
    with open(layout + "/oci-layout", "w", encoding="utf-8") as mark:
        mark.write('{"imageLayoutVersion":"1.0.0"}')


def read(path):
    with open(path, "rb") as archive:
        return archive.read()


if __name__ == "__main__":
    image_add(sys.argv[1], sys.argv[2], [read(path) for path in sys.argv[3:]])
