#pragma once
/* A SoftHSM token in a folder of its own, for the tests of keywrap. Keys NAME.key, NAME.pub and key files NAME.yaml:
 * rsa3072, rsa2048, p256, p384; key files that do not work: wrong, nokey, several, notoken, nopin. */
#include "tests/unit/keywrap/layers.h"

#define SOFTHSM_PIN "7531 pin"
#define SOFTHSM_PIN_URI "7531%20pin"

extern const char *softhsm_module; /* NULL: there is none here */

int softhsm_make(void **state);
int softhsm_remove(void **state);
void softhsm_need(void); /* skips the test where there is none */

/* Makes a certificate for NAME.key: "pkcs7:.../NAME.crt", malloc'd. */
char *softhsm_certificate(const char *name);

/* An AES key made in the token, with a key file NAME.yaml. */
enum softhsm_usage { SOFTHSM_CRYPTS = 1, SOFTHSM_WRAPS = 2 };
void softhsm_aes(const char *name, unsigned long bytes, unsigned usage);
/* A private data object. */
void softhsm_data(const char *name, const char *text);

/* A file in the folder: malloc'd. */
char *softhsm_path(const char *name);
void softhsm_write(const char *name, const char *text);
