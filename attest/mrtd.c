#include "attest/mrtd.h"

#include "common/libctx.h"

enum { CHUNK = 256 };

enum err mrtd_begin(struct mrtd *m, struct errmsg *em)
{
	EVP_MD *sha384 = EVP_MD_fetch(libctx(), "SHA384", NULL);
	*m = (struct mrtd){ EVP_MD_CTX_new(), false };
	bool begun = m->md && sha384 && EVP_DigestInit_ex2(m->md, sha384, NULL) == 1;
	EVP_MD_free(sha384);
	return begun ? OK : err_openssl(em, ERR_CRYPTO, "SHA-384");
}

void mrtd_free(struct mrtd *m)
{
	EVP_MD_CTX_free(m->md);
}

static void le64_put(uint8_t *to, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		to[i] = (uint8_t)(value >> (8 * i));
}

void mrtd_add(struct mrtd *m, uint64_t gpa)
{
	uint8_t block[128] = "MEM.PAGE.ADD";
	le64_put(block + 16, gpa);
	if (EVP_DigestUpdate(m->md, block, sizeof block) != 1)
		m->failed = true;
}

void mrtd_extend(struct mrtd *m, uint64_t gpa, struct bytes data)
{
	for (size_t at = 0; at < MRTD_PAGE_LEN; at += CHUNK) {
		uint8_t block[128 + CHUNK] = "MR.EXTEND";
		le64_put(block + 16, gpa + at);
		size_t here = at >= data.len ? 0 : data.len - at;
		if (here)
			memcpy(block + 128, data.data + at, here < CHUNK ? here : CHUNK);
		if (EVP_DigestUpdate(m->md, block, sizeof block) != 1)
			m->failed = true;
	}
}

enum err mrtd_end(struct mrtd *m, uint8_t out[MEASURE_LEN], struct errmsg *em)
{
	if (!m->failed && EVP_DigestFinal_ex(m->md, out, NULL) == 1)
		return OK;
	return err_openssl(em, ERR_CRYPTO, "SHA-384");
}
