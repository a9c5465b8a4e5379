// SPDX-License-Identifier: GPL-2.0-or-later
/* Any line is a command or is refused with a code that the RFC has. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int err, const struct refusal *r)
{
	if (err && (r->code < 500 || r->code > 559 || !r->status || !r->text || r->status[0] != '5'))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct command_offer offer;
	struct mail_command m;
	struct rcpt_command c;
	struct refusal r;
	const char *args, *line;
	uint64_t n;
	size_t len;
	bool last;
	int err;

	if (!size)
		return 0;
	offer = (struct command_offer){ .extended = data[0] & 1, .utf8 = data[0] & 2 };
	/* Of its own, so that reading behind it is seen. */
	line = memcpy(malloc(size), data + 1, size - 1);
	command_verb(line, size - 1, &args, &len);
	if (args < line || args + len > line + size - 1)
		abort();
	err = command_mail(&m, args, len, &offer, &r);
	check(err, &r);
	if (!err && (strlen(m.envid) > COMMAND_ENVID_MAX || (m.utf8 && !offer.utf8)))
		abort();
	err = command_rcpt(&c, args, len, &offer, &r);
	check(err, &r);
	if (!err && (!*c.to.text || (c.notify & NOTIFY_NEVER && c.notify != NOTIFY_NEVER)))
		abort();
	check(command_bdat(args, len, &n, &last, &r), &r);
	command_client_name(args, len);
	free((void *)line);
	return 0;
}
