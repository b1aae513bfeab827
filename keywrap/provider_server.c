#define _GNU_SOURCE 1
#include "keywrap/provider_server.h"

#include "common/libctx.h"
#include "keywrap/coco_packet.h"
#include "keywrap/layer_options.h"
#include "keywrap/provider_message.h"

#include <openssl/rand.h>
#include <stdatomic.h>

#define ARGUMENTS_MAX 2048

struct provider_server {
	struct token_pool *tokens;
	char *token;
	char *name;
	int packet_version;
	atomic_bool pin_refused; /* tokens lock after a few wrong ones */
};

void provider_server_free(struct provider_server *server)
{
	if (!server)
		return;
	token_pool_free(server->tokens);
	free(server->token);
	free(server->name);
	free(server);
}

static enum err token_check(const char *uri, struct errmsg *em)
{
	AUTO(token_ref) *ref = NULL;
	if (!token_ref_is_uri(uri))
		return err_set(em, ERR_ARG, "the token is not named by a PKCS#11 URI");
	enum err e = token_ref_parse(uri, &ref, em);
	if (e != OK)
		return e;
	if (p11_kit_uri_get_attribute(ref->uri, CKA_LABEL) || p11_kit_uri_get_attribute(ref->uri, CKA_ID))
		return err_set(em, ERR_ARG, "%s names an object: requests do", ref->label);
	return OK;
}

static enum err module_trust(struct provider_server *server, const char *path, struct errmsg *em)
{
	AUTO_STR
	char *real = realpath(path, NULL);
	if (!real)
		return err_errno(em, ERR_NOT_FOUND, "the module %s", path);
	return token_pool_trust(server->tokens, real, em);
}

enum err provider_server_new(const struct provider_server_options *options, struct provider_server **out,
			     struct errmsg *em)
{
	AUTO(provider_server) *server = calloc(1, sizeof(*server));
	const char *token = options->token ? options->token : "pkcs11:";
	if (!server || !(server->token = strdup(token)) || (options->name && !(server->name = strdup(options->name))))
		return err_nomem(em, "a key provider");
	server->packet_version = options->packet_version;
	enum err e = token_check(token, em);
	if (e == OK)
		e = token_pool_new(&server->tokens, em);
	if (e == OK && options->module)
		e = module_trust(server, options->module, em);
	if (e == OK)
		*out = steal(&server);
	return e;
}

/* The token's URI with the key's name as the object's label. */
static enum err kek_ref(struct provider_server *server, const char *kid, struct token_ref **out, struct errmsg *em)
{
	AUTO(token_ref) *ref = NULL;
	enum err e = token_ref_parse(server->token, &ref, em);
	if (e != OK)
		return e;
	CK_ATTRIBUTE label = { CKA_LABEL, (char *)kid, strlen(kid) };
	if (p11_kit_uri_set_attribute(ref->uri, &label) != P11_KIT_URI_OK)
		return err_nomem(em, "a PKCS#11 URI");
	ref->pin_refused = atomic_load(&server->pin_refused);
	*out = steal(&ref);
	return OK;
}

static enum err kek_work_do(struct provider_server *server, const char *kid, const struct kek_work *work,
			    struct secret **out, struct errmsg *em)
{
	AUTO(token_ref) *ref = NULL;
	enum err e = kek_ref(server, kid, &ref, em);
	if (e != OK)
		return e;
	e = token_kek_do(server->tokens, ref, work, out, em);
	if (ref->pin_refused)
		atomic_store(&server->pin_refused, true);
	return e == OK ? OK : err_wrap(em, e, "%s", kid);
}

/* "KEY=VALUE" of "KEY=VALUE::KEY=VALUE". */
static enum err argument_take(const char *text, struct coco_packet *packet, struct errmsg *em)
{
	if (strncmp(text, "keyid=", 6) == 0)
		return coco_kid_parse(text + 6, packet->kid, em);
	if (strncmp(text, "algorithm=", 10) == 0) {
		enum err e = coco_cipher_parse(text + 10, &packet->cipher, em);
		return e == OK ? OK : err_wrap(em, e, "algorithm=");
	}
	/* Of Confidential Containers' own provider: keys out of a file, and one that everybody knows. */
	if (strncmp(text, "keypath=", 8) == 0 || strncmp(text, "sample=", 7) == 0)
		return err_set(em, ERR_UNSUPPORTED, "keypath= and sample=: keys are in the token only");
	return err_set(em, ERR_ARG, "an argument is neither keyid=kbs:///... nor algorithm=A256GCM|A256CTR");
}

/* "kbs:///a/b/c", or "keyid=kbs:///a/b/c::algorithm=A256GCM" as Confidential Containers have it. */
static enum err arguments_read(const struct secret *args, struct coco_packet *packet, struct errmsg *em)
{
	char text[ARGUMENTS_MAX];
	struct bytes given = secret_bytes(args);
	if (given.len >= sizeof(text) || (given.len && memchr(given.data, '\0', given.len)))
		return err_set(em, ERR_ARG, "arguments that are too long, or no text");
	if (given.len)
		memcpy(text, given.data, given.len);
	text[given.len] = '\0';
	if (!strchr(text, '=')) {
		if (!strchr(text, '/'))
			return err_set(em, ERR_ARG,
				       "no key is named: provider:NAME:kbs:///repository/type/tag, or "
				       "provider:NAME:keyid=kbs:///repository/type/tag::algorithm=A256GCM");
		return coco_kid_parse(text, packet->kid, em);
	}
	enum err e = OK;
	for (char *at = text; e == OK && at;) {
		char *next = strstr(at, "::");
		if (next)
			*next = '\0';
		e = argument_take(at, packet, em);
		at = next ? next + 2 : NULL;
	}
	if (e == OK && !packet->kid[0])
		e = err_set(em, ERR_ARG, "keyid= is missing");
	return e;
}

static enum err request_wrap(struct provider_server *server, const struct provider_request *request,
			     struct secret **out, struct errmsg *em)
{
	AUTO_COCO_PACKET packet = { .cipher = KEK_GCM };
	AUTO(secret) *wrapped = NULL;
	AUTO_BUF
	text = { 0 };
	enum err e = arguments_read(request->args, &packet, em);
	if (e != OK)
		return e;
	/* Never the same twice for one key: GCM and CTR would lay it open. */
	if (RAND_bytes_ex(libctx(), packet.iv, kek_iv_len(packet.cipher), 128) != 1)
		return err_openssl(em, ERR_CRYPTO, "no random numbers for an IV");
	const struct kek_work work = { true, packet.cipher, packet.iv, secret_bytes(request->what) };
	e = kek_work_do(server, packet.kid, &work, &wrapped, em);
	if (e == OK)
		e = buf_append(&packet.wrapped, secret_bytes(wrapped), 0, em);
	if (e == OK)
		e = coco_packet_write(&packet, server->packet_version, &text, em);
	return e == OK ? provider_answer_write(PROVIDER_WRAP, buf_bytes(&text), out, em) : e;
}

static enum err request_unwrap(struct provider_server *server, const struct provider_request *request,
			       struct secret **out, struct errmsg *em)
{
	AUTO_COCO_PACKET packet = { .cipher = KEK_GCM };
	AUTO(secret) *plain = NULL;
	enum err e = coco_packet_parse(secret_bytes(request->what), &packet, em);
	if (e != OK)
		return e;
	const struct kek_work work = { false, packet.cipher, packet.iv, buf_bytes(&packet.wrapped) };
	e = kek_work_do(server, packet.kid, &work, &plain, em);
	if (e != OK)
		return e;
	/* CTR has no tag; and nobody shall decrypt other things with a key of the token by way of an annotation. */
	struct errmsg why = { "" };
	if (privopts_check(plain, &why) != OK)
		return err_set(em, ERR_KEY, "%s: what it unwraps is no layer's options: wrong key?", packet.kid);
	return provider_answer_write(PROVIDER_UNWRAP, secret_bytes(plain), out, em);
}

enum err provider_server_answer(struct provider_server *server, struct bytes text, struct secret **answer,
				struct errmsg *em)
{
	AUTO_PROVIDER_REQUEST request = { .op = PROVIDER_WRAP };
	enum err e = provider_request_read(text, server->name, &request, em);
	if (e != OK)
		return e;
	return request.op == PROVIDER_WRAP ? request_wrap(server, &request, answer, em)
					   : request_unwrap(server, &request, answer, em);
}
