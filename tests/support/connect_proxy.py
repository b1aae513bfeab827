#!/usr/bin/env python3
"""A small HTTP proxy on loopback: CONNECT, and whole URLs for plain HTTP. It knows no names: whatever is asked for is
taken to UPSTREAM on this machine, so that a test reaches its registry as registry.example only through here.

connect_proxy.py UPSTREAM_PORT LOG: prints "listening on PORT". The log has a line for each request, METHOD TARGET, and
" auth=SCHEME" where there was a Proxy-Authorization header. A target whose name begins with "refused." gets a 403.
"""
import selectors
import socket
import socketserver
import sys

upstream, log_file = int(sys.argv[1]), sys.argv[2]


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        line = self.rfile.readline(8192).decode("latin-1").strip()
        headers = []
        while True:
            header = self.rfile.readline(8192)
            if header in (b"\r\n", b"\n", b""):
                break
            headers.append(header)
        method, target = line.split(" ")[:2]
        auth = [h.split()[1].decode() for h in headers if h.lower().startswith(b"proxy-authorization:")]
        with open(log_file, "a") as f:
            f.write(f"{method} {target}{' auth=' + auth[0] if auth else ''}\n")
        if "refused." in target:
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        with socket.create_connection(("127.0.0.1", upstream)) as peer:
            if method == "CONNECT":
                self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            else:
                path = "/" + target.split("://", 1)[1].partition("/")[2]
                kept = [h for h in headers if not h.lower().startswith((b"proxy-", b"connection:"))]
                peer.sendall(f"{method} {path} HTTP/1.1\r\n".encode() + b"".join(kept) + b"Connection: close\r\n\r\n")
            self.relay(peer)

    def relay(self, peer):
        ends = {self.connection: peer, peer: self.connection}
        with selectors.DefaultSelector() as both:
            for end in ends:
                both.register(end, selectors.EVENT_READ)
            while True:
                for key, _ in both.select():
                    try:
                        data = key.fileobj.recv(65536)
                        if not data:
                            return
                        ends[key.fileobj].sendall(data)
                    except OSError:
                        return


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


server = Server(("127.0.0.1", 0), Handler)
print(f"listening on {server.server_address[1]}", flush=True)
server.serve_forever()
