#pragma once
#include <stdbool.h>

/* Keeps fork() out of OpenSSL. OpenSSL 3.0 takes process-wide locks for every random number and for every key that is
 * made or freed; a child that is forked while another thread holds one never gets it. So whatever computes is between
 * these two, libcurl's TLS included, and a fork, in any thread, waits until nobody is.
 *
 * They nest. Nothing in between may wait: for a network, a device, or a lock whose holder may come here, which is any
 * but those of secrets, of the log, of OpenSSL and of libcurl. So the libraries that talk to a TPM are outside, with
 * what they compute meanwhile. */
void crypto_gate_enter(void);
void crypto_gate_leave(void);

/* Registers what fork() has to do; once per process, its children included. False without memory: then there must be no
 * computing. Without it, as in the commands, forks do not wait. */
bool crypto_gate_install(void);

/* The module's two halves have a copy of this each, and one gate: two that a thread may be inside of at once could wait
 * for a fork, and the fork for them. */
struct crypto_gate {
	void (*enter)(void);
	void (*leave)(void);
};
const struct crypto_gate *crypto_gate(void);
/* From now on this copy's calls go to that one. Before anybody is inside; always the same one. */
void crypto_gate_share(const struct crypto_gate *gate);
