#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A short run of each fuzzer, the same each time. For a long one give it a folder:
# multipart_fuzz -dict=form.dict FOLDER multipart-seeds

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
number=0 failed=0 skipped=0
echo "TAP version 13"
echo "1..2"
for kind in multipart urlencoded; do
	number=$((number + 1))
	fuzz=$here/${kind}_fuzz
	[ -x "$fuzz" ] || fuzz=${OUTPUT:-$here/../../../build/selftests/unit/form}/${kind}_fuzz
	if [ ! -x "$fuzz" ]; then
		echo "ok $number fuzzing $kind # SKIP ${kind}_fuzz is not built: it needs clang and its run time"
		skipped=$((skipped + 1))
		continue
	fi
	mkdir "$work/$kind"
	if "$fuzz" -runs="${FUZZ_RUNS:-100000}" -seed=253 -max_len=1024 -dict="$here/form.dict" \
		-artifact_prefix="$work/" "$work/$kind" "$here/$kind-seeds" >"$work/log" 2>&1; then
		sed -n 's/^Done /# &/p' "$work/log"
		echo "ok $number fuzzing $kind"
		continue
	fi
	tail -n 40 "$work/log" | sed 's/^/# /'
	for f in "$work"/crash-* "$work"/leak-* "$work"/timeout-*; do
		[ ! -e "$f" ] || base64 "$f" | sed 's/^/# input: /'
	done
	echo "not ok $number fuzzing $kind"
	failed=1
done
[ $skipped -lt 2 ] || exit 4
exit $failed
