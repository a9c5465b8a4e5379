// SPDX-License-Identifier: GPL-2.0-or-later
/* A treap with the interface of the kernel's red-black tree */
#include <linux/rbtree.h>

/* What an erased node points to: whoever follows it crashes */
#define ERASED	((struct rb_node *)0x253)

struct rb_node *rb_first(const struct rb_root *root)
{
	struct rb_node *n = root->rb_node;

	while (n && n->rb_left)
		n = n->rb_left;
	return n;
}

struct rb_node *rb_last(const struct rb_root *root)
{
	struct rb_node *n = root->rb_node;

	while (n && n->rb_right)
		n = n->rb_right;
	return n;
}

struct rb_node *rb_next(const struct rb_node *node)
{
	struct rb_root right = { node->rb_right };

	if (node->rb_right)
		return rb_first(&right);
	while (node->rb_parent && node == node->rb_parent->rb_right)
		node = node->rb_parent;
	return node->rb_parent;
}

struct rb_node *rb_prev(const struct rb_node *node)
{
	struct rb_root left = { node->rb_left };

	if (node->rb_left)
		return rb_last(&left);
	while (node->rb_parent && node == node->rb_parent->rb_left)
		node = node->rb_parent;
	return node->rb_parent;
}

static struct rb_node **link_to(struct rb_node *node, struct rb_root *root)
{
	if (!node->rb_parent)
		return &root->rb_node;
	return node == node->rb_parent->rb_left ? &node->rb_parent->rb_left :
						  &node->rb_parent->rb_right;
}

/* A child takes the place of its parent */
static void lift(struct rb_node *node, struct rb_root *root)
{
	struct rb_node *parent = node->rb_parent, **inner, **outer;

	outer = node == parent->rb_left ? &parent->rb_left : &parent->rb_right;
	inner = node == parent->rb_left ? &node->rb_right : &node->rb_left;
	*link_to(parent, root) = node;
	node->rb_parent = parent->rb_parent;
	parent->rb_parent = node;
	*outer = *inner;
	if (*inner)
		(*inner)->rb_parent = parent;
	*inner = parent;
}

void rb_link_node(struct rb_node *node, struct rb_node *parent, struct rb_node **link)
{
	node->rb_parent = parent;
	node->rb_left = NULL;
	node->rb_right = NULL;
	*link = node;
}

void rb_insert_color(struct rb_node *node, struct rb_root *root)
{
	static __u32 state = 253;

	state = state * 1664525 + 1013904223;
	node->rb_priority = state;
	while (node->rb_parent && node->rb_parent->rb_priority < node->rb_priority)
		lift(node, root);
}

void rb_erase(struct rb_node *node, struct rb_root *root)
{
	while (node->rb_left || node->rb_right) {
		struct rb_node *left = node->rb_left, *right = node->rb_right;

		lift(!right || (left && left->rb_priority > right->rb_priority) ? left : right,
		     root);
	}
	*link_to(node, root) = NULL;
	node->rb_parent = ERASED;
	node->rb_left = ERASED;
	node->rb_right = ERASED;
}

void rb_replace_node(struct rb_node *victim, struct rb_node *node, struct rb_root *root)
{
	*link_to(victim, root) = node;
	*node = *victim;
	if (node->rb_left)
		node->rb_left->rb_parent = node;
	if (node->rb_right)
		node->rb_right->rb_parent = node;
	victim->rb_parent = ERASED;
	victim->rb_left = ERASED;
	victim->rb_right = ERASED;
}

static int count(const struct rb_node *node, const struct rb_node *parent)
{
	int left, right;

	if (!node)
		return 0;
	if (node == ERASED || node->rb_parent != parent ||
	    (parent && parent->rb_priority < node->rb_priority))
		return -1;
	left = count(node->rb_left, node);
	right = count(node->rb_right, node);
	return left < 0 || right < 0 ? -1 : left + right + 1;
}

int shim_rb_valid(const struct rb_root *root)
{
	return count(root->rb_node, NULL);
}
