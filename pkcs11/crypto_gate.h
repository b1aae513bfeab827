#pragma once
#include <stdbool.h>

/* Keeps fork() out of OpenSSL. OpenSSL 3.0 takes process-wide locks for every random number; a child that is forked
 * while another thread holds one never gets it. So whatever computes is between these two, and a fork, in any thread,
 * waits until nobody is. They do not nest, and nothing in between may block on the network. So a fetch is outside, with
 * the random numbers of its TLS: a child forked in the middle of one of those hangs at its own first. */
void crypto_gate_enter(void);
void crypto_gate_leave(void);

/* Registers what fork() has to do; once per process, its children included. False without memory: then there must be no
 * computing. */
bool crypto_gate_install(void);
