#!/usr/bin/env python3
"""Intel's Provisioning Certification Service, made from a bundle of collateral: pcs_double.py BUNDLE.json
Prints "listening on PORT", then each request line."""
import http.server
import json
import sys
import urllib.parse

bundle = json.load(open(sys.argv[1]))


def chain(name):
    return urllib.parse.quote(bundle[name])


class Service(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, body, header=None, name=None):
        self.send_response(200)
        if header:
            self.send_header(header, chain(name))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        print(self.path, flush=True)
        path = self.path.split("?")[0]
        if path == "/tdx/certification/v4/tcb":
            text = '{"tcbInfo":' + bundle["tcb_info"] + ',"signature":"' + bundle["tcb_info_signature"] + '"}'
            self.answer(text.encode(), "TCB-Info-Issuer-Chain", "tcb_info_issuer_chain")
        elif path == "/tdx/certification/v4/qe/identity":
            text = '{"enclaveIdentity":' + bundle["qe_identity"] + ',"signature":"' + bundle["qe_identity_signature"] + '"}'
            self.answer(text.encode(), "SGX-Enclave-Identity-Issuer-Chain", "qe_identity_issuer_chain")
        elif path == "/sgx/certification/v4/pckcrl":
            self.answer(bytes.fromhex(bundle["pck_crl"]), "SGX-PCK-CRL-Issuer-Chain", "pck_crl_issuer_chain")
        elif path == "/root.der":
            self.answer(bytes.fromhex(bundle["root_ca_crl"]))
        else:
            self.send_error(404)


server = http.server.HTTPServer(("127.0.0.1", 0), Service)
print("listening on %d" % server.server_port, flush=True)
server.serve_forever()
