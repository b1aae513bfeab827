# docs: installed beside the example of the configuration.
dist_doc_DATA = README.md docs/threat-model.md docs/kbs-pkcs11.json.example

# Drop-in configuration of OpenSSL; the module's folder is known only to make.
examplesdir = $(docdir)/examples
nodist_examples_DATA = docs/examples/openssl-engine.cnf docs/examples/openssl-provider.cnf
EXTRA_DIST += docs/bench.svg docs/examples/openssl-engine.cnf.in docs/examples/openssl-provider.cnf.in
CLEANFILES += $(nodist_examples_DATA)
$(nodist_examples_DATA): %: %.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && sed -e 's,@pkcs11dir[@],$(pkcs11dir),' -e 's,@docdir[@],$(examplesdir),' $(srcdir)/$@.in >$@

# One for each way to reach a key provider.
dist_examples_DATA = docs/examples/ocicrypt_keyprovider_cmd.conf docs/examples/ocicrypt_keyprovider_grpc.conf \
	docs/examples/ocicrypt_keyprovider_grpc_tls.conf docs/examples/ocicrypt_keyprovider_ttrpc.conf
