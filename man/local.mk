# man
dist_man_MANS += man/kbs-pkcs11.7
dist_man_MANS += man/kbs-image.1
dist_man_MANS += man/kbs.1 man/kbs-token.1 man/kbs-pkcs11.json.5
dist_man_MANS += man/kbs-server.1 man/kbs.json.5
dist_man_MANS += man/ocikeywrap.3 man/okw_context_new.3 man/okw_decrypt_layer_unverified.3 man/okw_add_recipients.3 \
	man/okw_layer_is_encrypted.3
# A page for each function: its group's.
okw_context_names = okw_context_free okw_trust_module okw_add_encryption_key okw_add_decryption_key
okw_reader_names = okw_encrypt_layer okw_reader_read okw_reader_other_digest okw_reader_digest okw_reader_annotations okw_reader_free
okw_recipients_names = okw_list_recipients okw_recipient_opens okw_remove_recipient
okw_annotations_names = okw_annotations_clear okw_media_type_encrypted okw_media_type_plain
okw_pages = $(okw_context_names:%=man/%.3) $(okw_reader_names:%=man/%.3) $(okw_recipients_names:%=man/%.3) \
	$(okw_annotations_names:%=man/%.3)
nodist_man_MANS = $(okw_pages)
CLEANFILES += $(okw_pages)
$(okw_context_names:%=man/%.3): okw_group = okw_context_new
$(okw_reader_names:%=man/%.3): okw_group = okw_decrypt_layer_unverified
$(okw_recipients_names:%=man/%.3): okw_group = okw_add_recipients
$(okw_annotations_names:%=man/%.3): okw_group = okw_layer_is_encrypted
$(okw_pages):
	$(AM_V_GEN)$(MKDIR_P) man && echo '.so man3/$(okw_group).3' >$@
dist_man_MANS += man/kbs-verify.1 man/kbs-collateral.1
dist_man_MANS += man/kbs-keyprovider.1
dist_man_MANS += man/kbs-attest.1
