#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A short run of each fuzzer, the same each time. For a long one give it a folder:
# update_fuzz FOLDER keeper-seeds/update

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
bin=$here
[ -x "$bin/update_fuzz" ] || bin=${OUTPUT:-$here/../../../build/selftests/unit/dnsd_keeper}
echo "TAP version 13"
echo "1..2"
if [ ! -x "$bin/update_fuzz" ]; then
	for i in 1 2; do
		echo "ok $i fuzzing # SKIP not built: it needs clang and its run time"
	done
	exit 4
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
i=0 status=0
for what in update transfer; do
	i=$((i + 1))
	mkdir "$work/$what"
	if "$bin/${what}_fuzz" -runs="${FUZZ_RUNS:-30000}" -seed=253 -max_len=1024 \
		-artifact_prefix="$work/" "$work/$what" "$here/keeper-seeds/$what" >"$work/log" 2>&1; then
		sed -n 's/^Done .*/# &/p' "$work/log"
		echo "ok $i fuzzing $what"
	else
		tail -n 40 "$work/log" | sed 's/^/# /'
		for f in "$work"/crash-* "$work"/leak-* "$work"/timeout-*; do
			[ ! -e "$f" ] || base64 "$f" | sed 's/^/# input: /'
		done
		rm -f "$work"/crash-* "$work"/leak-* "$work"/timeout-*
		echo "not ok $i fuzzing $what"
		status=1
	fi
done
exit $status
