#include "tools/kbs_image_report.h"

#include "common/deadline.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void report_size(uint64_t bytes, char text[REPORT_SIZE])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	size_t unit = 0;
	double n = (double)bytes;
	while (n >= 1024 && unit + 1 < ARRAY_LEN(units)) {
		n /= 1024;
		unit++;
	}
	snprintf(text, REPORT_SIZE, unit ? "%.1f %s" : "%.0f %s", n, units[unit]);
}

static int terminal_width(void)
{
	struct winsize w;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col == 0)
		return 80;
	return w.ws_col < 200 ? w.ws_col : 200;
}

/* False where there was no time to measure. */
static bool rate_text(const struct report *r, uint64_t bytes, char text[REPORT_SIZE])
{
	int64_t ms = monotonic_ms() - r->began_ms;
	report_size(ms > 0 ? (uint64_t)((double)bytes * 1000 / (double)ms) : 0, text);
	return ms > 0;
}

static void bar_draw(struct report *r, const struct image_progress *p)
{
	int64_t now = monotonic_ms();
	if (now - r->drawn_ms < 100)
		return;
	r->drawn_ms = now;
	char done[REPORT_SIZE], total[REPORT_SIZE], rate[REPORT_SIZE], line[256], bar[256];
	report_size(p->done, done);
	report_size(p->total, total);
	(void)rate_text(r, p->done, rate);
	int head = snprintf(line, sizeof(line), "layer %u/%u %s %s of %s, %s/s ", p->layer + 1, p->layers, p->action,
			    done, total, rate);
	int room = terminal_width() - head - 3;
	if (room > 60)
		room = 60;
	if (room < 4) {
		fprintf(stderr, "\r\033[K%.*s", terminal_width() - 1, line);
		return;
	}
	size_t full = p->total ? (size_t)((double)room * (double)p->done / (double)p->total) : 0;
	memset(bar, '-', (size_t)room);
	memset(bar, '#', full < (size_t)room ? full : (size_t)room);
	fprintf(stderr, "\r\033[K%s[%.*s]", line, room, bar);
}

static const char *past_tense(const struct image_progress *p)
{
	static const char *const words[][2] = { { "copy", "copied" },
						{ "encrypt", "encrypted" },
						{ "decrypt", "decrypted" },
						{ "pull", "pulled" },
						{ "add recipients", "recipients added" } };
	if (p->kept)
		return "was there";
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(words[i][0], p->action) == 0)
			return words[i][1];
	return p->action;
}

static void layer_note(struct report *r, const struct image_progress *p)
{
	json_object *layer = json_object_new_object();
	if (!layer)
		return;
	json_object_object_add(layer, "digest", json_object_new_string(p->digest));
	json_object_object_add(layer, "size", json_object_new_int64((int64_t)p->total));
	json_object_object_add(layer, "done", json_object_new_string(past_tense(p)));
	json_object_array_add(r->layers, layer);
}

void report_progress(void *report, const struct image_progress *p)
{
	struct report *r = report;
	if (r->layer != p->layer + 1) {
		r->layer = p->layer + 1;
		r->began_ms = monotonic_ms();
		r->drawn_ms = 0;
	}
	if (p->finished && r->layers)
		layer_note(r, p);
	if (r->kind == REPORT_QUIET)
		return;
	if (!p->finished) {
		if (r->kind == REPORT_BAR)
			bar_draw(r, p);
		return;
	}
	char total[REPORT_SIZE], rate[REPORT_SIZE];
	report_size(p->total, total);
	bool measured = rate_text(r, p->total, rate);
	fprintf(stderr, "%slayer %u/%u %s %s", r->kind == REPORT_BAR ? "\r\033[K" : "", p->layer + 1, p->layers,
		p->digest, past_tense(p));
	if (p->kept || !measured)
		fprintf(stderr, ", %s\n", total);
	else
		fprintf(stderr, ", %s, %s/s\n", total, rate);
}

void report_end(struct report *r)
{
	if (r->kind == REPORT_BAR)
		fputs("\r\033[K", stderr);
}

static const char *text_of(json_object *obj, const char *name)
{
	json_object *value = NULL;
	return json_object_object_get_ex(obj, name, &value) ? json_object_get_string(value) : "";
}

static uint64_t size_of(json_object *obj)
{
	json_object *value = NULL;
	return json_object_object_get_ex(obj, "size", &value) ? (uint64_t)json_object_get_int64(value) : 0;
}

static void layer_print(size_t n, json_object *layer)
{
	char size[REPORT_SIZE];
	json_object *recipients = NULL;
	report_size(size_of(layer), size);
	printf("layer %zu   %s  %s\n          %s\n", n, text_of(layer, "digest"), size, text_of(layer, "mediaType"));
	if (!json_object_object_get_ex(layer, "recipients", &recipients))
		return;
	printf("          encrypted for");
	for (size_t i = 0; i < json_object_array_length(recipients); i++) {
		json_object *r = json_object_array_get_idx(recipients, i);
		printf("%s %s of %s", i ? "," : "", text_of(r, "count"), text_of(r, "scheme"));
	}
	puts(json_object_array_length(recipients) ? "" : " nobody: it has no keys");
}

void report_inspect(json_object *summary)
{
	json_object *config = NULL;
	json_object *layers = NULL;
	printf("name      %s\ndigest    %s\ntype      %s\n", text_of(summary, "name"), text_of(summary, "digest"),
	       text_of(summary, "mediaType"));
	if (json_object_object_get_ex(summary, "os", NULL))
		printf("platform  %s/%s\n", text_of(summary, "os"), text_of(summary, "architecture"));
	if (json_object_object_get_ex(summary, "created", NULL))
		printf("created   %s\n", text_of(summary, "created"));
	if (json_object_object_get_ex(summary, "config", &config))
		printf("config    %s\n", text_of(config, "digest"));
	if (!json_object_object_get_ex(summary, "layers", &layers))
		return;
	for (size_t i = 0; i < json_object_array_length(layers); i++)
		layer_print(i, json_object_array_get_idx(layers, i));
}
