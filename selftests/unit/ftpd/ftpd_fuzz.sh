#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A short run of each fuzzer, the same each time. For a long one give it a folder:
# telnet_fuzz -dict=ftpd.dict FOLDER

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
bin=$here
[ -x "$bin/telnet_fuzz" ] || bin=${OUTPUT:-$here/../../../build/selftests/unit/ftpd}
echo "TAP version 13"
echo "1..3"
if [ ! -x "$bin/telnet_fuzz" ]; then
	for i in 1 2 3; do
		echo "ok $i fuzzing # SKIP not built: it needs clang and its run time"
	done
	exit 4
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
i=0 status=0
for parser in telnet argument ascii; do
	i=$((i + 1))
	mkdir "$work/$parser"
	if "$bin/${parser}_fuzz" -runs="${FUZZ_RUNS:-200000}" -seed=253 -max_len=512 -dict="$here/ftpd.dict" \
		-artifact_prefix="$work/" "$work/$parser" >"$work/log" 2>&1; then
		sed -n 's/^Done .*/# &/p' "$work/log"
		echo "ok $i fuzzing $parser"
	else
		tail -n 40 "$work/log" | sed 's/^/# /'
		for f in "$work"/crash-* "$work"/leak-* "$work"/timeout-*; do
			[ ! -e "$f" ] || base64 "$f" | sed 's/^/# input: /'
		done
		rm -f "$work"/crash-* "$work"/leak-* "$work"/timeout-*
		echo "not ok $i fuzzing $parser"
		status=1
	fi
done
exit $status
