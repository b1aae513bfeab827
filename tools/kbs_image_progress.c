#include "tools/kbs_image_progress.h"

#include "common/deadline.h"
#include "tools/cli.h"
#include "tools/kbs_image_report.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { PAUSE_MS = 100 };

void report_begin(struct report *r, bool quiet, bool json)
{
	*r = (struct report){ .kind = quiet               ? REPORT_QUIET
				      : json              ? REPORT_EVENTS
				      : cli_on_terminal() ? REPORT_BARS
							  : REPORT_LINES,
			      .layers = json ? json_object_new_array() : NULL };
}

static const char *past_tense(const struct image_progress *p)
{
	static const char *const words[][2] = { { "copy", "copied" },       { "encrypt", "encrypted" },
						{ "decrypt", "decrypted" }, { "unpack", "unpacked" },
						{ "pull", "pulled" },       { "add recipients", "recipients added" } };
	if (p->kept)
		return "was there";
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(words[i][0], p->action) == 0)
			return words[i][1];
	return p->action;
}

/* False where there was no time to measure. */
static bool rate_text(const struct report_layer *l, uint64_t bytes, char text[REPORT_SIZE])
{
	int64_t ms = monotonic_ms() - l->began_ms;
	report_size(ms > 0 ? (uint64_t)((double)bytes * 1000 / (double)ms) : 0, text);
	return ms > 0;
}

/* --- bars -------------------------------------------------------------------------------------------------------- */

static int terminal_width(void)
{
	struct winsize w;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col == 0)
		return 80;
	return w.ws_col < 200 ? w.ws_col : 200;
}

static void bar_draw(const struct report_layer *l, int width)
{
	char done[REPORT_SIZE], total[REPORT_SIZE], rate[REPORT_SIZE], line[256], bar[64];
	report_size(l->done, done);
	report_size(l->total, total);
	(void)rate_text(l, l->done, rate);
	int head = snprintf(line, sizeof(line), "layer %u/%u %s %s of %s, %s/s ", l->number, l->of, l->action, done,
			    total, rate);
	int room = width - head - 3;
	if (room > 60)
		room = 60;
	if (room < 4) {
		fprintf(stderr, "%.*s\n", width - 1, line);
		return;
	}
	size_t full = l->total ? (size_t)((double)room * (double)l->done / (double)l->total) : 0;
	memset(bar, '-', (size_t)room);
	memset(bar, '#', full < (size_t)room ? full : (size_t)room);
	fprintf(stderr, "%s[%.*s]\n", line, room, bar);
}

static void bars_clear(struct report *r)
{
	if (r->lines > 0)
		fprintf(stderr, "\r\033[%uA\033[J", r->lines);
	r->lines = 0;
}

static void bars_draw(struct report *r)
{
	int64_t now = monotonic_ms();
	if (now - r->drawn_ms < PAUSE_MS)
		return;
	int width = terminal_width();
	r->drawn_ms = now;
	bars_clear(r);
	for (size_t i = 0; i < REPORT_LAYERS_MAX; i++)
		if (r->under_way[i].number > 0) {
			bar_draw(&r->under_way[i], width);
			r->lines++;
		}
}

/* --- a layer that is done ---------------------------------------------------------------------------------------- */

static void done_line(struct report *r, const struct report_layer *l, const struct image_progress *p)
{
	char total[REPORT_SIZE], rate[REPORT_SIZE];
	report_size(p->total, total);
	bool measured = rate_text(l, p->total, rate);
	bars_clear(r);
	fprintf(stderr, "layer %u/%u %s %s", p->layer + 1, p->layers, p->digest, past_tense(p));
	if (p->kept || !measured)
		fprintf(stderr, ", %s\n", total);
	else
		fprintf(stderr, ", %s, %s/s\n", total, rate);
}

/* Layers may end in another order than theirs. */
static void done_note(struct report *r, const struct image_progress *p)
{
	AUTO_OF(json_object) *layer = json_object_new_object();
	if (layer && json_add_text(layer, "digest", p->digest) &&
	    json_add(layer, "size", json_object_new_int64((int64_t)p->total)) &&
	    json_add_text(layer, "done", past_tense(p)))
		json_object_array_put_idx(r->layers, p->layer, steal(&layer));
}

json_object *report_result(struct report *r, const char *digest)
{
	AUTO_OF(json_object) *result = json_object_new_object();
	if (!result || !json_add_text(result, "digest", digest) || !json_add(result, "layers", steal(&r->layers)))
		return NULL;
	return steal(&result);
}

/* --- events ------------------------------------------------------------------------------------------------------ */

static void event_print(const struct image_progress *p)
{
	AUTO_OF(json_object) *event = json_object_new_object();
	bool good = event && json_add_text(event, "event", p->finished ? "done" : "progress") &&
		    json_add_text(event, "action", p->action) &&
		    json_add(event, "layer", json_object_new_int64(p->layer)) &&
		    json_add(event, "layers", json_object_new_int64(p->layers)) &&
		    json_add_text(event, "digest", p->digest) &&
		    json_add(event, "bytes", json_object_new_int64((int64_t)p->done)) &&
		    json_add(event, "size", json_object_new_int64((int64_t)p->total)) &&
		    (!p->finished || json_add_text(event, "done", past_tense(p)));
	if (good)
		fprintf(stderr, "%s\n", json_object_to_json_string_ext(event, JSON_C_TO_STRING_PLAIN));
}

/* --- all of them ------------------------------------------------------------------------------------------------- */

/* The place of a layer, a new one where it has none; NULL: none is free. */
static struct report_layer *place_of(struct report *r, const struct image_progress *p)
{
	struct report_layer *place = NULL;
	for (size_t i = REPORT_LAYERS_MAX; i-- > 0;) {
		if (r->under_way[i].number == p->layer + 1)
			return &r->under_way[i];
		if (r->under_way[i].number == 0)
			place = &r->under_way[i];
	}
	if (place)
		*place = (struct report_layer){ .number = p->layer + 1, .of = p->layers, .began_ms = monotonic_ms() };
	return place;
}

static void layer_done(struct report *r, struct report_layer *l, const struct image_progress *p)
{
	struct report_layer unseen = { .began_ms = monotonic_ms() };
	if (r->layers)
		done_note(r, p);
	if (r->kind == REPORT_EVENTS)
		event_print(p);
	else if (r->kind != REPORT_QUIET)
		done_line(r, l ? l : &unseen, p);
	if (l)
		l->number = 0;
}

void report_progress(void *report, const struct image_progress *p)
{
	struct report *r = report;
	struct report_layer *l = place_of(r, p);
	if (p->finished) {
		layer_done(r, l, p);
		r->drawn_ms = 0;
	}
	if (l && !p->finished) {
		l->action = p->action;
		l->done = p->done;
		l->total = p->total;
	}
	if (r->kind == REPORT_BARS)
		bars_draw(r);
	if (r->kind != REPORT_EVENTS || !l || p->finished || monotonic_ms() - l->told_ms < PAUSE_MS)
		return;
	l->told_ms = monotonic_ms();
	event_print(p);
}

void report_end(struct report *r)
{
	bars_clear(r);
	json_object_put(r->layers);
	r->layers = NULL;
}
