#pragma once
#include "tools/kbs_image_options.h"

/* What the commands of kbs-image share. */

/* The keys of the command line; *out stays NULL where there are none. The caller's. */
enum err image_keys_make(const struct image_options *o, struct okw_context **out, struct errmsg *em) MUST_USE;
/* To stdout; the exit code. */
int image_json_print(json_object *obj);
int image_stdout_done(void);

/* So that what is under way ends in its own good order. */
void image_signals_catch(void);
/* Whether a signal has come: image_copy_options.interrupted. */
bool image_interrupted(void *user);

int verify_command(const struct image_options *o);
int unpack_command(const struct image_options *o);
int mount_command(const struct image_options *o);
int bundle_command(const struct image_options *o);
int pull_command(const struct image_options *o);
int list_command(const struct image_options *o);
int remove_command(const struct image_options *o);
int gc_command(const struct image_options *o);
int recipients_command(const struct image_options *o);
