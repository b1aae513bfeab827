#pragma once
#include "image/layer_keys.h"
#include "image/watched.h"

/* The layers of one image, several at a time: threads, as many as there are processors, up to eight, take them from the
 * lowest up. What the buffers of those under way hold in all is bounded, whatever the number of processors. */
struct layer_crew;

/* One layer in the hands of one thread. */
struct layer_turn {
	struct layer_crew *crew;
	size_t number;
	struct image_progress progress; /* of its beginning; action and kept are for `run` to say */
};

struct layer_work {
	const struct manifest *manifest;
	const struct watch *watch; /* who watches all of it: told of by one thread at a time, asked by several */
	struct layer_keys *keys; /* stopped by the first error; or NULL */
	bool unpacks; /* layers are decompressed: a zstd frame may ask for a large window */
	/* Does all that is to be done with the layer; its end is told of afterwards. The text of its error gets the
	 * layer's name in front. */
	enum err (*run)(void *user, struct layer_turn *turn, struct errmsg *em);
	void *user;
};

/* The first error is that of all: whoever asks the turn's watch ends then, and no layer is begun. No thread is left. */
enum err layer_crew_run(const struct layer_work *work, struct errmsg *em) MUST_USE;

/* For the time of the turn: tells and asks those of layer_work, and says "interrupted" once a layer failed. */
const struct watch *layer_turn_watch(const struct layer_turn *turn);
/* Waits until the layer below is through; of all below, if each of them waits. ERR_IO: one failed. */
enum err layer_turn_await_below(const struct layer_turn *turn, struct errmsg *em) MUST_USE;
/* The same for a lower one that is the same blob: what it brings in is there then. At once where there is none. */
enum err layer_turn_await_twin(const struct layer_turn *turn, struct errmsg *em) MUST_USE;
