# man
dist_man_MANS += man/kbs-pkcs11.7
dist_man_MANS += man/kbs-image.1
dist_man_MANS += man/kbs.1 man/kbs-token.1 man/kbs-pkcs11.json.5
dist_man_MANS += man/kbs-server.1 man/kbs.json.5
dist_man_MANS += man/ocikeywrap.3
dist_man_MANS += man/kbs-verify.1
dist_man_MANS += man/kbs-keyprovider.1
dist_man_MANS += man/kbs-attest.1
