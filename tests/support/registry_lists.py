#!/usr/bin/env python3
"""What newer and other registries have and Debian's has not, before Debian's on loopback.

registry_lists.py UPSTREAM_PORT FOLDER: prints "listening on PORT". Says that it keeps signatures itself
(X-Registry-Supports-Signatures); answers with FOLDER/signatures.json and FOLDER/referrers.json whatever digest is asked
for, with 404 where there is no such file. All else is passed on.
"""
import http.client
import http.server
import os
import sys

upstream, folder = int(sys.argv[1]), sys.argv[2]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, headers, body):
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        self.send_header("X-Registry-Supports-Signatures", "1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def file(self, name, content_type):
        path = os.path.join(folder, name)
        if not os.path.exists(path):
            return self.answer(404, [], b"{}")
        with open(path, "rb") as f:
            self.answer(200, [("Content-Type", content_type)], f.read())

    def do_GET(self):
        if self.path.startswith("/extensions/v2/") and "/signatures/sha256:" in self.path:
            return self.file("signatures.json", "application/json")
        if self.path.startswith("/v2/") and "/referrers/sha256:" in self.path:
            return self.file("referrers.json", "application/vnd.oci.image.index.v1+json")
        connection = http.client.HTTPConnection("127.0.0.1", upstream, timeout=30)
        connection.request("GET", self.path, headers={"Accept": self.headers.get("Accept", "*/*")})
        reply = connection.getresponse()
        self.answer(reply.status, reply.getheaders(), reply.read())
        connection.close()


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print("listening on", server.server_port, flush=True)
server.serve_forever()
