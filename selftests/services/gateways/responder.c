// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A FastCGI responder on libfcgi: answers with its parameters and its input.  Its
 * listening socket is descriptor 0.
 */
#include <fcgiapp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void zeros(FCGX_Stream *out, long n)
{
	static char block[65536];

	while (n > 0) {
		long part = n < (long)sizeof(block) ? n : (long)sizeof(block);

		if (FCGX_PutStr(block, part, out) < 0)
			return;
		n -= part;
	}
}

static void echo(FCGX_Request *r)
{
	static char block[65536];
	unsigned long total = 0;
	int n;

	while ((n = FCGX_GetStr(block, sizeof(block), r->in)) > 0)
		total += n;
	FCGX_FPrintF(r->out, "Content-Type: text/plain\r\n\r\n");
	FCGX_FPrintF(r->out, "pid=%d\ntotal=%d\n", getpid(), (int)total);
	for (char **p = r->envp; *p; p++)
		FCGX_FPrintF(r->out, "%s\n", *p);
}

int main(void)
{
	FCGX_Request r;

	if (FCGX_Init() || FCGX_InitRequest(&r, 0, 0))
		return 1;
	while (!FCGX_Accept_r(&r)) {
		const char *query = FCGX_GetParam("QUERY_STRING", r.envp);

		if (query && !strncmp(query, "zeros=", 6)) {
			FCGX_FPrintF(r.out, "Content-Type: application/octet-stream\r\n\r\n");
			zeros(r.out, atol(query + 6));
		} else if (query && !strcmp(query, "stderr")) {
			FCGX_FPrintF(r.err, "complaint of %s", "the responder\n");
			FCGX_FPrintF(r.out, "Content-Type: text/plain\r\n\r\nok");
		} else {
			echo(&r);
		}
		FCGX_Finish_r(&r);
	}
	return 0;
}
