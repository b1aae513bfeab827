#include "common/cleanup.h"
#include "keywrap/ocikeywrap.h"

/* OCI image-spec, "Media types", and ocicrypt's suffix. Types without such a form are not layers of ours. */
static const char *const plain_types[] = {
	"application/vnd.oci.image.layer.v1.tar",
	"application/vnd.oci.image.layer.v1.tar+gzip",
	"application/vnd.oci.image.layer.v1.tar+zstd",
	"application/vnd.oci.image.layer.nondistributable.v1.tar",
	"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
	"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
	"application/vnd.wasm.content.layer.v1+wasm",
};
#define SUFFIX "+encrypted"

char *okw_media_type_encrypted(const char *media_type)
{
	for (size_t i = 0; media_type && i < ARRAY_LEN(plain_types); i++) {
		if (strcmp(plain_types[i], media_type) != 0)
			continue;
		size_t len = strlen(media_type);
		char *text = malloc(len + sizeof(SUFFIX));
		if (text) {
			memcpy(text, media_type, len);
			memcpy(text + len, SUFFIX, sizeof(SUFFIX));
		}
		return text;
	}
	return NULL;
}

char *okw_media_type_plain(const char *media_type)
{
	for (size_t i = 0; media_type && i < ARRAY_LEN(plain_types); i++) {
		size_t len = strlen(plain_types[i]);
		if (strncmp(media_type, plain_types[i], len) == 0 && strcmp(media_type + len, SUFFIX) == 0)
			return strdup(plain_types[i]);
	}
	return NULL;
}
