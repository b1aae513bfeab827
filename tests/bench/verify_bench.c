/* CPU time of verifying evidence of our own making, in one process: a TDX quote with chain, one with collateral, an
 * SNP report; and of predicting the MRTD of 2 MiB of firmware. And how large the verifier is: scripts/bench. */
#include "attest/appraise.h"
#include "attest/measure.h"
#include "tests/support/tee_amd.h"
#include "tests/support/tee_intel.h"

#include <stdio.h>
#include <time.h>

enum { ROUNDS = 100 };

static double cpu_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void report(const char *what, double ms)
{
	printf("%-58s %6.2f ms of CPU, %5.0f a second\n", what, ms / ROUNDS, 1000.0 * ROUNDS / ms);
}

static void affirmed(const struct appraisal *a, enum err e)
{
	if (e == OK && a && a->status == APPRAISAL_AFFIRMING)
		return;
	fprintf(stderr, "verify_bench: not affirmed\n");
	exit(1);
}

static void quotes(bool collateral)
{
	static struct appraisal a;
	struct intel w;
	intel_open(&w, 4, true);
	intel_make(&w);
	struct verifier_input in = { .evidence = buf_bytes(&w.quote), .now = w.now };
	if (collateral)
		in.collateral = buf_bytes(&w.collateral);
	double begin = 0;
	/* The first round fetches algorithms. */
	for (int i = -1; i < ROUNDS; i++) {
		if (i == 0)
			begin = cpu_ms();
		affirmed(&a, appraise_quote(&w.trust, &in, true, &a, NULL));
		appraisal_clear(&a);
	}
	report(collateral ? "TDX quote, chain and collateral (goal: 200 a second)" : "TDX quote and chain (goal: 5 ms)",
	       cpu_ms() - begin);
	intel_close(&w);
}

/* With RSA keys of 2048 bits: AMD's have 4096, and verifying takes about 0.1 ms more for each of the two. */
static void reports(void)
{
	static struct appraisal a;
	struct amd w;
	amd_open(&w, "Genoa", 3);
	amd_make(&w);
	struct bytes cert = buf_bytes(&w.leaf);
	struct verifier_input in = { .evidence = BYTES(w.report), .certs = &cert, .cert_count = 1, .now = w.now };
	double begin = 0;
	for (int i = -1; i < ROUNDS; i++) {
		if (i == 0)
			begin = cpu_ms();
		affirmed(&a, appraise_snp(&w.trust, &in, &a, NULL));
		appraisal_clear(&a);
	}
	report("SEV-SNP report and chain (goal: 3 ms)", cpu_ms() - begin);
	amd_close(&w);
}

/* td-shim's form: one section that is the whole file, added and extended. */
static void firmware(void)
{
	enum { LEN = 2 << 20, DESCRIPTOR = 0x1010 };
	static const uint8_t descriptor[] = {
		0xf3, 0xf9, 0xea, 0xe9, 0x8e, 0x16, 0xd5, 0x44, 0xa8, 0xeb, 0x7f, 0x4d, 0x87, 0x38, 0xf6, 0xae,
		'T',  'D',  'V',  'F',  48,   0,    0,    0,    1,    0,    0,    0,    1,    0,    0,    0,
		0,    0,    0,    0,    0,    0,    0x20, 0,    0,    0,    0xe0, 0xff, 0,    0,    0,    0,
		0,    0,    0x20, 0,    0,    0,    0,    0,    0,    0,    0,    0,    1,    0,    0,    0,
	};
	static uint8_t image[LEN];
	uint8_t value[MEASURE_LEN];
	for (size_t i = 0; i < LEN - 64; i++)
		image[i] = (uint8_t)(i * 2654435761U >> 24);
	memcpy(image + DESCRIPTOR - 16, descriptor, sizeof descriptor);
	image[LEN - 32] = DESCRIPTOR & 0xff;
	image[LEN - 31] = DESCRIPTOR >> 8;
	double begin = 0;
	for (int i = -1; i < ROUNDS; i++) {
		if (i == 0)
			begin = cpu_ms();
		if (measure_tdx(BYTES(image), MEASURE_INTERLEAVED, value, NULL) != OK)
			affirmed(NULL, ERR_INTERNAL);
	}
	report("MRTD of 2 MiB (goal: 60 ms)", cpu_ms() - begin);
}

int main(void)
{
	quotes(false);
	quotes(true);
	reports();
	firmware();
	return 0;
}
