#!/usr/bin/env python3
"""A proxy before a registry on loopback that does what networks and registries do to their users.

registry_faults.py UPSTREAM_PORT FAULT_FILE LOG: prints "listening on PORT". FAULT_FILE holds one line, "KIND [COUNT [ARG]]",
read for every request; a new line begins to count anew. KIND:
  none               passes everything on
  cut COUNT BYTES    that many blobs break after so many bytes; those that have no more do not count
  norange COUNT B    the same, and ranges are not understood
  wrongrange C B     the same, and the wrong part is sent as if it were the right one
  status COUNT CODE  that many answers below a repository are CODE; 429 comes with Retry-After
  wait               every answer below a repository is 503 with Retry-After: 3600
  corrupt            a byte of every blob is another one
  longer, shorter    every blob has a byte more, or less, than its descriptor says
  manifest           a byte of every manifest is another one
  redirect           blobs are at another origin
  downgrade          manifests are said to be at ftp://
  loop               blobs are always elsewhere
  token COUNT        every COUNT-th answer asks for a new bearer token, for user "u", password "p"
  elsewhere          blobs are at another origin, which wants a token
  silent             blobs begin, and then nothing comes
  part               blobs are answered by a part that nobody asked for
  liar               manifests are said to have another digest
  unended            every blob comes without the end that its answer promised
  gzip               blobs and manifests are said to be gzip-encoded, and are
  drip SECONDS       manifests come byte by byte, the last one after so many seconds
  uploads            uploads go on at another origin, which wants a token
The log has a line for each request: METHOD PATH range=R auth=SCHEME.
"""
import base64
import gzip
import http.client
import http.server
import sys
import threading
import time

upstream, fault_file, log_file = int(sys.argv[1]), sys.argv[2], sys.argv[3]
lock = threading.Lock()
state = {"line": None, "count": 0, "tokens": 0}


def fault_now():
    with open(fault_file) as f:
        line = f.read().strip()
    with lock:
        if line != state["line"]:
            state.update(line=line, count=0)
    words = line.split()
    return words[0], [int(w) for w in words[1:]]


def counted(limit):
    with lock:
        state["count"] += 1
        return state["count"] <= limit


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, headers=(), body=b""):
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def here(self, host="127.0.0.1"):
        return f"http://{host}:{self.server.server_port}"

    def token(self, args, length):
        """True: the request was answered here."""
        auth = self.headers.get("Authorization", "")
        if self.path.startswith("/token"):
            good = auth == "Basic " + base64.b64encode(b"u:p").decode()
            if good and "scope=repository%3A" in self.path and "service=faults" in self.path:
                with lock:
                    state["tokens"] += 1
                    state["count"] = 0
                    token = f'{{"token":"t{state["tokens"]}","expires_in":300}}'
                self.answer(200, (), token.encode())
            else:
                self.answer(401)
            return True
        if auth == f"Bearer t{state['tokens']}" and counted(args[0]):
            return False
        challenge = f'Bearer realm="{self.here()}/token",service="faults"'
        self.rfile.read(length)
        self.answer(401, [("WWW-Authenticate", challenge)])
        return True

    def fetch(self, kind, body):
        headers = {}
        for name in ("Accept", "Content-Type", "Content-Range"):
            if name in self.headers:
                headers[name] = self.headers[name]
        if "Range" in self.headers and kind not in ("norange", "wrongrange"):
            headers["Range"] = self.headers["Range"]
        c = http.client.HTTPConnection("127.0.0.1", upstream)
        c.request(self.command, self.path.replace("?moved=1", ""), body=body, headers=headers)
        r = c.getresponse()
        data = r.read()
        keep = [(n, v.replace(f"http://127.0.0.1:{upstream}", self.here()) if n.lower() == "location" else v)
                for n, v in r.getheaders() if n.lower() not in ("content-length", "connection", "date", "transfer-encoding")]
        if self.command == "HEAD":
            keep = [(n, v) for n, v in r.getheaders() if n.lower() not in ("connection", "date")]
        c.close()
        return r.status, keep, data

    def head(self, status, headers):
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    def chunks(self, status, headers, data):
        self.head(status, headers + [("Transfer-Encoding", "chunked")])
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()
        self.close_connection = True

    def drip(self, status, headers, data, seconds):
        self.head(status, headers + [("Content-Length", str(len(data)))])
        try:
            for byte in data:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(seconds / len(data))
        except OSError:
            self.close_connection = True

    def handle_any(self):
        length = int(self.headers.get("Content-Length", 0))
        kind, args = fault_now()
        with open(log_file, "a") as f:
            f.write(f"{self.command} {self.path} range={self.headers.get('Range', '-')} "
                    f"auth={self.headers.get('Authorization', '-').split()[0]}\n")
        blob = self.command == "GET" and "/blobs/" in self.path
        manifest = self.command == "GET" and "/manifests/" in self.path
        if kind == "token" and self.token(args, length):
            return
        if kind == "status" and self.path != "/v2/" and counted(args[0]):
            self.rfile.read(length)
            self.answer(args[1], [("Retry-After", "1")] if args[1] == 429 else [])
            return
        if kind == "wait" and self.path != "/v2/":
            self.rfile.read(length)
            self.answer(503, [("Retry-After", "3600")])
            return
        if self.path.startswith("/elsewhere"):
            self.answer(401, [("WWW-Authenticate", f'Bearer realm="{self.here()}/token",service="faults"')])
            return
        if blob and kind == "elsewhere":
            self.answer(307, [("Location", self.here("localhost") + "/elsewhere")])
            return
        if kind == "uploads" and self.command == "POST":
            self.rfile.read(length)
            self.answer(202, [("Location", self.here("localhost") + "/elsewhere")])
            return
        if blob and (kind == "loop" or (kind == "redirect" and "moved" not in self.path)):
            where = self.path + "?moved=1" if kind == "redirect" else self.path
            self.answer(307, [("Location", self.here("localhost" if kind == "redirect" else "127.0.0.1") + where)])
            return
        if manifest and kind == "downgrade":
            self.answer(307, [("Location", "ftp://127.0.0.1/x")])
            return
        self.passed(kind, args, blob, manifest, self.rfile.read(length))

    def passed(self, kind, args, blob, manifest, body):
        status, headers, data = self.fetch(kind, body)
        if blob and kind == "wrongrange" and "Range" in self.headers:
            status, data = 206, data[1000:]
            headers.append(("Content-Range", f"bytes 1000-{len(data) + 999}/{len(data) + 1000}"))
        if (blob and kind == "corrupt") or (manifest and kind == "manifest"):
            middle = len(data) // 2
            data = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1:]
        if blob and kind == "longer":
            data += b"x"
        if blob and kind == "part":
            status, data = 206, data[10:]
            headers.append(("Content-Range", f"bytes 10-{len(data) + 9}/{len(data) + 10}"))
        if manifest and kind == "liar":
            headers = [h for h in headers if h[0].lower() != "docker-content-digest"]
            headers.append(("Docker-Content-Digest", "sha256:" + "0" * 64))
        if (blob or manifest) and kind == "gzip":
            data = gzip.compress(data)
            headers.append(("Content-Encoding", "gzip"))
        if blob and kind == "unended":
            self.chunks(status, headers, data)
            return
        if manifest and kind == "drip":
            self.drip(status, headers, data, args[0])
            return
        if blob and kind == "shorter":
            data = data[:-1]
        cut = blob and kind in ("cut", "norange", "wrongrange", "silent") and (
            kind == "silent" or (len(data) > args[1] and counted(args[0])))
        if not cut:
            if self.command == "HEAD":
                self.head(status, headers)
            else:
                self.answer(status, headers, data)
            return
        self.head(status, headers + [("Content-Length", str(len(data)))])
        self.wfile.write(data[:1000 if kind == "silent" else args[1]])
        self.wfile.flush()
        if kind == "silent":
            time.sleep(60)
        self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(f"listening on {server.server_port}", flush=True)
server.serve_forever()
