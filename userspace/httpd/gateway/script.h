/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef GATEWAY_SCRIPT_H
#define GATEWAY_SCRIPT_H

#include <stddef.h>

/**
 * struct script - a program in a folder
 * @len: length of its path within the path that named it
 * @folder: descriptor of the folder that it is in
 * @name: its name there, within the path
 * @name_len: its length
 */
struct script {
	size_t len;
	int folder;
	const char *name;
	size_t name_len;
};

int script_find(int root, const char *path, struct script *script);

#endif
