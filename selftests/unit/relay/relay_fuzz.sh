#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Short runs of the fuzzers, the same each time.  For a long one give one a folder:
#	reply_fuzz FOLDER seeds/reply

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
built=$here
[ -x "$built/reply_fuzz" ] || built=${OUTPUT:-$here/../../../build/selftests/unit/relay}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0
number=0
echo "TAP version 13"
echo "1..4"
for name in reply envelope spool convert; do
	number=$((number + 1))
	if [ ! -x "$built/${name}_fuzz" ]; then
		echo "ok $number ${name}_fuzz # SKIP it is not built: it needs clang and its run time"
		continue
	fi
	runs=${FUZZ_RUNS:-20000}
	[ "$name" != convert ] || runs=$((runs / 10))
	mkdir "$work/$name"
	if TMPDIR=$work ASAN_OPTIONS=detect_leaks=1 "$built/${name}_fuzz" -runs="$runs" -seed=253 -max_len=2500 \
		-artifact_prefix="$work/" "$work/$name" "$here/seeds/$name" >"$work/log" 2>&1; then
		sed -n 's/^Done /# &/p' "$work/log"
		echo "ok $number ${name}_fuzz"
	else
		tail -n 40 "$work/log" | sed 's/^/# /'
		for f in "$work"/crash-* "$work"/leak-* "$work"/timeout-*; do
			[ ! -e "$f" ] || base64 "$f" | sed 's/^/# input: /'
		done
		echo "not ok $number ${name}_fuzz"
		failed=1
	fi
done
exit $failed
