-- SPDX-License-Identifier: GPL-2.0-or-later
-- wrk: the XML-RPC call in $BENCH_CALL, over and over.
wrk.method = "POST"
wrk.body = os.getenv("BENCH_CALL")
wrk.headers["Content-Type"] = "text/xml"
wrk.headers["User-Agent"] = "wrk"
