/* Entries of the configuration, and the table of codes. */
#include "tests/support/check.h"

#include "pkcs11/ckr.h"
#include "pkcs11/entry.h"

static enum err read_text(const char *text, enum entry_origin origin, struct entry_list *list)
{
	AUTO_OF(json_object) *array = NULL;
	if (json_parse(bytes_str(text), 100000, JSON_STRICT, &array, &em) != OK)
		fail_msg("the test's own JSON: %s", em.text);
	struct errmsg first;
	enum err e = entry_list_read(array, origin, list, &first);
	/* The fast reader comes to the same. */
	struct entry_list again;
	check_err(e, entry_list_scan(bytes_str(text), origin, &again, &em));
	if (e != OK)
		assert_string_equal(first.text, em.text);
	assert_int_equal(again.count, list->count);
	for (size_t i = 0; i < again.count; i++)
		assert_true(entry_equal(&again.items[i], &list->items[i]));
	entry_list_clear(&again);
	return e;
}

static void reads_all_members(void **state)
{
	(void)state;
	struct entry_list list;
	check_ok(read_text("[{\"label\":\"k\",\"class\":\"private-key\",\"uri\":\"kbs:///a/b/c\",\"public\":\"/p.pem\","
			   "\"certificate\":\"kbs:///a/b/d\",\"id\":\"0AfF\",\"type\":\"rsa\",\"extractable\":true}]",
			   ENTRY_CONFIGURED, &list));
	assert_int_equal(list.count, 1);
	const struct entry *e = &list.items[0];
	assert_string_equal(e->label, "k");
	assert_int_equal(e->class, CKO_PRIVATE_KEY);
	assert_string_equal(e->uri, "kbs:///a/b/c");
	assert_string_equal(e->public_part, "/p.pem");
	assert_string_equal(e->certificate, "kbs:///a/b/d");
	assert_int_equal(e->id_len, 2);
	assert_int_equal(e->id[0], 0x0a);
	assert_int_equal(e->id[1], 0xff);
	assert_int_equal(e->key_type, CKK_RSA);
	assert_true(e->extractable);
	entry_list_clear(&list);
}

static void an_id_that_is_not_given_is_made_from_the_uri(void **state)
{
	(void)state;
	struct entry_list list;
	check_ok(read_text("[{\"label\":\"a\",\"class\":\"private-key\",\"uri\":\"kbs:///a/b/c\"},"
			   "{\"label\":\"b\",\"class\":\"certificate\",\"uri\":\"kbs:///a/b/c\"},"
			   "{\"label\":\"c\",\"class\":\"data\",\"uri\":\"kbs:///a/b/d\"}]",
			   ENTRY_CONFIGURED, &list));
	uint8_t made[3][ENTRY_ID_MADE];
	struct bytes ids[3];
	for (size_t i = 0; i < 3; i++)
		ids[i] = entry_id(&list.items[i], made[i]);
	assert_int_equal(ids[0].len, 16);
	assert_true(bytes_equal(ids[0], ids[1]));
	assert_false(bytes_equal(ids[0], ids[2]));
	entry_list_clear(&list);
}

static void refuses_entries_that_make_no_sense(void **state)
{
	(void)state;
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "[{\"label\":\"x\",\"class\":\"private-key\",\"uri\":\"kbs:///a/b/c\",\"usage\":[\"sing\"]}]",
		  "usage" },
		{ "[{\"label\":\"x\",\"class\":\"private-key\",\"uri\":\"kbs:///a/b/c\",\"usage\":[]}]", "usage" },
		{ "[{\"label\":\"x\",\"class\":\"private-key\",\"uri\":\"kbs:///a/b/c\",\"usage\":\"sign\"}]",
		  "usage" },
		{ "[{\"label\":\"x\",\"class\":\"private-key\",\"uri\":\"kbs:///a/b/"
		  "c\",\"mechanisms\":[\"CKM_NONE\"]}]",
		  "CKM_NONE" },
		{ "[{\"label\":\"x\",\"class\":\"private-key\",\"uri\":\"kbs:///a/b/c\",\"mechanisms\":[1]}]",
		  "mechanisms" },
		{ "[{\"label\":\"x\",\"class\":\"private-key\",\"uri\":\"kbs:///a/b/"
		  "c\",\"start-date\":\"2026-13-01\"}]",
		  "start-date" },
		{ "[{\"label\":\"x\",\"class\":\"private-key\",\"uri\":\"kbs:///a/b/c\",\"end-date\":\"20261201\"}]",
		  "end-date" },
		{ "[{\"label\":\"x\",\"class\":\"private-key\",\"uri\":\"kbs:///a/b/"
		  "c\",\"start-date\":\"2026-02-01\",\"end-date\":\"2026-01-31\"}]",
		  "end-date" },
		{ "[{\"label\":\"x\",\"class\":\"data\",\"uri\":\"kbs:///a/b/c\",\"usage\":[\"sign\"]}]", "usage" },
		{ "[{\"label\":\"x\",\"class\":\"data\",\"uri\":\"kbs:///a/b/c\",\"start-date\":\"2026-02-01\"}]",
		  "start-date" },
		{ "[{\"label\":\"x\",\"class\":\"data\",\"uri\":\"kbs:///a/b/c\",\"always-authenticate\":true}]",
		  "always-authenticate" },
		{ "[1]", "objects[0]" },
		{ "[{}]", "label" },
		{ "[{\"label\":\"\",\"class\":\"data\",\"uri\":\"kbs:///a/b/c\"}]", "label" },
		{ "[{\"label\":\"x\",\"uri\":\"kbs:///a/b/c\"}]", "class" },
		{ "[{\"label\":\"x\",\"class\":\"key\",\"uri\":\"kbs:///a/b/c\"}]", "class" },
		{ "[{\"label\":\"x\",\"class\":\"data\"}]", "uri" },
		{ "[{\"label\":\"x\",\"class\":\"data\",\"uri\":\"kbs:///a/b\"}]", "uri" },
		{ "[{\"label\":\"x\",\"class\":\"data\",\"uri\":\"http://a/b/c\"}]", "uri" },
		{ "[{\"label\":\"x\",\"class\":\"data\",\"uri\":\"kbs:///a/b/c\",\"typo\":1}]", "typo" },
		{ "[{\"label\":\"x\",\"class\":\"data\",\"uri\":\"kbs:///a/b/c\",\"id\":\"0\"}]", "id" },
		{ "[{\"label\":\"x\",\"class\":\"data\",\"uri\":\"kbs:///a/b/c\",\"id\":\"zz\"}]", "id" },
		{ "[{\"label\":\"x\",\"class\":\"data\",\"uri\":\"kbs:///a/b/c\",\"id\":\"\"}]", "id" },
		{ "[{\"label\":\"x\",\"class\":\"data\",\"uri\":\"kbs:///a/b/c\",\"type\":\"rsa\"}]", "type" },
		{ "[{\"label\":\"x\",\"class\":\"private-key\",\"uri\":\"kbs:///a/b/c\",\"type\":\"aes\"}]", "type" },
		{ "[{\"label\":\"x\",\"class\":\"private-key\",\"uri\":\"kbs:///a/b/c\",\"type\":\"dsa\"}]", "type" },
		{ "[{\"label\":\"x\",\"class\":\"data\",\"uri\":\"kbs:///a/b/c\",\"public\":\"/p\"}]", "public" },
		{ "[{\"label\":\"x\",\"class\":\"data\",\"uri\":\"kbs:///a/b/c\",\"certificate\":\"/p\"}]",
		  "certificate" },
		{ "[{\"label\":\"x\",\"class\":\"private-key\",\"public\":\"/p\"}]", "uri" },
		{ "[{\"label\":\"x\",\"class\":\"private-key\",\"uri\":\"kbs:///a/b/c\",\"certificate\":\"kbs:///a\"}]",
		  "certificate" },
		{ "[{\"label\":\"x\",\"class\":\"private-key\",\"uri\":\"kbs:///a/b/c\",\"extractable\":\"no\"}]",
		  "extractable" },
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct entry_list list;
		check_err(ERR_CONFIG, read_text(bad[i].text, ENTRY_CONFIGURED, &list));
		if (!strstr(em.text, bad[i].says))
			fail_msg("%s: \"%s\" does not name %s", bad[i].text, em.text, bad[i].says);
		assert_null(list.items);
	}
}

static void the_kbs_may_not_name_files(void **state)
{
	(void)state;
	struct entry_list list;
	check_err(ERR_PARSE, read_text("[{\"label\":\"x\",\"class\":\"private-key\",\"uri\":\"kbs:///a/b/c\","
				       "\"public\":\"/etc/passwd\"}]",
				       ENTRY_FROM_KBS, &list));
	check_err(ERR_PARSE, read_text("[{\"label\":\"x\",\"class\":\"certificate\",\"certificate\":\"/etc/passwd\"}]",
				       ENTRY_FROM_KBS, &list));
	check_ok(read_text("[{\"label\":\"x\",\"class\":\"private-key\",\"uri\":\"kbs:///a/b/c\","
			   "\"certificate\":\"kbs:///a/b/d\"}]",
			   ENTRY_FROM_KBS, &list));
	entry_list_clear(&list);
}

static void every_error_has_a_code_for_every_kind_of_call(void **state)
{
	(void)state;
	struct errmsg why = { "" };
	for (int call = 0; call < CKR_CALL_COUNT_; call++) {
		assert_int_equal(ckr_from_err(OK, (enum ckr_call)call, &why), CKR_OK);
		for (int e = OK + 1; e < ERR_COUNT_; e++)
			assert_int_not_equal(ckr_from_err((enum err)e, (enum ckr_call)call, &why), CKR_OK);
	}
	assert_int_equal(ckr_from_err(ERR_DENIED, CKR_CALL_KEY, &why), CKR_USER_NOT_LOGGED_IN);
	assert_int_equal(ckr_from_err(ERR_NET, CKR_CALL_KEY, &why), CKR_DEVICE_ERROR);
	assert_int_equal(ckr_from_err(ERR_NOT_FOUND, CKR_CALL_KEY, &why), CKR_KEY_HANDLE_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_all_members),
		cmocka_unit_test(an_id_that_is_not_given_is_made_from_the_uri),
		cmocka_unit_test(refuses_entries_that_make_no_sense),
		cmocka_unit_test(the_kbs_may_not_name_files),
		cmocka_unit_test(every_error_has_a_code_for_every_kind_of_call),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
