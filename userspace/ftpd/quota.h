/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is in a user's folder, kept in a hidden file of it, which all workers lock. */
#ifndef FTPD_QUOTA_H
#define FTPD_QUOTA_H

#include <stdint.h>

#define QUOTA_FILE	".linnet-usage"

struct quota {
	uint64_t octets, files;		/* limits, 0: none */
};

/* Adds to what is used; -EDQUOT when there is more than may be and it grows. */
int quota_change(int home, const struct quota *limits, int64_t octets, int64_t files);
/* What is left, for so many files more; @most when there is no limit. */
uint64_t quota_left(int home, const struct quota *limits, int64_t files, uint64_t most);

#endif
