// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A mechanism, and lines of a client. Only who knows a password gets in, and the seeds know none.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sasl.h"
#include "standin.h"

static const char users[] =
	"ann:$5$rounds=1000$mailtest$KS6iPNlTIFnFa7cfRMRXu3Q1AHdTk9nQo4j3p0k6Xd4\n"
	"ann:{SCRAM-SHA-256}4096,ayweaDeBygoHP2iYxNjUrw==,0JQPxloG1UZ7H/xnMg6nJykBY+tBTV0NGnL+/"
	"moqnIo=,4zOkh8LpVHYPhQN1Dq50lxgKLtV2fPyE+6RAaFlu57U=\n";

static void done(void *data, enum sasl_verdict verdict)
{
	*(enum sasl_verdict *)data = verdict;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "PLAIN", "LOGIN", "SCRAM-SHA-256" };
	static struct accounts *a;
	enum sasl_verdict verdict;
	struct sasl_settings settings = { .service = "pop", .hostname = "h", .plain = true,
					  .done = done, .data = &verdict };
	struct sasl *s;
	const char *challenge;

	if (!a) {
		a = standin_accounts(users, sizeof(users) - 1);
		if (!a || sasl_start())
			abort();
	}
	if (size < 2)
		return 0;
	settings.accounts = a;
	s = sasl_new(&settings, names[data[0] % 3], &verdict);
	if (!s)
		abort();
	data++;
	size--;
	verdict = data[0] & 0x80 ? sasl_step(s, NULL, 0, &challenge) : SASL_CONTINUE;
	while (size && verdict == SASL_CONTINUE) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t len = end ? (size_t)(end - data) : size;
		char *line = malloc(len);

		memcpy(line, data, len);
		verdict = sasl_step(s, line, len, &challenge);
		free(line);
		if (verdict == SASL_CONTINUE && strlen(challenge) > 400)
			abort();
		data += len + !!end;
		size -= len + !!end;
	}
	while (verdict == SASL_PENDING)
		uv_run(uv_default_loop(), UV_RUN_ONCE);
	if (verdict == SASL_GOOD || strlen(sasl_user(s)) > USERS_MAX_NAME)
		abort();
	sasl_free(s);
	return 0;
}
