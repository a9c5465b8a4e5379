#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A short run of the fuzzer, the same each time. For a long one give it a folder:
# httpd_fuzz -dict=httpd.dict FOLDER

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
fuzz=$here/httpd_fuzz
[ -x "$fuzz" ] || fuzz=${OUTPUT:-$here/../../../build/selftests/unit/httpd}/httpd_fuzz
echo "TAP version 13"
echo "1..1"
if [ ! -x "$fuzz" ]; then
	echo "ok 1 fuzzing # SKIP httpd_fuzz is not built: it needs clang and its run time"
	exit 4
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
mkdir "$work/corpus"
printf 'GET /a/../b?c HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1,-5\r\nIf-Range: "a-b-c"\r\n\r\nx' >"$work/corpus/1"
printf 'HEAD http://x/%%41/ HTTP/1.0\r\nIf-None-Match: W/"a-b-c", "x"\r\nContent-Length: 0\r\n\r\nx' >"$work/corpus/2"
if "$fuzz" -runs="${FUZZ_RUNS:-300000}" -seed=253 -max_len=1024 -dict="$here/httpd.dict" -artifact_prefix="$work/" \
	"$work/corpus" >"$work/log" 2>&1; then
	sed -n 's/^Done /# &/p' "$work/log"
	echo "ok 1 fuzzing"
else
	tail -n 40 "$work/log" | sed 's/^/# /'
	for f in "$work"/crash-* "$work"/leak-* "$work"/timeout-*; do
		[ ! -e "$f" ] || base64 "$f" | sed 's/^/# input: /'
	done
	echo "not ok 1 fuzzing"
	exit 1
fi
