/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A user's folder and what is in it.  Paths are those of argument_path(); nothing outside
 * the folder is reached, whatever links there are in it (openat2(2), RESOLVE_BENEATH).
 */
#ifndef FTPD_TREE_H
#define FTPD_TREE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* Names that uploads have until they are whole: ".in.NAME.MARK~". */
#define TREE_PARTIAL	".in."

/**
 * struct tree - the files that a session sees
 * @home: descriptor of the folder
 * @deny: patterns of names that are not there for clients
 * @n_deny: how many
 */
struct tree {
	int home;
	const char *const *deny;
	unsigned int n_deny;
};

/* Files of which there are fewer now. */
struct tree_removed {
	int64_t octets, files;
};

/* The folder that a path's last name is in. */
struct tree_place {
	int folder;
	char name[NAME_MAX + 1];
};

int tree_open(const struct tree *t, const char *path, int flags, mode_t mode);
int tree_stat(const struct tree *t, const char *path, struct stat *st);
int tree_place(const struct tree *t, const char *path, struct tree_place *place);
void tree_place_close(struct tree_place *place);
int tree_stat_in(int folder, const char *name, struct stat *st);
int tree_remove(const struct tree *t, const char *path);
int tree_remove_folder(const struct tree *t, const char *path, struct tree_removed *removed);
int tree_make_folder(const struct tree *t, const char *path);
int tree_rename(const struct tree *t, const char *from, const char *to);
bool tree_hidden(const char *name);
bool tree_name_denied(const struct tree *t, const char *name);
bool tree_denied(const struct tree *t, const char *path);
/* The name that a user's upload has until it is whole. */
void tree_partial_name(const char *name, uint64_t mark, char out[NAME_MAX + 1]);
struct tree_removed tree_clean(int folder, uint64_t older_ms);

#endif
