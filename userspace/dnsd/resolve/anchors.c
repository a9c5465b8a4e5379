// SPDX-License-Identifier: GPL-2.0-or-later
#include "anchors.h"

#include <errno.h>
#include <libknot/libknot.h>
#include <libzscanner/scanner.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config.h"
#include "log.h"
#include "setup.h"

#define TEXT_MAX	65536
#define RECORD_MAX	8192
#define LINES_MAX	64

/**
 * struct anchors_shared - written by one process, read by all
 * @generation: the last bit says which text counts; the other one is written next
 * @text: records, a line each
 */
struct anchors_shared {
	atomic_uint generation;
	char text[2][TEXT_MAX];
};

/* The root's keys of 2017 and 2024, as IANA publishes them (RFC 7958). */
static const char *const root_anchors[] = {
	". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D",
	". IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16",
};

/* --- what the configuration says --- */

/**
 * struct reading - records that are being read
 * @anchors: where they go
 * @section: for error lines
 * @what: option or file, for error lines
 * @records: how many there were
 * @err: 0, or what went wrong, after an error line
 */
struct reading {
	struct anchors *anchors;
	cfg_t *section;
	const char *what;
	unsigned int records;
	int err;
};

static struct anchor_point *point_of(struct reading *r, const uint8_t *name)
{
	struct anchors *a = r->anchors;
	struct anchor_point *p;

	for (unsigned int i = 0; i < a->n_points; i++)
		if (knot_dname_is_equal(a->point[i].name, name))
			return &a->point[i];
	if (a->n_points == ANCHOR_POINTS_MAX) {
		ln_config_error(r->section, "%s: anchors of more than %d names", r->what,
				ANCHOR_POINTS_MAX);
		r->err = -E2BIG;
		return NULL;
	}
	p = &a->point[a->n_points];
	p->text = strdup("");
	if (!p->text) {
		r->err = -ENOMEM;
		return NULL;
	}
	knot_dname_copy_lower(p->name, name);
	a->n_points++;
	return p;
}

static int append(struct anchor_point *p, const char *owner, const char *type, const char *data)
{
	char *text;

	if (asprintf(&text, "%s%s IN %s %s\n", p->text, owner, type, data) < 0)
		return -ENOMEM;
	free(p->text);
	p->text = text;
	return 0;
}

static void on_record(zs_scanner_t *scanner)
{
	const knot_dump_style_t style = { .now = 0 };
	struct reading *r = scanner->process.data;
	char owner[DNS_NAME_TEXT], type[16], data[RECORD_MAX];
	struct anchor_point *p;
	knot_rrset_t rr;

	if (scanner->r_class != KNOT_CLASS_IN || (scanner->r_type != KNOT_RRTYPE_DS &&
						  scanner->r_type != KNOT_RRTYPE_DNSKEY)) {
		ln_config_error(r->section, "%s: allowed are DS and DNSKEY records of class IN",
				r->what);
		r->err = -EINVAL;
		scanner->state = ZS_STATE_STOP;
		return;
	}
	p = point_of(r, scanner->r_owner);
	knot_rrset_init(&rr, scanner->r_owner, scanner->r_type, KNOT_CLASS_IN, 0);
	if (p && !r->err && knot_rrset_add_rdata(&rr, scanner->r_data, scanner->r_data_length,
						 NULL))
		r->err = -ENOMEM;
	if (!r->err && (knot_rrset_txt_dump_data(&rr, 0, data, sizeof(data), &style) < 0 ||
			knot_rrtype_to_string(rr.type, type, sizeof(type)) < 0))
		r->err = -EINVAL;
	if (!r->err)
		r->err = append(p, dns_name_to_text(owner, p->name), type, data);
	knot_rdataset_clear(&rr.rrs, NULL);
	r->records++;
	if (r->err)
		scanner->state = ZS_STATE_STOP;
}

static void on_error(zs_scanner_t *scanner)
{
	struct reading *r = scanner->process.data;

	ln_config_error(r->section, "%s: line %llu: %s; wanted is a DS or DNSKEY record, as in "
			"\". IN DS 20326 8 2 E06D44...\"", r->what,
			(unsigned long long)scanner->line_counter,
			zs_strerror(scanner->error.code));
	r->err = -EINVAL;
	scanner->state = ZS_STATE_STOP;
}

/* @file: a path; else @text is read. */
static int read_records(struct reading *r, const char *text, bool file)
{
	char *line = NULL;
	zs_scanner_t s;

	if (zs_init(&s, ".", KNOT_CLASS_IN, 3600))
		return -ENOMEM;
	if (zs_set_processing(&s, on_record, on_error, r) ||
	    (!file && asprintf(&line, "%s\n", text) < 0)) {
		zs_deinit(&s);
		return -ENOMEM;
	}
	if (file ? zs_set_input_file(&s, text) : zs_set_input_string(&s, line, strlen(line))) {
		ln_config_error(r->section, "%s: %s", r->what, zs_strerror(s.error.code));
		r->err = -EINVAL;
	} else if (zs_parse_all(&s) && !r->err) {
		on_error(&s);
	}
	zs_deinit(&s);
	free(line);
	return r->err;
}

static int read_configured(struct anchors *a, cfg_t *section)
{
	const char *path = cfg_getstr(section, "trust-anchor-file");
	unsigned int n = cfg_size(section, "trust-anchor");
	struct reading r = { .anchors = a, .section = section, .what = "trust-anchor" };
	int err = 0;

	for (unsigned int i = 0; i < n && !err; i++)
		err = read_records(&r, cfg_getnstr(section, "trust-anchor", i), false);
	if (!err && path) {
		r.what = "trust-anchor-file";
		err = read_records(&r, path, true);
	}
	for (unsigned int i = 0; !n && !path && !err &&
	     i < sizeof(root_anchors) / sizeof(*root_anchors); i++)
		err = read_records(&r, root_anchors[i], false);
	if (!err && !r.records) {
		ln_config_error(section, "%s: there is no record in it", r.what);
		err = -EINVAL;
	}
	if (err == -ENOMEM)
		ln_error("out of memory");
	return err;
}

/* --- what became of it --- */

static bool read_state(const char *path, char *out, size_t size)
{
	char *text = malloc(TEXT_MAX);
	FILE *f = path && text ? fopen(path, "re") : NULL;
	size_t n = f ? fread(text, 1, TEXT_MAX - 1, f) : 0;
	bool good = n && n < TEXT_MAX - 1;

	if (good) {
		text[n] = '\0';
		good = anchors_usable(text, out, size);
	}
	if (f && !good)
		ln_warning("recursion: %s cannot be understood; what the configuration names is "
			   "trusted", path);
	if (f)
		fclose(f);
	free(text);
	return good;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* libunbound writes keys in another order each time, which changes nothing. */
static void sort_lines(char *text)
{
	char *line[LINES_MAX], *copy = strdup(text), *rest = copy;
	unsigned int n = 0;

	while (copy && n < LINES_MAX && (line[n] = strsep(&rest, "\n")) && *line[n])
		n++;
	/* More than that stay as they are. */
	if (copy && !rest) {
		qsort(line, n, sizeof(*line), compare);
		for (unsigned int i = 0; i < n; i++)
			text += sprintf(text, "%s\n", line[i]);
	}
	free(copy);
}

/* What all points' files say, or the configuration where there is none. */
static void collect(const struct anchors *a, char *out)
{
	size_t used = 0;

	*out = '\0';
	for (unsigned int i = 0; i < a->n_points; i++) {
		const struct anchor_point *p = &a->point[i];

		if (!read_state(p->file, out + used, TEXT_MAX - used))
			snprintf(out + used, TEXT_MAX - used, "%s", p->text);
		sort_lines(out + used);
		used += strlen(out + used);
	}
}

bool anchors_update(struct anchors *a)
{
	struct anchors_shared *s = a->shared;
	unsigned int generation = s->generation;
	char *next = s->text[(generation + 1) & 1];

	collect(a, next);
	if (!strcmp(next, s->text[generation & 1]))
		return false;
	atomic_store(&s->generation, generation + 1);
	return true;
}

char *anchors_text(const struct anchors *a, unsigned int *generation)
{
	const struct anchors_shared *s = a->shared;
	char *copy = malloc(TEXT_MAX);
	unsigned int before;

	if (!copy)
		return NULL;
	*copy = '\0';
	do {
		before = anchors_generation(a);
		if (s)
			memcpy(copy, s->text[before & 1], TEXT_MAX);
		atomic_thread_fence(memory_order_acquire);
	} while (before != anchors_generation(a));
	if (generation)
		*generation = before;
	return copy;
}

unsigned int anchors_generation(const struct anchors *a)
{
	return a->shared ? atomic_load(&a->shared->generation) : 0;
}

/* --- start and end --- */

static uint64_t hash(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len--)
		h = (h ^ *p++) * 0x100000001b3;
	return h;
}

static int name_files(struct anchors *a, const char *folder)
{
	for (unsigned int i = 0; i < a->n_points; i++) {
		struct anchor_point *p = &a->point[i];
		uint64_t h = hash(0xcbf29ce484222325, p->name, knot_dname_size(p->name));

		h = hash(h, p->text, strlen(p->text));
		if (asprintf(&p->file, "%s/trust-anchors.%016llx", folder,
			     (unsigned long long)h) < 0) {
			p->file = NULL;
			return -ENOMEM;
		}
		/* It goes into libunbound's configuration between quotes. */
		if (strpbrk(p->file, "\"\n\r\\")) {
			ln_error("state-directory: its path cannot have quotes or backslashes "
				 "where trust anchors are followed");
			return -EINVAL;
		}
	}
	return 0;
}

int anchors_read(struct anchors *a, const struct setup *s, cfg_t *section, bool follow)
{
	int err = read_configured(a, section);

	if (!err && follow)
		err = name_files(a, s->state);
	if (err)
		return err;
	a->shared = mmap(NULL, sizeof(*a->shared), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (a->shared == MAP_FAILED) {
		a->shared = NULL;
		ln_error("out of memory");
		return -ENOMEM;
	}
	anchors_update(a);
	return 0;
}

void anchors_free(struct anchors *a)
{
	for (unsigned int i = 0; i < a->n_points; i++) {
		free(a->point[i].text);
		free(a->point[i].file);
	}
	if (a->shared)
		munmap(a->shared, sizeof(*a->shared));
	memset(a, 0, sizeof(*a));
}
