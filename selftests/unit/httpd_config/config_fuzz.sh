#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A short run of the fuzzer, the same each time. For a long one give it a folder:
# config_fuzz FOLDER seeds

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
fuzz=$here/config_fuzz
[ -x "$fuzz" ] || fuzz=${OUTPUT:-$here/../../../build/selftests/unit/httpd_config}/config_fuzz
echo "TAP version 13"
echo "1..1"
if [ ! -x "$fuzz" ]; then
	echo "ok 1 fuzzing # SKIP config_fuzz is not built: it needs clang and its run time"
	exit 4
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
mkdir "$work/corpus"
if "$fuzz" -runs="${FUZZ_RUNS:-200000}" -seed=253 -max_len=1024 -artifact_prefix="$work/" "$work/corpus" \
	"$here/seeds" >"$work/log" 2>&1; then
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
