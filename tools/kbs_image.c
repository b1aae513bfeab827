#include "tools/kbs_image.h"

#include "tools/cli.h"
#include "tools/kbs_image_progress.h"
#include "tools/kbs_image_report.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>

static const char help[] =
	"Usage: kbs-image copy [OPTION]... SRC DST\n"
	"       kbs-image inspect [OPTION]... SRC\n"
	"       kbs-image unpack [OPTION]... SRC ROOTFS\n"
	"       kbs-image bundle [OPTION]... SRC DIR\n"
	"       kbs-image mount DIR\n"
	"       kbs-image verify [OPTION]... SRC\n"
	"       kbs-image pull [OPTION]... SRC\n"
	"       kbs-image list | gc [OPTION]...\n"
	"       kbs-image remove [OPTION]... NAME...\n"
	"       kbs-image recipients list [OPTION]... IMAGE\n"
	"       kbs-image recipients add [OPTION]... IMAGE\n"
	"       kbs-image recipients remove [OPTION]... IMAGE [RECIPIENT]...\n"
	"Copies OCI images, encrypts and decrypts their layers on the way, and shows what is in them.\n"
	"\n"
	"Images: oci:DIR:TAG, an image in the OCI layout DIR; oci:DIR, its only one; oci:DIR:@N, its N-th;\n"
	"docker://[HOST[:PORT]/]NAME[:TAG|@DIGEST], an image in a registry. To be read: dir:PATH, skopeo's;\n"
	"oci-archive:PATH[:TAG]; docker-archive:PATH[:NAME[:TAG]|:@N]; store:NAME, what was pulled.\n"
	"\n"
	"copy:\n"
	"  --encryption-key KEY    encrypt for this recipient: jwe:FILE.pem, pkcs7:CERT.pem, pkcs11:FILE.pem,\n"
	"                          pkcs11:FILE.yaml, a PKCS#11 URI, pgp:NAME, provider:NAME[:ARGS], or\n"
	"                          kek:URI, an AES key in a token; may be repeated\n"
	"  --encrypt-layer N       only this layer, from 0, or -1 for the last; may be repeated\n"
	"  --decryption-key KEY    decrypt with this private key: FILE.pem[:pass=P|:file=F|:fd=N], FILE.yaml, a\n"
	"                          PKCS#11 URI, pgp:NAME, or provider:NAME; may be repeated. With --encryption-key: "
	"add the "
	"recipients to\n"
	"                          layers that are encrypted already\n"
	"  -q, --quiet             no progress on stderr\n"
	"unpack: makes the folder ROOTFS of all layers, once every digest, HMAC and diff id held\n"
	"  --decryption-key KEY    as with copy\n"
	"  --unprivileged          all files become yours, devices are left out; what root alone can do is not tried\n"
	"  --layers                each layer in a folder of its own, for overlayfs: kbs-image mount puts them "
	"together\n"
	"  --max-size SIZE         no more than so many bytes, or with K, M, G, T; default 64G\n"
	"bundle: the same as DIR/rootfs, and DIR/config.json, with which runc and crun start it; with --unprivileged "
	"in\n"
	"  a user namespace of yours\n"
	"mount: mounts what unpack or bundle made with --layers onto DIR/rootfs; umount(8) undoes it\n"
	"pull: keeps the image in a store, verified and decrypted; list shows what is there, remove takes a NAME off "
	"its\n"
	"  image, gc frees what no image needs\n"
	"  --decryption-key KEY    as with copy\n"
	"  --store DIR             this store instead of /var/lib/kbs-image or, for others than root,\n"
	"                          ~/.local/share/kbs-image\n"
	"inspect:\n"
	"  --raw                   the manifest as it is\n"
	"verify: asks the policy alone, and says which of its requirements held\n"
	"copy, unpack, bundle, pull and verify obey a policy, containers-policy.json(5):\n"
	"  --policy FILE           this one, a file or a kbs:// URI, instead of $CONTAINERS_POLICY_JSON, else\n"
	"                          ~/.config, /etc or /usr/share/containers/policy.json\n"
	"  --init-data FILE        the one in these init data, which the TEE must have been started with; also where\n"
	"                          the token's configuration names them\n"
	"  --nameless-signatures   sigstore bundles (cosign 3), which name no repository, count by their signer alone\n"
	"  --insecure-policy       none: whatever comes is taken\n"
	"  --registries.d DIR      where it stands where signatures lie, instead of ~/.config/containers/registries.d\n"
	"                          or /etc/containers/registries.d\n"
	"recipients: changes who can open an image of an OCI layout; the layers' bytes stay\n"
	"  add                     --encryption-key: for whom; --decryption-key: what opens the layers now\n"
	"  remove                  RECIPIENT: LAYER.NUMBER, as the list has it, or *.NUMBER; or --decryption-key: "
	"those\n"
	"                          that it opens\n"
	"  list                    with --decryption-key: which of them it opens\n"
	"  --layer N               only this layer, as with --encrypt-layer; may be repeated\n"
	"all:\n"
	"  --override-os OS, --override-arch ARCH, --override-variant VARIANT\n"
	"                          of an index, the image for this platform instead of this machine's\n"
	"  --creds USER:PASSWORD, --authfile FILE, --cert-dir DIR, --tls-verify=false, --registries-conf FILE\n"
	"                          for registries; of copy's two images alone with --src- or --dest- before the name\n"
	"  --format text|json      what stdout gets\n"
	"  --help, --version\n"
	"\n"
	"Encrypt for the owner of a key pair, look at the result, and decrypt it with a local key:\n"
	"  kbs-image copy --encryption-key jwe:public.pem oci:images:app oci:images:app-encrypted\n"
	"  kbs-image inspect oci:images:app-encrypted\n"
	"  kbs-image copy --decryption-key private.pem oci:images:app-encrypted oci:plain:app\n"
	"\n"
	"Decrypt with a key that the Key Broker Service holds, through the token kbs-pkcs11.so:\n"
	"  kbs-image copy --decryption-key \\\n"
	"    'pkcs11:token=kbs;object=default%2Fimage%2Fkey;type=private' \\\n"
	"    oci:images:app-encrypted oci:plain:app\n"
	"\n"
	"Unpack an encrypted image into a root file system:\n"
	"  kbs-image unpack --decryption-key private.pem oci:images:app-encrypted rootfs\n"
	"\n"
	"Exit status: 0 done, 1 internal, 2 command line, 3 configuration, 4 network, 5 not attested or denied,\n"
	"6 not found, 7 integrity, 8 malformed or unsupported, 9 no key fits, 10 file error. See kbs-image(1).\n";

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
	caught = number;
}

bool image_interrupted(void *user)
{
	(void)user;
	return caught != 0;
}

/* So that the copy ends in its own good order and takes away what it wrote. A second signal ends it at once: it may be
 * waiting for a token. */
void image_signals_catch(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART | (int)SA_RESETHAND };
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		struct sigaction before;
		if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
			sigaction(numbers[i], &action, NULL);
	}
	/* A file grown too large is an error as any other, with a message. */
	signal(SIGXFSZ, SIG_IGN);
}

/* Ends as the signal would have ended us, so that shells see it. */
static void signal_again(void)
{
	if (!caught)
		return;
	signal(caught, SIG_DFL);
	raise(caught);
}

/* One `kbs-image copy`. */
struct copying {
	const struct image_options *options;
	struct okw_context *keys;
	struct report report;
};

static int copy_done(const struct image_options *o, const char *digest, struct report *report)
{
	if (!o->json) {
		puts(digest);
		return image_stdout_done();
	}
	AUTO_OF(json_object) *result = report_result(report, digest);
	return result ? image_json_print(result) : cli_fail(ERR_NOMEM, &(struct errmsg){ "no memory" });
}

static enum err copy_run(struct copying *c, char digest[IMAGE_DIGEST_SIZE], struct errmsg *em)
{
	const struct image_options *o = c->options;
	enum err e = image_keys_make(o, &c->keys, em);
	if (e != OK)
		return e;
	const struct image_copy_options how = {
		.keys = c->keys,
		.encrypt = o->encryption.count > 0,
		.decrypt = o->decryption.count > 0,
		.encrypt_layers = o->layers,
		.encrypt_layer_count = o->layer_count,
		.platform = o->platform,
		.source_access = &o->sides.source.access,
		.destination_access = &o->sides.destination.access,
		.progress = report_progress,
		.progress_user = &c->report,
		.interrupted = image_interrupted,
	};
	return image_copy(o->names[0], o->names[1], &how, digest, em);
}

static int copy_command(const struct image_options *o)
{
	if (o->name_count > 2)
		return cli_usage("too many arguments, from \"%s\" on", o->names[2]);
	if (o->name_count < 2)
		return cli_usage("copy wants SRC and DST");
	if (o->layers_named)
		return cli_usage("--layer belongs to recipients; copy has --encrypt-layer");
	if (o->raw)
		return cli_usage("--raw belongs to inspect");
	struct copying c = { .options = o };
	struct errmsg em = { "" };
	char digest[IMAGE_DIGEST_SIZE];
	report_begin(&c.report, o->quiet, o->json);
	image_signals_catch();
	enum err e = copy_run(&c, digest, &em);
	int result = 0;
	if (e == OK)
		result = copy_done(o, digest, &c.report);
	report_end(&c.report);
	if (e != OK)
		result = cli_fail(e, &em);
	okw_context_free(c.keys);
	return result;
}

static int raw_print(const struct image_options *o)
{
	AUTO_BUF
	manifest = { 0 };
	struct errmsg em = { "" };
	const struct image_reading how = { .platform = o->platform, .access = &o->sides.source.access };
	enum err e = image_manifest(o->names[0], &how, &manifest, &em);
	if (e != OK)
		return cli_fail(e, &em);
	fwrite(manifest.data, 1, manifest.len, stdout);
	return image_stdout_done();
}

static int inspect_command(const struct image_options *o)
{
	if (o->name_count > 1)
		return cli_usage("too many arguments, from \"%s\" on", o->names[1]);
	if (o->name_count < 1)
		return cli_usage("inspect wants SRC");
	if (o->encryption.count || o->decryption.count || o->layer_count)
		return cli_usage("keys and layers to encrypt belong to copy");
	if (o->raw)
		return raw_print(o);
	AUTO_OF(json_object) *summary = NULL;
	struct errmsg em = { "" };
	const struct image_reading how = { .platform = o->platform, .access = &o->sides.source.access };
	enum err e = image_inspect(o->names[0], &how, &summary, &em);
	if (e != OK)
		return cli_fail(e, &em);
	if (o->json)
		return image_json_print(summary);
	report_inspect(summary);
	return image_stdout_done();
}

static const struct {
	const char *name;
	int (*run)(const struct image_options *o);
	bool judged; /* obeys a policy */
} commands[] = {
	{ "bundle", bundle_command, true },  { "copy", copy_command, true },
	{ "gc", gc_command, false },         { "inspect", inspect_command, false },
	{ "list", list_command, false },     { "mount", mount_command, false },
	{ "pull", pull_command, true },      { "recipients", recipients_command, false },
	{ "remove", remove_command, false }, { "unpack", unpack_command, true },
	{ "verify", verify_command, true },
};

/* Before anything is fetched. */
static int policy_prepare(struct image_options *o)
{
	struct errmsg em = { "" };
	enum err e = image_init_data_read(o->init_data, &o->sides.source.access, &o->vouched, &em);
	return e == OK ? 0 : cli_fail(e, &em);
}

static int command_run(struct image_options *o)
{
	if (o->help) {
		fputs(help, stdout);
		return image_stdout_done();
	}
	if (!o->command)
		return cli_usage(
			"a command is missing: bundle, copy, gc, inspect, list, mount, pull, recipients, remove, "
			"unpack or verify");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (strcmp(o->command, commands[i].name) != 0)
			continue;
		if (o->init_data && !commands[i].judged)
			return cli_usage("%s asks no policy: --init-data is for copy, unpack, bundle, pull and verify",
					 o->command);
		int result = commands[i].judged ? policy_prepare(o) : 0;
		return result == 0 ? commands[i].run(o) : result;
	}
	return cli_usage("unknown command \"%s\"", o->command);
}

int main(int argc, char **argv)
{
	struct image_options o = { 0 };
	cli_begin("kbs-image", help, argc, argv);
	/* As it is by default, and no more by what was freed before: a layer's window and buffers go back when it is
	 * done, and are not kept for each thread. */
	mallopt(M_MMAP_THRESHOLD, 128 << 10);
	int result = image_options_parse(argc, argv, &o);
	if (result == 0)
		result = command_run(&o);
	image_options_clear(&o);
	signal_again();
	return result;
}
