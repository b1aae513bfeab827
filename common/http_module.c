#include "common/http.h"

/* kbs-pkcs11-http.so: the half of the module that knows libcurl, in an object of its own so that programs which only
 * look at tokens never map libcurl. */
__attribute__((visibility("default"))) const struct http_transport *kbs_pkcs11_http(void);

const struct http_transport *kbs_pkcs11_http(void)
{
	return http_curl();
}
