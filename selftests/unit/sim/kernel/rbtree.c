// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Trees with the interface of the kernel's: treaps, whose order of heap is a
 * hash of where the node lies. A tree so turned keeps to all that a caller may
 * rely on, and to nothing else.
 */
#include <linux/rbtree.h>

#include "kernel.h"

#define ERASED	0x2530UL

static u32 rank(const struct rb_node *n)
{
	return (unsigned long)n * 0x9e3779b97f4a7c15ULL >> 32;
}

static void set_parent(struct rb_node *n, struct rb_node *parent)
{
	n->__rb_parent_color = (unsigned long)parent;
}

static void replace_child(struct rb_root *root, struct rb_node *parent,
			  struct rb_node *old, struct rb_node *new)
{
	if (!parent)
		root->rb_node = new;
	else if (parent->rb_left == old)
		parent->rb_left = new;
	else
		parent->rb_right = new;
	if (new)
		set_parent(new, parent);
}

/* @n takes the place of its parent */
static void rotate_up(struct rb_root *root, struct rb_node *n)
{
	struct rb_node *p = rb_parent(n), *inner;

	replace_child(root, rb_parent(p), p, n);
	if (p->rb_left == n) {
		inner = n->rb_right;
		n->rb_right = p;
		p->rb_left = inner;
	} else {
		inner = n->rb_left;
		n->rb_left = p;
		p->rb_right = inner;
	}
	set_parent(p, n);
	if (inner)
		set_parent(inner, p);
}

void rb_insert_color(struct rb_node *n, struct rb_root *root)
{
	while (rb_parent(n) && rank(n) > rank(rb_parent(n)))
		rotate_up(root, n);
}

void rb_erase(struct rb_node *n, struct rb_root *root)
{
	while (n->rb_left && n->rb_right)
		rotate_up(root, rank(n->rb_left) > rank(n->rb_right) ?
			  n->rb_left : n->rb_right);
	replace_child(root, rb_parent(n), n, n->rb_left ?: n->rb_right);
	/* who follows it from here falls */
	n->__rb_parent_color = ERASED;
	n->rb_left = n->rb_right = (void *)ERASED;
}

void rb_replace_node(struct rb_node *victim, struct rb_node *new,
		     struct rb_root *root)
{
	*new = *victim;
	if (new->rb_left)
		set_parent(new->rb_left, new);
	if (new->rb_right)
		set_parent(new->rb_right, new);
	replace_child(root, rb_parent(victim), victim, new);
	victim->rb_left = victim->rb_right = (void *)ERASED;
}

static struct rb_node *leftmost(struct rb_node *n)
{
	while (n && n->rb_left)
		n = n->rb_left;
	return n;
}

static struct rb_node *rightmost(struct rb_node *n)
{
	while (n && n->rb_right)
		n = n->rb_right;
	return n;
}

struct rb_node *rb_first(const struct rb_root *root)
{
	return leftmost(root->rb_node);
}

struct rb_node *rb_last(const struct rb_root *root)
{
	return rightmost(root->rb_node);
}

struct rb_node *rb_next(const struct rb_node *n)
{
	if (n->rb_right)
		return leftmost(n->rb_right);
	while (rb_parent(n) && n == rb_parent(n)->rb_right)
		n = rb_parent(n);
	return rb_parent(n);
}

struct rb_node *rb_prev(const struct rb_node *n)
{
	if (n->rb_left)
		return rightmost(n->rb_left);
	while (rb_parent(n) && n == rb_parent(n)->rb_left)
		n = rb_parent(n);
	return rb_parent(n);
}
