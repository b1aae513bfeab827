# pkcs11
