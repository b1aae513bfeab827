#include "image/layer_keys.h"

#include "common/thread.h"

struct layer_keys {
	const struct manifest *manifest;
	struct okw_context *keys;
	pthread_t thread;
	bool runs;
	pthread_mutex_t lock; /* guards what follows; never held while a key is unwrapped */
	pthread_cond_t changed;
	struct layer_pipe **pipes; /* one a layer */
	size_t done; /* layers that were looked at */
	bool stop;
	enum err failed; /* the layer `done` */
	struct errmsg em;
};

static bool encrypted(const struct layer_keys *k, size_t n)
{
	return media_type_is_encrypted(k->manifest->layers[n].media_type);
}

static enum err unwrap(const struct layer_keys *k, size_t n, struct layer_pipe **out, struct errmsg *em)
{
	return layer_pipe_decrypt(k->keys, &k->manifest->layers[n], out, em);
}

static void *keys_run(void *argument)
{
	struct layer_keys *k = argument;
	bool go_on = true;
	for (size_t n = 0; n < k->manifest->layer_count && go_on; n++) {
		struct errmsg em = { "" };
		struct layer_pipe *pipe = NULL;
		enum err e = encrypted(k, n) ? unwrap(k, n, &pipe, &em) : OK;
		pthread_mutex_lock(&k->lock);
		k->pipes[n] = pipe;
		k->done += e == OK;
		k->failed = e;
		k->em = em;
		go_on = e == OK && !k->stop;
		pthread_cond_broadcast(&k->changed);
		pthread_mutex_unlock(&k->lock);
	}
	return NULL;
}

enum err layer_keys_take(struct layer_keys *k, size_t n, struct layer_pipe **out, struct errmsg *em)
{
	enum err e = OK;
	pthread_mutex_lock(&k->lock);
	while (k->done <= n && !(k->failed != OK && k->done == n) && !k->stop)
		pthread_cond_wait(&k->changed, &k->lock);
	*out = steal(&k->pipes[n]);
	if (k->failed != OK && k->done == n)
		e = err_set(em, k->failed, "%s", k->em.text);
	else if (!*out && k->stop)
		e = err_set(em, ERR_IO, "interrupted");
	pthread_mutex_unlock(&k->lock);
	return e == OK && !*out ? unwrap(k, n, out, em) : e;
}

void layer_keys_stop(struct layer_keys *k)
{
	pthread_mutex_lock(&k->lock);
	k->stop = true;
	pthread_cond_broadcast(&k->changed);
	pthread_mutex_unlock(&k->lock);
}

void layer_keys_free(struct layer_keys *k)
{
	if (!k)
		return;
	if (k->runs) {
		layer_keys_stop(k);
		pthread_join(k->thread, NULL);
	}
	for (size_t n = 0; n < k->manifest->layer_count; n++)
		layer_pipe_free(k->pipes[n]);
	free(k->pipes);
	pthread_cond_destroy(&k->changed);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

static size_t first_encrypted(const struct layer_keys *k)
{
	size_t n = 0;
	while (n < k->manifest->layer_count && !encrypted(k, n))
		n++;
	return n;
}

enum err layer_keys_start(const struct manifest *manifest, struct okw_context *keys, struct layer_keys **out,
			  struct errmsg *em)
{
	AUTO(layer_keys) *k = calloc(1, sizeof(*k));
	struct layer_pipe **pipes = calloc(manifest->layer_count + 1, sizeof(struct layer_pipe *));
	if (!k || !pipes) {
		free(steal(&k));
		free(pipes);
		return err_set(em, ERR_NOMEM, "no memory for keys");
	}
	k->manifest = manifest;
	k->keys = keys;
	k->pipes = pipes;
	pthread_mutex_init(&k->lock, NULL);
	pthread_cond_init(&k->changed, NULL);
	size_t first = first_encrypted(k);
	if (first < manifest->layer_count && !keys)
		return err_set(em, ERR_KEY, "layer %zu (%s): it is encrypted, and no decryption key was given", first,
			       manifest->layers[first].digest);
	if (first < manifest->layer_count) {
		k->runs = thread_start(&k->thread, keys_run, k) == 0;
		if (!k->runs)
			return err_set(em, ERR_NOMEM, "no thread for keys");
	}
	*out = steal(&k);
	return OK;
}
