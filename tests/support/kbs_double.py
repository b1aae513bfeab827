#!/usr/bin/env python3
"""A stand-in in front of, or instead of, a KBS.

  kbs_double.py --upstream URL        passes everything through and notes connections and requests
  kbs_double.py --mode MODE           answers as a broken or hostile KBS would
  --log FILE                          one line for each connection and request

Prints `listening on http://127.0.0.1:PORT` when it is ready, and serves until it is stopped.
"""
import argparse
import base64
import json
import re
import socket
import socketserver
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler

MODES = (
    "auth-malformed", "auth-array", "auth-oversized", "auth-no-nonce", "auth-500",
    "attest-malformed", "attest-oversized", "attest-no-token",
    "resource-malformed", "resource-oversized", "resource-unsealed", "resource-truncated",
    "resource-denied", "resource-missing", "resource-expired", "attest-expired", "hang", "cut",
)
log_lock = threading.Lock()


def note(line):
    if options.log:
        with log_lock, open(options.log, "a", encoding="ascii", errors="replace") as log:
            log.write(line + "\n")


class Front(socketserver.BaseRequestHandler):
    """Bytes pass both ways; request lines are noted as they go by."""

    def handle(self):
        note("connect")
        host, port = re.fullmatch(r"http://([^:/]+):(\d+)", options.upstream).groups()
        with socket.create_connection((host, int(port))) as upstream:
            back = threading.Thread(target=self.pass_on, args=(upstream, self.request, False), daemon=True)
            back.start()
            self.pass_on(self.request, upstream, True)
            back.join()

    @staticmethod
    def pass_on(source, target, watch):
        try:
            while data := source.recv(65536):
                if watch:
                    for line in re.findall(rb"(?:GET|POST|PUT|DELETE) \S+(?= HTTP/1\.[01]\r\n)", data):
                        note(line.decode("ascii", "replace"))
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def url64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def some_token(life=300):
    claims = {"exp": int(time.time()) + life, "iat": int(time.time()) - 600}
    return ".".join(url64(json.dumps(part).encode()) for part in ({"alg": "ES256"}, claims)) + "." + url64(bytes(64))


def unsealed():
    """A well-formed JWE that is sealed for nobody."""
    point = {"crv": "P-256", "kty": "EC",
             "x": "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY", "y": "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"}
    head = {"alg": "ECDH-ES+A256KW", "enc": "A256GCM", "epk": point}
    return {"protected": url64(json.dumps(head, separators=(",", ":")).encode()), "encrypted_key": url64(bytes(40)),
            "iv": url64(bytes(12)), "ciphertext": url64(bytes(32)), "tag": url64(bytes(16))}


def refusal(variant, detail):
    return {"type": f"https://github.com/confidential-containers/kbs/errors/{variant}", "detail": detail}


class Hostile(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stage = {"auth": "auth", "attest": "attest"}

    def log_message(self, *_):
        pass

    def answer(self, status, body, length=None):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data) if length is None else length))
        if self.path.endswith("/auth"):
            self.send_header("Set-Cookie", "kbs-session-id=" + "0" * 32)
        self.end_headers()
        self.wfile.write(data)

    def flood(self):
        """A body of 64 MiB that does not say its length; notes where the peer had enough before its end."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        if self.path.endswith("/auth"):
            self.send_header("Set-Cookie", "kbs-session-id=" + "0" * 32)
        self.end_headers()
        self.close_connection = True
        try:
            self.wfile.write(b'{"nonce":"')
            for _ in range(1024):
                self.wfile.write(b"A" * 65536)
        except OSError:
            note("flood stopped by peer")

    def good(self, stage):
        if stage == "auth":
            return self.answer(200, {"nonce": base64.b64encode(bytes(32)).decode(), "extra-params": ""})
        if stage == "attest":
            return self.answer(200, {"token": some_token()})
        return self.answer(401, refusal("TokenNotFound", "attest first"))

    def bad(self, stage, how):
        table = {
            "malformed": (200, b'{"nonce": "AAAA", "extra-params'),
            "array": (200, b"[[[[[[]]]]]]"),
            "no-nonce": (200, {"extra-params": ""}),
            "no-token": (200, {"tokens": 1}),
            "500": (500, b"<html>oops</html>"),
            "unsealed": (200, unsealed()),
            "denied": (403, refusal("PolicyDeny", "denied by the double's policy")),
            "expired": (401, refusal("TokenVerifierError", "the double says that the token has expired")),
            "missing": (404, refusal("PluginInternalError", "no such resource in the double")),
        }
        if how == "oversized":
            return self.flood()
        if how == "truncated":
            self.close_connection = True
            return self.answer(200, b'{"protected":"eyJ', 5000)
        if options.mode == "attest-expired":
            return self.answer(200, {"token": some_token(-60)})
        status, body = table[how]
        return self.answer(status, body)

    def serve(self):
        note(f"{self.command} {self.path}")
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if options.mode == "hang":
            time.sleep(600)
            return None
        if options.mode == "cut":
            self.close_connection = True
            return None
        stage, how = options.mode.split("-", 1)
        here = self.stage.get(self.path.rsplit("/", 1)[-1], "resource")
        attested = "kbs-session-id" in self.headers.get("Cookie", "") or "Authorization" in self.headers
        if here == stage and (stage != "resource" or attested):
            return self.bad(stage, how)
        return self.good(here)

    do_GET = do_POST = do_PUT = do_DELETE = serve

    def handle(self):
        note("connect")
        try:
            super().handle()
        except OSError:
            pass


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--upstream")
parser.add_argument("--mode", choices=MODES)
parser.add_argument("--log")
options = parser.parse_args()
if bool(options.upstream) == bool(options.mode):
    parser.error("one of --upstream and --mode")
with Server(("127.0.0.1", 0), Front if options.upstream else Hostile) as server:
    print(f"listening on http://127.0.0.1:{server.server_address[1]}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)
