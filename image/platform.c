#include "image/platform.h"

#include <stdio.h>
#include <sys/utsname.h>

struct machine {
	const char *uname;
	const char *architecture;
	const char *variant;
};

static const struct machine machines[] = {
	{ "x86_64", "amd64", NULL }, { "aarch64", "arm64", "v8" },   { "armv8l", "arm", "v8" },
	{ "armv7l", "arm", "v7" },   { "armv6l", "arm", "v6" },      { "armv5tel", "arm", "v5" },
	{ "i686", "386", NULL },     { "i586", "386", NULL },        { "ppc64le", "ppc64le", NULL },
	{ "s390x", "s390x", NULL },  { "riscv64", "riscv64", NULL }, { "loongarch64", "loong64", NULL },
};

static const struct machine *machine_here(void)
{
	static const struct machine unknown = { "", "unknown", NULL };
	struct utsname name;
	if (uname(&name) != 0)
		return &unknown;
	for (size_t i = 0; i < ARRAY_LEN(machines); i++)
		if (strcmp(machines[i].uname, name.machine) == 0)
			return &machines[i];
	return &unknown;
}

struct image_platform platform_resolve(const struct image_platform *asked)
{
	const struct machine *here = machine_here();
	struct image_platform p = *asked;
	if (!p.os)
		p.os = "linux";
	if (!p.variant && !p.architecture)
		p.variant = here->variant;
	if (!p.architecture)
		p.architecture = here->architecture;
	return p;
}

void platform_text(const struct image_platform *p, char text[PLATFORM_TEXT_SIZE])
{
	snprintf(text, PLATFORM_TEXT_SIZE, "%s/%s%s%s", p->os, p->architecture, p->variant ? "/" : "",
		 p->variant ? p->variant : "");
	for (char *c = text; *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
}

/* 0 where it does not fit; an exact variant before none, none before an older one of arm, which newer machines run. */
static int variant_score(const char *architecture, const char *want, const char *variant)
{
	if (!variant || !*variant)
		return 50;
	if (!want)
		return 1;
	if (strcmp(variant, want) == 0)
		return 100;
	bool ordered = strcmp(architecture, "arm") == 0 && want[0] == 'v' && variant[0] == 'v' && strlen(want) == 2 &&
		       strlen(variant) == 2;
	return ordered && variant[1] >= '1' && variant[1] < want[1] ? variant[1] - '0' : 0;
}

enum err platform_match(json_object *descriptor, const struct image_platform *want, int *score, struct errmsg *em)
{
	json_object *platform = NULL;
	const char *os = "";
	const char *architecture = "";
	const char *variant = NULL;
	*score = 0;
	enum err e = json_get_object_opt(descriptor, "platform", &platform, em);
	if (e != OK || !platform)
		return e;
	e = json_get_string_opt(platform, "os", &os, em);
	if (e == OK)
		e = json_get_string_opt(platform, "architecture", &architecture, em);
	if (e == OK)
		e = json_get_string_opt(platform, "variant", &variant, em);
	if (e != OK)
		return err_wrap(em, e, "platform");
	if (strcmp(os, want->os) == 0 && strcmp(architecture, want->architecture) == 0)
		*score = variant_score(architecture, want->variant, variant);
	return OK;
}
