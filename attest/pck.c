#include "attest/pck.h"

#include "common/der.h"

#define SGX_EXTENSION "1.2.840.113741.1.13.1"

/* The same in DER contents; each part adds one arc, each part of the TCB two. */
static const uint8_t prefix[] = { 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01 };

enum { PART_TCB = 2, PART_PCEID = 3, PART_FMSPC = 4, TCB_PCESVN = 17 };

/* One {OID, value}; `oid` is what follows the prefix. */
struct part {
	struct bytes oid;
	struct bytes value; /* with its tag */
};

static bool part_next(struct bytes *rest, struct part *out)
{
	struct bytes pair;
	struct bytes oid;
	struct der_item item;
	if (!der_expect(rest, DER_SEQUENCE, &pair) || !der_expect(&pair, DER_OID, &oid))
		return false;
	if (oid.len <= sizeof prefix || memcmp(oid.data, prefix, sizeof prefix) != 0)
		return false;
	out->oid = (struct bytes){ oid.data + sizeof prefix, oid.len - sizeof prefix };
	out->value = pair;
	return der_read(&pair, &item) && pair.len == 0;
}

static bool read_number(struct bytes value, unsigned max, unsigned *out)
{
	struct bytes number;
	if (!der_unsigned(&value, &number) || number.len > 2)
		return false;
	*out = 0;
	for (size_t i = 0; i < number.len; i++)
		*out = *out << 8 | number.data[i];
	return *out <= max;
}

static bool read_octets(struct bytes value, uint8_t *to, size_t len)
{
	struct bytes body;
	if (!der_expect(&value, DER_OCTET_STRING, &body) || body.len != len)
		return false;
	memcpy(to, body.data, len);
	return true;
}

/* Bits of what was seen, so that each part counts once. */
static bool once(uint32_t *seen, unsigned bit)
{
	bool first = !(*seen & 1U << bit);
	*seen |= 1U << bit;
	return first;
}

static bool read_tcb(struct bytes value, struct pck *out)
{
	struct bytes list;
	uint32_t seen = 0;
	if (!der_expect(&value, DER_SEQUENCE, &list))
		return false;
	while (list.len > 0) {
		struct part part;
		unsigned svn = 0;
		if (!part_next(&list, &part) || part.oid.len != 2 || part.oid.data[0] != PART_TCB)
			return false;
		unsigned arc = part.oid.data[1];
		if (arc < 1 || arc > TCB_PCESVN)
			continue; /* .18, CPUSVN: the same numbers in another form */
		if (!once(&seen, arc) || !read_number(part.value, arc == TCB_PCESVN ? 65535 : 255, &svn))
			return false;
		if (arc == TCB_PCESVN)
			out->pcesvn = svn;
		else
			out->components[arc - 1] = (uint8_t)svn;
	}
	return seen == 0x3fffe;
}

static bool read_part(const struct part *part, uint32_t *seen, struct pck *out)
{
	if (part->oid.len != 1)
		return false;
	unsigned arc = part->oid.data[0];
	if (arc < PART_TCB || arc > PART_FMSPC)
		return true;
	if (!once(seen, arc))
		return false;
	if (arc == PART_TCB)
		return read_tcb(part->value, out);
	return arc == PART_PCEID ? read_octets(part->value, out->pceid, sizeof out->pceid)
				 : read_octets(part->value, out->fmspc, sizeof out->fmspc);
}

enum err pck_extension_read(struct bytes extension, struct pck *out, struct errmsg *em)
{
	struct bytes parts;
	uint32_t seen = 0;
	*out = (struct pck){ .pcesvn = 0 };
	if (!der_expect(&extension, DER_SEQUENCE, &parts) || extension.len > 0)
		return err_set(em, ERR_PARSE, "the PCK certificate's SGX extension is no sequence");
	while (parts.len > 0) {
		struct part part;
		if (!part_next(&parts, &part) || !read_part(&part, &seen, out))
			return err_set(em, ERR_PARSE, "the PCK certificate's SGX extension is malformed");
	}
	if (seen != (1U << PART_TCB | 1U << PART_PCEID | 1U << PART_FMSPC))
		return err_set(em, ERR_PARSE, "the PCK certificate lacks TCB, PCEID or FMSPC");
	return OK;
}

enum err pck_read(X509 *leaf, struct pck *out, struct errmsg *em)
{
	struct bytes extension = cert_extension(leaf, SGX_EXTENSION);
	if (!extension.len)
		return err_set(em, ERR_PARSE, "the PCK certificate has no SGX extension");
	return pck_extension_read(extension, out, em);
}
