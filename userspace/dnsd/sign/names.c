// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>

#include "pass.h"

int sign_names_add(struct sign_name_list *l, const knot_dname_t *name)
{
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 16;
		knot_dname_t **more = reallocarray(l->name, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		l->name = more;
		l->room = room;
	}
	l->name[l->n] = knot_dname_copy(name, NULL);
	return l->name[l->n++] ? 0 : (l->n--, -ENOMEM);
}

static int compare(const void *a, const void *b)
{
	return knot_dname_cmp(*(knot_dname_t *const *)a, *(knot_dname_t *const *)b);
}

/* In canonical order, each once. */
void sign_names_sort(struct sign_name_list *l)
{
	size_t kept = 0;

	if (!l->n)
		return;
	qsort(l->name, l->n, sizeof(*l->name), compare);
	for (size_t i = 1; i < l->n; i++)
		if (compare(&l->name[i], &l->name[kept]))
			l->name[++kept] = l->name[i];
		else
			knot_dname_free(l->name[i], NULL);
	l->n = kept + 1;
}

void sign_names_free(struct sign_name_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		knot_dname_free(l->name[i], NULL);
	free(l->name);
	*l = (struct sign_name_list) { 0 };
}
