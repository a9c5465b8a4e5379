#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A short run of the fuzzer, the same each time.  For a long one give it a folder:
#	packet_fuzz FOLDER seeds

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
fuzz=$here/packet_fuzz
[ -x "$fuzz" ] || fuzz=${OUTPUT:-$here/../../../build/selftests/unit/dnsd}/packet_fuzz
echo "TAP version 13"
echo "1..1"
if [ ! -x "$fuzz" ]; then
	echo "ok 1 packet_fuzz # SKIP packet_fuzz is not built: it needs clang and its run time"
	exit 4
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
mkdir "$work/corpus"
if ASAN_OPTIONS=detect_leaks=0 "$fuzz" -runs="${FUZZ_RUNS:-20000}" -seed=253 -max_len=600 \
	-artifact_prefix="$work/" "$work/corpus" "$here/seeds" >"$work/log" 2>&1; then
	sed -n 's/^Done /# &/p' "$work/log"
	echo "ok 1 packet_fuzz"
else
	tail -n 40 "$work/log" | sed 's/^/# /'
	for f in "$work"/crash-* "$work"/leak-* "$work"/timeout-*; do
		[ ! -e "$f" ] || base64 "$f" | sed 's/^/# input: /'
	done
	echo "not ok 1 packet_fuzz"
	exit 1
fi
