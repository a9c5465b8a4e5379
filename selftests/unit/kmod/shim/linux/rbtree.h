/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's <linux/rbtree.h> for userspace. A treap stands behind it: it
 * turns its nodes as a red-black tree does, at moments of its own, so that code
 * which keeps a pointer into the tree over a change is found out.
 */
#ifndef SHIM_LINUX_RBTREE_H
#define SHIM_LINUX_RBTREE_H

#include <linux/kernel.h>

struct rb_node {
	struct rb_node	*rb_parent;
	struct rb_node	*rb_left;
	struct rb_node	*rb_right;
	__u32		rb_priority;	/* the largest of a subtree is its root */
};

struct rb_root {
	struct rb_node	*rb_node;
};

#define RB_ROOT			((struct rb_root){ NULL })
#define RB_EMPTY_ROOT(root)	((root)->rb_node == NULL)
#define rb_entry(ptr, type, member)	container_of(ptr, type, member)

struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_last(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *node);
struct rb_node *rb_prev(const struct rb_node *node);
void rb_link_node(struct rb_node *node, struct rb_node *parent, struct rb_node **link);
void rb_insert_color(struct rb_node *node, struct rb_root *root);
void rb_erase(struct rb_node *node, struct rb_root *root);
void rb_replace_node(struct rb_node *victim, struct rb_node *node, struct rb_root *root);

/**
 * shim_rb_valid() - are the links of a tree whole?
 * @root: the tree
 *
 * Return: number of nodes, or -1 when parents, children, the heap order or a
 * link that is erased do not fit.
 */
int shim_rb_valid(const struct rb_root *root);

#endif /* SHIM_LINUX_RBTREE_H */
