#pragma once

/* A PKCS#11 caller sees a bare CKR_ code. PKCS #11 3.0, 5.4.5, lets a module offer interfaces of its own: through this
 * one ours says why. C_GetInterface("Vendor kbs-pkcs11 reason", NULL, &interface, 0) gives a token_reason_interface.
 * Whoever knows it may ask right after a call failed, in the same thread; whoever does not misses nothing. */

#define TOKEN_REASON_NAME "Vendor kbs-pkcs11 reason"

struct token_reason {
	unsigned long rv; /* the CKR_ code that was returned; 0: there is no reason to give */
	char word[32]; /* "denied", "not-found", "network", ...: err_name() */
	char text[1024]; /* for people; never a secret */
};

struct token_reason_interface {
	unsigned char major; /* CK_VERSION: 1.0 */
	unsigned char minor;
	/* Takes the reason of this thread's last failure: asked again, there is none. */
	void (*take)(struct token_reason *out);
};
