// SPDX-License-Identifier: GPL-2.0-or-later
/* The shim's tree is what the other tests stand on: against a sorted array */
#include <linux/rbtree.h>

#include "unit.h"

#define NODES	64

struct item {
	struct rb_node	node;
	int		key;
	bool		in;
};

static struct rb_root root;

static void insert(struct item *item)
{
	struct rb_node **p = &root.rb_node, *parent = NULL;

	while (*p) {
		parent = *p;
		p = item->key < rb_entry(parent, struct item, node)->key ?
			&parent->rb_left : &parent->rb_right;
	}
	rb_link_node(&item->node, parent, p);
	rb_insert_color(&item->node, &root);
	item->in = true;
}

/* In order both ways, each once, the links whole */
static void check(const struct item *items)
{
	struct rb_node *node = rb_first(&root), *before = NULL;
	int n = 0;

	for (int key = 0; key < NODES; key++) {
		if (!items[key].in)
			continue;
		n++;
		EXPECT(node && rb_entry(node, struct item, node)->key == key, "key %d", key);
		if (!node)
			return;
		EXPECT(rb_prev(node) == before, "key %d", key);
		before = node;
		node = rb_next(node);
	}
	EXPECT(!node && rb_last(&root) == before, "%d nodes", n);
	EXPECT(shim_rb_valid(&root) == n && RB_EMPTY_ROOT(&root) == !n, "%d nodes", n);
}

static void test_tree(void)
{
	struct item items[NODES] = { 0 }, other;
	unsigned long rounds = unit_rounds(20000);

	for (int key = 0; key < NODES; key++)
		items[key].key = key;
	for (unsigned long i = 0; i < rounds && !unit_failed_here; i++) {
		struct item *item = &items[unit_below(NODES)];

		if (!item->in) {
			insert(item);
		} else if (unit_below(4)) {
			rb_erase(&item->node, &root);
			item->in = false;
		} else {
			other = *item;
			rb_replace_node(&item->node, &other.node, &root);
			check(items);
			rb_replace_node(&other.node, &item->node, &root);
		}
		check(items);
	}
}

static const struct unit_test tests[] = {
	{ "tree: against a sorted array", test_tree },
};

UNIT_MAIN(tests)
