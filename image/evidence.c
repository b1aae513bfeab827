#include "image/evidence.h"

#include "image/lookaside.h"
#include "image/signature_cosign.h"

void evidence_clear(struct evidence *ev)
{
	image_signatures_clear(&ev->stored);
	cosign_list_free(ev->cosign);
}

enum err evidence_stored(struct evidence *ev, struct errmsg *em)
{
	struct image_source *s = ev->source;
	enum err e = OK;
	if (ev->has_stored)
		return OK;
	if (s->ops->signatures)
		e = s->ops->signatures(s, ev->raw->digest, &ev->stored, em);
	if (e == OK && !ev->stored.alone && strcmp(s->identity.transport, "docker") == 0)
		e = lookaside_read(&s->identity, ev->raw->digest, ev->access, &ev->stored, em);
	ev->has_stored = e == OK;
	return e == OK ? OK : err_wrap(em, e, "the image's signatures");
}
