# attest: evidence taken (libattester) and verified (libverifier). The guest links the first, a relying party the second.
noinst_LTLIBRARIES += libattest.la libattester.la libverifier.la
# What both know: how evidence is laid out.
libattest_la_SOURCES = attest/attest.c attest/attest.h attest/cursor.h \
	attest/cert_table_walk.c attest/cert_table_walk.h \
	attest/init_data.c attest/init_data_files.c \
	attest/quote.c attest/quote.h \
	attest/snp_member.c attest/snp_member.h attest/snp_report.c attest/snp_report.h
libattester_la_SOURCES = attest/attester.c attest/attester.h attest/attester_row.h attest/attester_carried.c \
	attest/attester_cca.c attest/attester_sample.c attest/attester_sgx.c attest/attester_snp.c attest/attester_tdx.c \
	attest/attester_tpm.c \
	attest/cca_token.c attest/cca_token.h \
	attest/guest_device.c attest/guest_device.h \
	attest/snp_evidence.c attest/snp_evidence.h \
	attest/tpm_guest.c attest/tpm_guest.h attest/tpm_library.c attest/tpm_library.h \
	attest/tsm_attester.c attest/tsm_attester.h attest/tsm_report.c attest/tsm_report.h
libattester_la_LIBADD = libattest.la
libverifier_la_SOURCES = \
	attest/appraisal.c attest/appraisal.h attest/appraisal_record.h \
	attest/appraise.c attest/appraise.h \
	attest/cert.c attest/cert.h attest/cert_table.c attest/cert_table.h \
	attest/collateral.c attest/collateral.h \
	attest/ear.c \
	attest/event_log.c attest/event_log.h \
	attest/pck.c attest/pck.h \
	attest/quote_appraise.c attest/quote_appraise.h attest/quote_tcb.c \
	attest/reference.c attest/reference.h \
	attest/snp_appraise.c attest/snp_json.c \
	attest/tcb.c attest/tcb.h \
	attest/tpm_appraise.c attest/tpm_attest.c attest/tpm_attest.h \
	attest/trust.c attest/trust.h \
	attest/verifier.c attest/verifier.h attest/verifier_row.h \
	attest/verifier_sample.c attest/verifier_sgx.c attest/verifier_tdx.c attest/verifier_tpm.c
libverifier_la_LIBADD = libattest.la
# After whatever CFLAGS the builder gave.
$(libverifier_la_OBJECTS): CFLAGS += $(SMALL_CFLAGS)
$(libattest_la_OBJECTS): CFLAGS += $(COLD_CFLAGS)

# AMD's certificates (ASK, ARK, ASVK of each product, as AMD's key distribution service gives them), as arrays of DER.
amd_roots = attest/roots/amd-milan.decl attest/roots/amd-genoa.decl attest/roots/amd-turin.decl
EXTRA_DIST += attest/roots/amd-milan.pem attest/roots/amd-genoa.pem attest/roots/amd-turin.pem
CLEANFILES += $(amd_roots)
SUFFIXES = .pem .decl
.pem.decl:
	$(AM_V_GEN)$(MKDIR_P) $(@D) && { echo "static const uint8_t der_$(*F)[] = {" | tr - _; \
		awk '/^-----BEGIN/ { text = ""; next } /^-----END/ { print text; next } { text = text $$0 }' $< | \
		while read -r text; do printf %s "$$text" | base64 -d; done | od -An -v -tx1 | sed 's/ \(..\)/0x\1,/g'; \
		echo '};'; } >$@.tmp && mv $@.tmp $@
attest/trust.lo attest/trust.o: $(amd_roots)

# Reference values: what a TEE will measure.
noinst_LTLIBRARIES += libmeasure.la
libmeasure_la_SOURCES = \
	attest/firmware.c attest/firmware.h \
	attest/igvm.c attest/igvm.h \
	attest/launch.c attest/launch.h \
	attest/measure.h attest/measure_igvm.c attest/measure_igvm.h attest/measure_snp.c attest/measure_tdx.c \
	attest/mrtd.c attest/mrtd.h \
	attest/vmsa.c attest/vmsa.h
libmeasure_la_LIBADD = $(ZLIB_LIBS)

# What is published of them. kbs-attest alone, since it takes libcbor; the clock's texts are libverifier's.
noinst_LTLIBRARIES += libreferences.la
libreferences_la_SOURCES = \
	attest/cbor_codec.c attest/cbor_codec.h attest/cose_sign1.c attest/cose_sign1.h \
	attest/references.c attest/references.h \
	attest/references_corim.c attest/references_foreign.c attest/references_form.h attest/references_json.c
libreferences_la_LIBADD = $(CBOR_LIBS)

# Init data, packed for delivery: the commands alone, since it takes zlib.
noinst_LTLIBRARIES += libinit_delivery.la
libinit_delivery_la_SOURCES = attest/init_data_compose.c attest/init_data_delivery.c attest/init_data_delivery.h
libinit_delivery_la_LIBADD = libattest.la $(ZLIB_LIBS)

# It waits for networks and firmware: small is worth more than fast.
$(libattester_la_OBJECTS): CFLAGS += $(COLD_CFLAGS)
