#include "tests/support/tee_intel.h"

#include "common/json.h"

#include <openssl/core_names.h>
#include <stdio.h>
#include <time.h>

static EVP_PKEY *keys[INTEL_ROLES];

#define ZEROS48 "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
#define SIXTEEN(a) a "," a "," a "," a "," a "," a "," a "," a "," a "," a "," a "," a "," a "," a "," a "," a
#define SVN5 SIXTEEN("{\"svn\":5}")
#define SVN2 SIXTEEN("{\"svn\":2}")

static const char tcb_info_tdx[] =
	"{\"id\":\"TDX\",\"version\":3,\"issueDate\":\"2030-01-01T00:00:00Z\",\"nextUpdate\":\"2030-01-31T00:00:00Z\","
	"\"fmspc\":\"00112233AABB\",\"pceId\":\"0001\",\"tcbType\":0,\"tcbEvaluationDataNumber\":9,"
	"\"tdxModule\":{\"mrsigner\":\"" ZEROS48 "\",\"attributes\":\"0000000000000000\","
	"\"attributesMask\":\"FFFFFFFFFFFFFFFF\"},"
	"\"tdxModuleIdentities\":[{\"id\":\"TDX_01\",\"mrsigner\":\"" ZEROS48 "\",\"attributes\":\"0000000000000000\","
	"\"attributesMask\":\"FFFFFFFFFFFFFFFF\",\"tcbLevels\":["
	"{\"tcb\":{\"isvsvn\":5},\"tcbDate\":\"2029-01-01T00:00:00Z\",\"tcbStatus\":\"UpToDate\"},"
	"{\"tcb\":{\"isvsvn\":2},\"tcbDate\":\"2028-01-01T00:00:00Z\",\"tcbStatus\":\"OutOfDate\"}]}],"
	"\"tcbLevels\":["
	"{\"tcb\":{\"sgxtcbcomponents\":[" SVN5 "],\"pcesvn\":11,\"tdxtcbcomponents\":[" SVN5 "]},"
	"\"tcbDate\":\"2029-01-01T00:00:00Z\",\"tcbStatus\":\"UpToDate\"},"
	"{\"tcb\":{\"sgxtcbcomponents\":[" SVN2 "],\"pcesvn\":5,\"tdxtcbcomponents\":[" SVN2 "]},"
	"\"tcbDate\":\"2028-01-01T00:00:00Z\",\"tcbStatus\":\"OutOfDate\",\"advisoryIDs\":[\"INTEL-SA-00001\"]}]}";

static const char tcb_info_sgx[] =
	"{\"id\":\"SGX\",\"version\":3,\"issueDate\":\"2030-01-01T00:00:00Z\",\"nextUpdate\":\"2030-01-31T00:00:00Z\","
	"\"fmspc\":\"00112233AABB\",\"pceId\":\"0001\",\"tcbType\":0,\"tcbEvaluationDataNumber\":9,\"tcbLevels\":["
	"{\"tcb\":{\"sgxtcbcomponents\":[" SVN5 "],\"pcesvn\":11},\"tcbDate\":\"2029-01-01T00:00:00Z\","
	"\"tcbStatus\":\"UpToDate\"}]}";

/* %s: id */
static const char qe_identity[] =
	"{\"id\":\"%s\",\"version\":2,\"issueDate\":\"2030-01-01T00:00:00Z\",\"nextUpdate\":\"2030-01-31T00:00:00Z\","
	"\"tcbEvaluationDataNumber\":9,\"miscselect\":\"00000000\",\"miscselectMask\":\"FFFFFFFF\","
	"\"attributes\":\"11000000000000000000000000000000\",\"attributesMask\":\"FBFFFFFFFFFFFFFF0000000000000000\","
	"\"mrsigner\":\"ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB\",\"isvprodid\":2,"
	"\"tcbLevels\":[{\"tcb\":{\"isvsvn\":4},\"tcbDate\":\"2029-01-01T00:00:00Z\",\"tcbStatus\":\"UpToDate\"},"
	"{\"tcb\":{\"isvsvn\":1},\"tcbDate\":\"2028-01-01T00:00:00Z\",\"tcbStatus\":\"Revoked\"}]}";

uint8_t *intel_td(struct intel *w, enum td_field field)
{
	return w->body + (td_field(BYTES(w->body), field).data - w->body);
}

uint8_t *intel_sgx(uint8_t *report, enum sgx_field field)
{
	return report + (sgx_field((struct bytes){ report, SGX_REPORT_LEN }, field).data - report);
}

static void platform_set(struct intel *w)
{
	static const uint8_t fmspc[6] = { 0x00, 0x11, 0x22, 0x33, 0xaa, 0xbb };
	static const uint8_t pceid[2] = { 0x00, 0x01 };
	memcpy(w->fmspc, fmspc, 6);
	memcpy(w->pceid, pceid, 2);
	memset(w->components, 5, 16);
	w->pcesvn = 11;
	intel_sgx(w->qe_report, SGX_ATTRIBUTES)[0] = 0x11;
	memset(intel_sgx(w->qe_report, SGX_MR_SIGNER), 0xab, 32);
	intel_sgx(w->qe_report, SGX_ISV_PROD_ID)[0] = 2;
	intel_sgx(w->qe_report, SGX_ISV_SVN)[0] = 4;
	if (w->tdx) {
		memset(intel_td(w, TD_TEE_TCB_SVN), 5, 16);
		intel_td(w, TD_TEE_TCB_SVN)[1] = 1;
		memset(intel_td(w, TD_MR_TD), 0x77, 48);
	} else {
		intel_sgx(w->body, SGX_ATTRIBUTES)[0] = 0x05;
		memset(intel_sgx(w->body, SGX_MR_ENCLAVE), 0x77, 32);
	}
}

void intel_open(struct intel *w, unsigned version, bool tdx)
{
	static const char *const names[4] = { "Test Root CA", "Test PCK Platform CA", "Test PCK Certificate",
					      "Intel SGX TCB Signing" };
	static const enum intel_role signers[4] = { INTEL_ROOT, INTEL_ROOT, INTEL_CA, INTEL_ROOT };
	for (int i = 0; i < INTEL_ROLES; i++)
		if (!keys[i])
			keys[i] = pki_ec("P-256");
	memset(w, 0, sizeof *w);
	memcpy(w->keys, keys, sizeof keys);
	w->version = version;
	w->tdx = tdx;
	w->now = 1893888000 + 432000; /* 2030-01-11 */
	for (int i = 0; i < 4; i++) {
		w->cn[i] = names[i];
		w->signer[i] = signers[i];
		w->ca[i] = i == INTEL_ROOT || i == INTEL_CA;
		w->from[i] = w->now - 1000000;
		w->until[i] = w->now + 1000000;
	}
	for (int i = 0; i < 2; i++) {
		w->crl_signer[i] = i ? INTEL_CA : INTEL_ROOT;
		w->crl_from[i] = w->now - 100000;
		w->crl_until[i] = w->now + 100000;
	}
	w->qe_report_signer = INTEL_PCK;
	w->quote_signer = INTEL_QE;
	w->tcb_info_signer = w->qe_identity_signer = INTEL_TCB;
	platform_set(w);
}

void intel_close(struct intel *w)
{
	free(w->tcb_info);
	free(w->qe_identity);
	buf_clear(&w->root);
	buf_clear(&w->quote);
	buf_clear(&w->collateral);
}

static void texts_make(struct intel *w)
{
	if (!w->tcb_info)
		w->tcb_info = strdup(w->tdx ? tcb_info_tdx : tcb_info_sgx);
	if (!w->qe_identity && asprintf(&w->qe_identity, qe_identity, w->tdx ? "TD_QE" : "QE") < 0)
		abort();
}

void intel_edit(struct intel *w, char **text, const char *from, const char *to)
{
	texts_make(w);
	char *at = strstr(*text, from);
	char *made = NULL;
	if (!at || asprintf(&made, "%.*s%s%s", (int)(at - *text), *text, to, at + strlen(from)) < 0)
		abort();
	free(*text);
	*text = made;
}

/* {OID prefix.arc[.arc], value} */
static void part(struct buf *to, struct bytes arcs, struct bytes value)
{
	static const uint8_t prefix[] = { 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01 };
	AUTO_BUF
	oid = { 0 };
	AUTO_BUF
	pair = { 0 };
	pki_append(&oid, BYTES(prefix));
	pki_append(&oid, arcs);
	pki_der(&pair, 0x06, buf_bytes(&oid));
	pki_append(&pair, value);
	pki_der(to, 0x30, buf_bytes(&pair));
}

static void octets(struct buf *to, uint8_t arc, struct bytes value)
{
	AUTO_BUF
	item = { 0 };
	pki_der(&item, 0x04, value);
	part(to, (struct bytes){ &arc, 1 }, buf_bytes(&item));
}

static void sgx_extension(const struct intel *w, struct buf *to)
{
	AUTO_BUF
	all = { 0 };
	AUTO_BUF
	tcb = { 0 };
	AUTO_BUF
	list = { 0 };
	for (unsigned i = 1; i <= 17; i++) {
		uint8_t arcs[2] = { 2, (uint8_t)i };
		uint8_t svn = i == 17 ? (uint8_t)w->pcesvn : w->components[i - 1];
		AUTO_BUF
		number = { 0 };
		pki_der(&number, 0x02, (struct bytes){ &svn, 1 });
		part(&list, BYTES(arcs), buf_bytes(&number));
	}
	pki_der(&tcb, 0x30, buf_bytes(&list));
	uint8_t ppid[16] = { 1 };
	octets(&all, 1, BYTES(ppid));
	part(&all, (struct bytes){ (const uint8_t[]){ 2 }, 1 }, buf_bytes(&tcb));
	octets(&all, 3, BYTES(w->pceid));
	if (!w->no_fmspc)
		octets(&all, 4, BYTES(w->fmspc));
	pki_der(to, 0x30, buf_bytes(&all));
}

static void cert_make(const struct intel *w, enum intel_role role, struct buf *der)
{
	struct pki_extension extensions[2] = { { "1.2.840.113741.1.13.1", { 0 }, false },
					       { "1.2.3.4.5", { 0 }, true } };
	enum intel_role issuer = role == INTEL_PCK ? INTEL_CA : INTEL_ROOT;
	struct pki_cert c = { w->cn[role],   w->cn[issuer],
			      w->keys[role], w->keys[w->signer[role]],
			      w->ca[role],   1 + (long)role,
			      w->from[role], w->until[role],
			      extensions,    0 };
	if (role == INTEL_PCK) {
		sgx_extension(w, &extensions[0].der);
		pki_der(&extensions[1].der, 0x05, (struct bytes){ NULL, 0 });
		c.extension_count = w->strange_extension ? 2 : 1;
		if (w->no_sgx_extension)
			extensions[0].oid = "1.2.840.113741.1.13.9";
	}
	pki_cert_make(&c, der);
	buf_clear(&extensions[0].der);
	buf_clear(&extensions[1].der);
}

static void chain_make(const struct intel *w, const enum intel_role *roles, size_t count, struct buf *pem)
{
	for (size_t i = 0; i < count; i++) {
		AUTO_BUF
		der = { 0 };
		if (roles[i] == INTEL_ROOT)
			pki_append(&der, buf_bytes(&w->root));
		else
			cert_make(w, roles[i], &der);
		pki_pem("CERTIFICATE", buf_bytes(&der), pem);
	}
}

static void public_point(EVP_PKEY *key, uint8_t out[64])
{
	uint8_t point[65];
	size_t len = 0;
	if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &len) != 1 || len != 65)
		abort();
	memcpy(out, point + 1, 64);
}

static void signature_data(struct intel *w, struct buf *to)
{
	static const enum intel_role roles[] = { INTEL_PCK, INTEL_CA, INTEL_ROOT };
	uint8_t key[64];
	uint8_t raw[64];
	uint8_t bound[64 + 32];
	AUTO_BUF
	pem = { 0 };
	AUTO_BUF
	inner = { 0 };
	public_point(w->keys[INTEL_QE], key);
	pki_sign(w->keys[w->quote_signer], buf_bytes(&w->quote), raw);
	pki_append(to, BYTES(raw));
	pki_append(to, BYTES(key));
	memcpy(bound, key, 64);
	memset(bound + 64, 0xa5, 32); /* authentication data */
	pki_sha256(BYTES(bound), intel_sgx(w->qe_report, SGX_REPORT_DATA));
	memset(intel_sgx(w->qe_report, SGX_REPORT_DATA) + 32, 0, 32);
	if (w->bind_other_key)
		intel_sgx(w->qe_report, SGX_REPORT_DATA)[0] ^= 1;
	pki_sign(w->keys[w->qe_report_signer], BYTES(w->qe_report), raw);
	pki_append(&inner, BYTES(w->qe_report));
	pki_append(&inner, BYTES(raw));
	pki_number(&inner, 32, 2);
	pki_append(&inner, (struct bytes){ bound + 64, 32 });
	chain_make(w, roles, w->chain_short ? 2 : 3, &pem);
	pki_number(&inner, 5, 2);
	pki_number(&inner, pem.len, 4);
	pki_append(&inner, buf_bytes(&pem));
	if (w->version > 3) {
		pki_number(to, 6, 2);
		pki_number(to, inner.len, 4);
	}
	pki_append(to, buf_bytes(&inner));
}

static void quote_make(struct intel *w)
{
	static const uint8_t vendor[16] = { 0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
					    0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07 };
	static const uint8_t user[20] = { 1, 2, 3 };
	size_t body = !w->tdx ? SGX_REPORT_LEN : w->td15 ? TD15_REPORT_LEN : TD10_REPORT_LEN;
	AUTO_BUF
	tail = { 0 };
	buf_clear(&w->quote);
	pki_number(&w->quote, w->version, 2);
	pki_number(&w->quote, 2, 2);
	pki_number(&w->quote, w->tdx ? 0x81 : 0, 4);
	pki_number(&w->quote, 0, 4);
	pki_append(&w->quote, BYTES(vendor));
	pki_append(&w->quote, BYTES(user));
	if (w->version == 5) {
		pki_number(&w->quote, !w->tdx ? 1 : w->td15 ? 3 : 2, 2);
		pki_number(&w->quote, body, 4);
	}
	pki_append(&w->quote, (struct bytes){ w->body, body });
	signature_data(w, &tail);
	pki_number(&w->quote, tail.len, 4);
	pki_append(&w->quote, buf_bytes(&tail));
}

static void put(json_object *to, const char *name, const char *value)
{
	json_object_object_add(to, name, json_object_new_string(value));
}

static void put_crl(const struct intel *w, json_object *to, const char *name, int which)
{
	AUTO_BUF
	der = { 0 };
	struct pki_crl c = { w->cn[which ? INTEL_CA : INTEL_ROOT],
			     w->keys[w->crl_signer[which]],
			     w->crl_from[which],
			     w->crl_until[which],
			     w->revoked[which],
			     w->crl_critical[which] };
	pki_crl_make(&c, &der);
	AUTO_STR
	char *hex = hex_encode(buf_bytes(&der));
	put(to, name, hex);
}

static void put_signed(const struct intel *w, json_object *to, const char *name, const char *text)
{
	bool tcb = strcmp(name, "tcb_info") == 0;
	char other[64];
	uint8_t raw[64];
	AUTO_STR
	char *shown = NULL;
	pki_sign(w->keys[tcb ? w->tcb_info_signer : w->qe_identity_signer], bytes_str(text), raw);
	AUTO_STR
	char *hex = hex_encode(BYTES(raw));
	if (w->wrapped &&
	    asprintf(&shown, "{\"%s\":%s,\"signature\":\"%s\"}", tcb ? "tcbInfo" : "enclaveIdentity", text, hex) < 0)
		abort();
	/* The same JSON to a parser, other bytes to a signature. */
	if (!w->wrapped && asprintf(&shown, "{%s%s", w->other_text ? " " : "", text + 1) < 0)
		abort();
	put(to, name, shown);
	snprintf(other, sizeof other, "%s_signature", name);
	if (!w->wrapped)
		put(to, other, hex);
}

void intel_make(struct intel *w)
{
	static const enum intel_role tcb_roles[] = { INTEL_TCB, INTEL_ROOT };
	AUTO_BUF
	pem = { 0 };
	texts_make(w);
	cert_make(w, INTEL_ROOT, &w->root);
	pki_sha256(buf_bytes(&w->root), w->root_sha256);
	static uint8_t qe_signer[32];
	memset(qe_signer, 0xab, sizeof qe_signer);
	w->trust = (struct trust){ w->root_sha256, qe_signer, qe_signer, NULL, 0 };
	quote_make(w);
	json_object *all = json_object_new_object();
	chain_make(w, tcb_roles, 2, &pem);
	put(all, "tcb_info_issuer_chain", buf_cstr(&pem));
	put(all, "qe_identity_issuer_chain", buf_cstr(&pem));
	put_crl(w, all, "root_ca_crl", 0);
	put_crl(w, all, "pck_crl", 1);
	put_signed(w, all, "tcb_info", w->tcb_info);
	put_signed(w, all, "qe_identity", w->qe_identity);
	AUTO_STR
	char *text = json_text(all);
	buf_clear(&w->collateral);
	pki_append(&w->collateral, bytes_str(text));
	json_object_put(all);
}

void intel_requote(struct intel *w)
{
	quote_make(w);
}

static void date_text(int64_t when, char to[32])
{
	time_t t = (time_t)when;
	struct tm tm;
	gmtime_r(&t, &tm);
	strftime(to, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

void intel_today(struct intel *w, int64_t now)
{
	char text[32];
	char **const texts[] = { &w->tcb_info, &w->qe_identity };
	for (int i = 0; i < 4; i++) {
		w->from[i] += now - w->now;
		w->until[i] += now - w->now;
	}
	for (int i = 0; i < 2; i++) {
		w->crl_from[i] += now - w->now;
		w->crl_until[i] += now - w->now;
		date_text(now - 432000, text);
		intel_edit(w, texts[i], "2030-01-01T00:00:00Z", text);
		date_text(now + 1728000, text);
		intel_edit(w, texts[i], "2030-01-31T00:00:00Z", text);
	}
	w->now = now;
}
