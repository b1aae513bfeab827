#include "tests/support/tsm_model.h"

#include <errno.h>
#include <stdio.h>

const struct tsm_attribute tsm_model_attributes[] = {
	{ "generation", 0444, false },      { "provider", 0444, false }, { "privlevel", 0200, false },
	{ "privlevel_floor", 0444, false }, { "inblob", 0200, true },    { "outblob", 0444, true },
	{ "auxblob", 0444, true },          { NULL, 0, false },
};

void tsm_model_open(struct tsm_model *m, const char *provider)
{
	memset(m, 0, sizeof *m);
	m->provider = provider;
	pthread_mutex_init(&m->lock, NULL);
}

static void entry_clear(struct tsm_model_entry *e)
{
	buf_clear(&e->outblob);
	buf_clear(&e->auxblob);
	memset(e, 0, sizeof *e);
}

void tsm_model_close(struct tsm_model *m)
{
	for (size_t i = 0; i < TSM_MODEL_ENTRIES; i++)
		entry_clear(&m->entries[i]);
	pthread_mutex_destroy(&m->lock);
}

static struct tsm_model_entry *find_locked(struct tsm_model *m, const char *name)
{
	for (size_t i = 0; i < TSM_MODEL_ENTRIES; i++)
		if (strcmp(m->entries[i].name, name) == 0)
			return &m->entries[i];
	return NULL;
}

unsigned tsm_model_count(struct tsm_model *m)
{
	unsigned count = 0;
	pthread_mutex_lock(&m->lock);
	for (size_t i = 0; i < TSM_MODEL_ENTRIES; i++)
		count += m->entries[i].name[0] != '\0';
	pthread_mutex_unlock(&m->lock);
	return count;
}

bool tsm_model_has(struct tsm_model *m, const char *entry)
{
	pthread_mutex_lock(&m->lock);
	bool has = !entry || find_locked(m, entry);
	pthread_mutex_unlock(&m->lock);
	return has;
}

int tsm_model_make(struct tsm_model *m, const char *entry)
{
	int result = 0;
	pthread_mutex_lock(&m->lock);
	struct tsm_model_entry *free_one = find_locked(m, "");
	if (!m->provider)
		result = -ENXIO; /* no provider was registered */
	else if (find_locked(m, entry))
		result = -EEXIST;
	else if (!free_one || strlen(entry) >= sizeof free_one->name)
		result = -ENOMEM;
	else
		snprintf(free_one->name, sizeof free_one->name, "%s", entry);
	m->made += result == 0;
	pthread_mutex_unlock(&m->lock);
	return result;
}

int tsm_model_remove(struct tsm_model *m, const char *entry)
{
	pthread_mutex_lock(&m->lock);
	struct tsm_model_entry *e = *entry ? find_locked(m, entry) : NULL;
	if (e)
		entry_clear(e);
	m->removed += e != NULL;
	pthread_mutex_unlock(&m->lock);
	return e ? 0 : -ENOENT;
}

/* try_advance_write_generation(): who writes so often that the numbers meet again without a read is stopped. */
static int advance_locked(struct tsm_model_entry *e)
{
	if (e->write_generation + 1 == e->read_generation)
		return -EBUSY;
	e->write_generation++;
	return 0;
}

static int inblob_store_locked(struct tsm_model_entry *e, struct bytes value)
{
	if (value.len > TSM_INBLOB_LEN)
		return -EINVAL;
	int result = advance_locked(e);
	if (result == 0) {
		memcpy(e->inblob, value.data, value.len);
		e->inblob_len = value.len;
	}
	return result;
}

static int privlevel_store_locked(const struct tsm_model *m, struct tsm_model_entry *e, struct bytes value)
{
	char text[16] = "";
	char *end = NULL;
	if (value.len == 0 || value.len >= sizeof text)
		return -EINVAL;
	memcpy(text, value.data, value.len);
	unsigned long level = strtoul(text, &end, 0);
	if ((*end && *end != '\n') || level > 3 || level < m->privlevel_floor)
		return -EINVAL;
	int result = advance_locked(e);
	if (result == 0)
		e->privlevel = (unsigned)level;
	return result;
}

int tsm_model_write(struct tsm_model *m, const char *entry, const char *attribute, struct bytes value)
{
	int result = -EACCES;
	pthread_mutex_lock(&m->lock);
	struct tsm_model_entry *e = *entry ? find_locked(m, entry) : NULL;
	if (!e)
		result = -ENOENT;
	else if (strcmp(attribute, "inblob") == 0)
		result = 0;
	else if (strcmp(attribute, "privlevel") == 0)
		result = privlevel_store_locked(m, e, value);
	/* configfs calls the store when the file is closed, and drops what it says. */
	if (e && strcmp(attribute, "inblob") == 0)
		(void)inblob_store_locked(e, value);
	pthread_mutex_unlock(&m->lock);
	return result;
}

/* Somebody else asks something else, in our entry. */
static void interfere_locked(struct tsm_model *m, struct tsm_model_entry *e)
{
	static const uint8_t other[TSM_INBLOB_LEN] = "somebody else's question";
	if (m->interfere_times == 0)
		return;
	m->interfere_times--;
	(void)inblob_store_locked(e, BYTES(other));
}

/* The provider's report_new(): both of them refuse anything but 64 bytes. */
static int report_locked(struct tsm_model *m, struct tsm_model_entry *e)
{
	if (e->inblob_len != TSM_INBLOB_LEN)
		return -EINVAL;
	if (e->privlevel < m->privlevel_floor)
		return -EIO; /* the firmware's word for it */
	if (m->fail_times) {
		m->fail_times--;
		return -m->fail_error;
	}
	buf_clear(&e->outblob);
	buf_clear(&e->auxblob);
	int result = m->report(m->ctx, e->inblob, e->privlevel, &e->outblob, &e->auxblob);
	if (result == 0)
		e->read_generation = e->write_generation;
	m->reports += result == 0;
	return result;
}

static int blob_locked(struct tsm_model *m, struct tsm_model_entry *e, const char *attribute, struct buf *out)
{
	int result = 0;
	if (e->inblob_len == 0)
		return -EINVAL;
	if (strcmp(attribute, "outblob") == 0)
		interfere_locked(m, e);
	if (!e->outblob.len || e->read_generation != e->write_generation)
		result = report_locked(m, e);
	if (result != 0)
		return result;
	const struct buf *from = strcmp(attribute, "outblob") == 0 ? &e->outblob : &e->auxblob;
	return buf_append(out, buf_bytes(from), 0, NULL) == OK ? 0 : -ENOMEM;
}

static int word_locked(const struct tsm_model *m, const struct tsm_model_entry *e, const char *attribute,
		       struct buf *out)
{
	char text[64];
	if (strcmp(attribute, "generation") == 0)
		snprintf(text, sizeof text, "%lu\n", e->write_generation);
	else if (strcmp(attribute, "provider") == 0)
		snprintf(text, sizeof text, "%s\n", m->provider);
	else if (strcmp(attribute, "privlevel_floor") == 0 && !m->no_floor)
		snprintf(text, sizeof text, "%u\n", m->privlevel_floor);
	else
		return strcmp(attribute, "inblob") == 0 || strcmp(attribute, "privlevel") == 0 ? -EACCES : -ENOENT;
	return buf_append(out, bytes_str(text), 0, NULL) == OK ? 0 : -ENOMEM;
}

ssize_t tsm_model_read(struct tsm_model *m, const char *entry, const char *attribute, struct buf *out)
{
	bool blob = strcmp(attribute, "outblob") == 0 || strcmp(attribute, "auxblob") == 0;
	if (blob && m->slow_ms)
		usleep(m->slow_ms * 1000);
	pthread_mutex_lock(&m->lock);
	struct tsm_model_entry *e = *entry ? find_locked(m, entry) : NULL;
	int result = !e ? -ENOENT : blob ? blob_locked(m, e, attribute, out) : word_locked(m, e, attribute, out);
	pthread_mutex_unlock(&m->lock);
	return result < 0 ? result : (ssize_t)out->len;
}

static int io_make(void *ctx, const char *entry)
{
	return tsm_model_make(ctx, entry);
}

static int io_remove(void *ctx, const char *entry)
{
	return tsm_model_remove(ctx, entry);
}

static ssize_t io_read(void *ctx, const char *entry, const char *attribute, struct buf *out, size_t max)
{
	ssize_t n = tsm_model_read(ctx, entry, attribute, out);
	return n > (ssize_t)max ? -EFBIG : n;
}

static int io_write(void *ctx, const char *entry, const char *attribute, struct bytes value)
{
	return tsm_model_write(ctx, entry, attribute, value);
}

struct tsm_io tsm_model_io(struct tsm_model *m)
{
	return (struct tsm_io){ m, io_make, io_remove, io_read, io_write };
}
