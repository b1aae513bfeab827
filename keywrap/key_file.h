#pragma once
#include "keywrap/token_ref.h"

/* ocicrypt's key file: a YAML mapping
 *   pkcs11: {uri: "pkcs11:token=T;object=L?pin-value=P&module-name=M"}
 *   module: {env: {NAME: value}}
 * The text may hold a PIN: it stays the caller's, in a secret. ERR_PARSE, ERR_LIMIT, ERR_UNSUPPORTED, ERR_IO. */
enum err key_file_parse(struct bytes text, struct token_ref **out, struct errmsg *em) MUST_USE;
