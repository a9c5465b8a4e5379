// SPDX-License-Identifier: GPL-2.0-or-later
/* The out-of-order queue: the RFCs' examples, and random streams beside a model */
#include "reassembly_model.h"
#include "unit.h"

_Static_assert(sizeof(struct linnet_cb) <= sizeof(((struct sk_buff *)0)->cb),
	       "the control block fits into the buffer's");

/* A segment of an example, and the ACK that answers it */
struct example {
	int			from, to;
	int			ack;
	struct model_range	block[5];
};

#define EXAMPLE_UNIT	500	/* the RFCs' segments have 500 octets */

static void run_example(const char *name, int first, const struct example *step, int n)
{
	static struct model m;
	struct linnet_block out[MODEL_BLOCKS];

	model_start(&m, first, EXAMPLE_UNIT, 100);
	for (int i = 0; i < n; i++) {
		int told;

		model_arrive(&m, (step[i].from - first) / EXAMPLE_UNIT,
			     (step[i].to - first) / EXAMPLE_UNIT);
		EXPECT(first + m.next * EXAMPLE_UNIT == step[i].ack, "%s, step %d: ACK %d", name, i,
		       first + m.next * EXAMPLE_UNIT);
		told = model_tell(&m, MODEL_BLOCKS, out);
		for (int b = 0; b < told; b++)
			EXPECT(out[b].start == step[i].block[b].from &&
			       out[b].end == step[i].block[b].to, "%s, step %d, block %d: %u-%u",
			       name, i, b, out[b].start, out[b].end);
		EXPECT(told == 4 || !step[i].block[told].to, "%s, step %d: %d blocks", name, i,
		       told);
		EXPECT(!m.error[0], "%s, step %d: %s", name, i, m.error);
	}
	model_end(&m);
	EXPECT(!m.error[0], "%s: %s", name, m.error);
}

#define RUN_EXAMPLE(name, first, steps) \
	run_example(name, first, steps, sizeof(steps) / sizeof(*(steps)))

/* RFC 2018, 4, its examples: eight segments from 5000 */
static void test_rfc2018(void)
{
	/* the first of them is lost */
	static const struct example case2[] = {
		{ 5500, 6000, 5000, { { 5500, 6000 } } },
		{ 6000, 6500, 5000, { { 5500, 6500 } } },
		{ 6500, 7000, 5000, { { 5500, 7000 } } },
		{ 7000, 7500, 5000, { { 5500, 7500 } } },
		{ 7500, 8000, 5000, { { 5500, 8000 } } },
		{ 8000, 8500, 5000, { { 5500, 8500 } } },
		{ 8500, 9000, 5000, { { 5500, 9000 } } },
	};
	/* the second, fourth, sixth and eighth; the fourth and second come late */
	static const struct example case3[] = {
		{ 5000, 5500, 5500, { { 0, 0 } } },
		{ 6000, 6500, 5500, { { 6000, 6500 } } },
		{ 7000, 7500, 5500, { { 7000, 7500 }, { 6000, 6500 } } },
		{ 8000, 8500, 5500, { { 8000, 8500 }, { 7000, 7500 }, { 6000, 6500 } } },
		{ 6500, 7000, 5500, { { 6000, 7500 }, { 8000, 8500 } } },
		{ 5500, 6000, 7500, { { 8000, 8500 } } },
	};
	/* five ranges: the oldest is told no more */
	static const struct example many[] = {
		{ 5500, 6000, 5000, { { 5500, 6000 } } },
		{ 6500, 7000, 5000, { { 6500, 7000 }, { 5500, 6000 } } },
		{ 7500, 8000, 5000, { { 7500, 8000 }, { 6500, 7000 }, { 5500, 6000 } } },
		{ 8500, 9000, 5000, { { 8500, 9000 }, { 7500, 8000 }, { 6500, 7000 },
				      { 5500, 6000 } } },
		{ 9500, 10000, 5000, { { 9500, 10000 }, { 8500, 9000 }, { 7500, 8000 },
				       { 6500, 7000 } } },
		{ 5000, 5500, 6000, { { 9500, 10000 }, { 8500, 9000 }, { 7500, 8000 },
				      { 6500, 7000 } } },
		{ 8000, 8500, 6000, { { 7500, 9000 }, { 9500, 10000 }, { 6500, 7000 } } },
		{ 6000, 9500, 10000, { { 0, 0 } } },
	};

	RUN_EXAMPLE("case 2", 5000, case2);
	RUN_EXAMPLE("case 3", 5000, case3);
	RUN_EXAMPLE("five ranges", 5000, many);
}

/* RFC 2883, 4.1 and 4.2, its examples, as far as they concern the queue */
static void test_rfc2883(void)
{
	static const struct example duplicate[] = {
		{ 3000, 3500, 3500, { { 0, 0 } } },
		{ 3500, 4000, 4000, { { 0, 0 } } },
		{ 3000, 3500, 4000, { { 3000, 3500 } } },
		/* told once */
		{ 4000, 4500, 4500, { { 0, 0 } } },
	};
	static const struct example with_a_gap[] = {
		{ 3000, 4000, 4000, { { 0, 0 } } },
		{ 4500, 5000, 4000, { { 4500, 5000 } } },
		{ 3000, 3500, 4000, { { 3000, 3500 }, { 4500, 5000 } } },
		{ 3000, 3500, 4000, { { 3000, 3500 }, { 4500, 5000 } } },
	};
	static const struct example above[] = {
		{ 3500, 4000, 4000, { { 0, 0 } } },
		{ 4500, 5000, 4000, { { 4500, 5000 } } },
		{ 5000, 5500, 4000, { { 4500, 5500 } } },
		{ 5000, 5500, 4000, { { 5000, 5500 }, { 4500, 5500 } } },
		{ 6000, 6500, 4000, { { 6000, 6500 }, { 4500, 5500 } } },
		/* of the range that the second block tells */
		{ 4500, 5000, 4000, { { 4500, 5000 }, { 4500, 5500 }, { 6000, 6500 } } },
	};
	/* a part of a segment came before: only that part is told */
	static const struct example partial[] = {
		{ 500, 1500, 1500, { { 0, 0 } } },
		{ 1000, 2000, 2000, { { 1000, 1500 } } },
		{ 3000, 4000, 2000, { { 3000, 4000 } } },
		{ 3500, 4500, 2000, { { 3500, 4000 }, { 3000, 4500 } } },
		{ 2500, 3500, 2000, { { 3000, 3500 }, { 2500, 4500 } } },
		/* it covers all three */
		{ 2500, 5000, 2000, { { 2500, 4500 }, { 2500, 5000 } } },
	};
	/* two parts that do not touch: the first is told */
	static const struct example two_parts[] = {
		{ 500, 1000, 1000, { { 0, 0 } } },
		{ 1500, 2000, 1000, { { 1500, 2000 } } },
		{ 2500, 3000, 1000, { { 2500, 3000 }, { 1500, 2000 } } },
		{ 1500, 3500, 1000, { { 1500, 2000 }, { 1500, 3500 } } },
	};

	RUN_EXAMPLE("a duplicate", 3000, duplicate);
	RUN_EXAMPLE("a duplicate and a gap", 3000, with_a_gap);
	RUN_EXAMPLE("a duplicate above", 3500, above);
	RUN_EXAMPLE("partial", 500, partial);
	RUN_EXAMPLE("two parts", 500, two_parts);
}

/* RFC 2018, 8: what was given up is not told */
static void test_prune(void)
{
	static struct model m;
	struct linnet_block out[MODEL_BLOCKS];

	model_start(&m, 0, 100, 100);
	model_prune(&m);
	model_arrive(&m, 2, 4);
	model_arrive(&m, 3, 6);
	EXPECT(model_tell(&m, 1, out) == 1 && out[0].start == 300 && out[0].end == 400,
	       "%u-%u", out[0].start, out[0].end);
	model_arrive(&m, 8, 9);
	model_arrive(&m, 8, 9);
	/* the last one goes, and with it the DSACK that would tell of it */
	model_prune(&m);
	EXPECT(model_tell(&m, 4, out) == 1 && out[0].start == 200 && out[0].end == 600,
	       "%u-%u", out[0].start, out[0].end);
	model_prune(&m);
	EXPECT(model_tell(&m, 4, out) == 1 && out[0].start == 200 && out[0].end == 400,
	       "%u-%u", out[0].start, out[0].end);
	/* a DSACK of what was delivered stays */
	model_arrive(&m, 0, 1);
	model_arrive(&m, 0, 1);
	model_prune(&m);
	EXPECT(linnet_reassembly_empty(&m.r), "buffers are left");
	EXPECT(model_tell(&m, 0, out) == 0, "no room");
	EXPECT(model_tell(&m, 4, out) == 1 && out[0].start == 0 && out[0].end == 100,
	       "%u-%u", out[0].start, out[0].end);
	EXPECT(!m.error[0], "%s", m.error);
	model_end(&m);
	EXPECT(!m.error[0], "%s", m.error);
}

struct tally {
	unsigned long	steps, streams, finished, wrapped, evicted, most_held;
};

/* One stream, from random settings, to its FIN or to where it is given up */
static void stream(struct model *m, struct tally *t)
{
	static const __u32 edges[] = { 0, 0x80000000 };
	int length = 2 + unit_below(unit_below(2) ? 40 : MODEL_UNITS - 2);
	int window = 4 + unit_below(unit_below(2) ? 12 : 150), longest = 1 + unit_below(20);
	__u32 scale = 1 + unit_random() % (0x7fffffff / MODEL_UNITS);
	__u32 isn = unit_random();
	int shortage = unit_below(3) ? 0 : 5 + unit_below(60), acks = 1 + unit_below(8);
	int loss = 2 + unit_below(12), steps = 0;

	scale = unit_below(2) ? 1 + scale % 1500 : scale;
	if (unit_below(4))	/* the edge lies within the stream */
		isn = edges[unit_below(2)] - unit_below(length * scale);
	model_start(m, isn, scale, length);
	t->streams++;
	t->wrapped += isn > isn + length * scale;
	while (m->next < length && !m->error[0] && ++steps < 4000) {
		int from, to;

		if (!unit_below(loss))		/* in order, and not from its start always */
			from = m->next - (unit_below(4) ? 0 : (int)unit_below(longest));
		else				/* anywhere, what is long gone too */
			from = m->next - longest + (int)unit_below(window + longest);
		to = from + 1 + unit_below(longest);
		from = from < 0 ? 0 : from;
		to = to > length ? length : to;
		if (from < to)
			model_arrive(m, from, to);
		if (!m->error[0] && shortage && !unit_below(shortage))
			for (int i = unit_below(5); i >= 0 && !m->error[0]; i--)
				model_prune(m);
		if (!m->error[0] && !unit_below(acks)) {
			unsigned int room = unit_below(MODEL_BLOCKS + 1);
			struct linnet_block *out = malloc(room * sizeof(*out) + 1);

			if (!out)
				abort();
			model_tell(m, room, out);	/* ASan sees one block too many */
			free(out);
		}
		t->most_held = m->n_held > t->most_held ? m->n_held : t->most_held;
		t->evicted += m->evicted;
	}
	t->steps += steps;
	t->finished += m->next == length;
	if (!m->error[0])
		model_end(m);
	EXPECT(!m->error[0], "stream %lu, step %d: %s", t->streams, steps, m->error);
}

static void test_random(void)
{
	unsigned long rounds = unit_rounds(3000000);
	static struct model m;
	struct tally t = { 0 };

	while (t.steps < rounds && !unit_failed_here)
		stream(&m, &t);
	printf("# %lu steps, %lu streams, %lu to their FIN, %lu over the wrap, at most %lu held\n",
	       t.steps, t.streams, t.finished, t.wrapped, t.most_held);
	/* The random streams have been where they should go */
	EXPECT(t.finished > t.streams / 2 && t.wrapped > t.streams / 10 && t.most_held > 20 &&
	       t.evicted > t.steps / 20, "%lu steps with more ranges than blocks", t.evicted);
}

/* Runs of buffers taken out and put back otherwise cut, as a collapse does it */
static void test_runs(void)
{
	static const __u32 wrap = 0xffffff00;
	static struct sk_buff skb[6], whole;
	struct linnet_reassembly r;
	struct sk_buff_head out, run;
	struct sk_buff *after;
	__u32 start, end, blocks;
	struct linnet_block told[4];

	__skb_queue_head_init(&out);
	__skb_queue_head_init(&run);
	linnet_reassembly_init(&r);
	EXPECT(!linnet_reassembly_first(&r), "an empty queue has no first");
	/* 0-100, 100-200 and overlapping 150-300; a gap; 400-500, 500-600, over the wrap */
	for (int i = 0; i < 5; i++) {
		static const int from[] = { 0, 100, 150, 400, 500 };
		static const int to[] = { 100, 200, 300, 500, 600 };

		memset(&skb[i], 0, sizeof(skb[i]));
		LINNET_CB(&skb[i])->seq = wrap + from[i];
		LINNET_CB(&skb[i])->end_seq = wrap + to[i];
		EXPECT(linnet_reassembly_insert(&r, &skb[i], &out), "buffer %d is taken", i);
	}
	EXPECT(linnet_reassembly_first(&r) == &skb[0], "the first");
	EXPECT(linnet_reassembly_after(&skb[4]) == NULL, "after the last is nothing");
	after = linnet_reassembly_run_end(&skb[0], &start, &end);
	EXPECT(after == &skb[3] && start == wrap && end == wrap + 300, "the first run: %u-%u",
	       start - wrap, end - wrap);
	EXPECT(!linnet_reassembly_run_end(after, &start, &end) && start == wrap + 400 &&
	       end == wrap + 600, "the second run: %u-%u", start - wrap, end - wrap);

	/* the first run becomes one buffer */
	linnet_reassembly_take_run(&r, &skb[0], &skb[3], &run);
	for (int i = 0; i < 3; i++)
		EXPECT(__skb_dequeue(&run) == &skb[i], "taken in order: %d", i);
	EXPECT(!__skb_dequeue(&run), "and no more");
	EXPECT(r.bytes == 200 && r.last == &skb[4], "%u octets stay", r.bytes);
	memset(&whole, 0, sizeof(whole));
	LINNET_CB(&whole)->seq = wrap;
	LINNET_CB(&whole)->end_seq = wrap + 300;
	__skb_queue_tail(&run, &whole);
	linnet_reassembly_put_run(&r, &run);
	EXPECT(linnet_reassembly_first(&r) == &whole && r.bytes == 500 && r.last == &skb[4],
	       "%u octets after it", r.bytes);

	/* the last run, whole queue: the last buffer is known again */
	linnet_reassembly_take_run(&r, &skb[3], NULL, &run);
	EXPECT(r.last == &whole, "the last is what is left");
	linnet_reassembly_put_run(&r, &run);
	EXPECT(r.last == &skb[4] && r.bytes == 500, "and back again");

	/* the last buffer takes more in: told first, in one block */
	linnet_reassembly_extend(&r, wrap + 700);
	EXPECT(LINNET_CB(&skb[4])->end_seq == wrap + 700 && r.bytes == 600, "extended");
	r.dsack.start = r.dsack.end = 0;
	EXPECT(linnet_reassembly_told(&r) == 2, "two blocks");
	blocks = linnet_reassembly_blocks(&r, told, 4);
	EXPECT(blocks == 2 && told[0].start == wrap + 400 && told[0].end == wrap + 700 &&
	       told[1].start == wrap && told[1].end == wrap + 300, "what is told");

	/* what touches it, and what touches the one told after it */
	EXPECT(linnet_reassembly_touches(&r, wrap + 700, wrap + 800, 1), "behind it");
	EXPECT(linnet_reassembly_touches(&r, wrap + 350, wrap + 400, 1), "before it");
	EXPECT(linnet_reassembly_touches(&r, wrap + 500, wrap + 600, 1), "within");
	EXPECT(!linnet_reassembly_touches(&r, wrap + 701, wrap + 800, 2), "a gap behind it");
	EXPECT(!linnet_reassembly_touches(&r, wrap + 301, wrap + 399, 2), "a gap on both sides");
	EXPECT(!linnet_reassembly_touches(&r, wrap + 100, wrap + 200, 1), "not the first");
	EXPECT(linnet_reassembly_touches(&r, wrap + 100, wrap + 200, 2), "the second");
	EXPECT(linnet_reassembly_touches(&r, wrap + 100, wrap + 200, 9), "no more than there are");
	EXPECT(!linnet_reassembly_touches(&r, wrap + 701, wrap + 800, 9), "none");
}

static const struct unit_test tests[] = {
	{ "reassembly: examples of RFC 2018", test_rfc2018 },
	{ "reassembly: examples of RFC 2883", test_rfc2883 },
	{ "reassembly: prune", test_prune },
	{ "reassembly: runs", test_runs },
	{ "reassembly: random streams beside a model", test_random },
};

UNIT_MAIN(tests)
