# docs: installed beside the example of the configuration.
dist_doc_DATA = README.md docs/threat-model.md docs/kbs-pkcs11.json.example
