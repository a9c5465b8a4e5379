#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The kept seeds, then FUZZ_SECONDS (20) of what libFuzzer makes of them. FUZZ_CORPUS
# names a folder in which what it has found is kept from one run to the next.

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
fuzz=$here/http2_fuzz
[ -x "$fuzz" ] || fuzz=${OUTPUT:-$here/../../../build/selftests/unit/http2}/http2_fuzz
echo "TAP version 13"
if [ ! -x "$fuzz" ]; then
	echo "1..1"
	echo "ok 1 fuzzing # SKIP http2_fuzz is not built: it needs clang and its run time"
	exit 4
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
mkdir "$work/corpus"
echo "1..2"
rc=0

run() { # NUMBER NAME ARGUMENT...
	number=$1 name=$2
	shift 2
	if "$fuzz" -seed=253 -max_len=4096 -timeout=20 -artifact_prefix="$work/" "$@" >"$work/log" 2>&1; then
		sed -n 's/^Done /# &/p' "$work/log"
		echo "ok $number $name"
		return
	fi
	tail -n 40 "$work/log" | sed 's/^/# /'
	for f in "$work"/crash-* "$work"/leak-* "$work"/timeout-* "$work"/oom-*; do
		[ ! -e "$f" ] || base64 "$f" | sed 's/^/# input: /'
	done
	echo "not ok $number $name"
	rc=1
}

run 1 "the seeds" -runs=0 "$here/seeds"
run 2 "http2_fuzz" -max_total_time="${FUZZ_SECONDS:-20}" "${FUZZ_CORPUS:-$work/corpus}" "$here/seeds"
exit $rc
