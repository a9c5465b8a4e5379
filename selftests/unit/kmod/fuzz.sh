#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# fuzz.sh PROGRAM RUNS LENGTH: a short run of a fuzzer, the same each time. For a
# long one give the program a folder: options_fuzz FOLDER

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
fuzz=$here/$1
[ -x "$fuzz" ] || fuzz=${OUTPUT:-$here/../../../build/selftests/unit/kmod}/$1
echo "TAP version 13"
echo "1..1"
if [ ! -x "$fuzz" ]; then
	echo "ok 1 $1 # SKIP $1 is not built: it needs clang and its run time"
	exit 4
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
mkdir "$work/corpus"
if "$fuzz" -runs="${FUZZ_RUNS:-$2}" -seed=253 -max_len="$3" -len_control=10 -artifact_prefix="$work/" \
	"$work/corpus" >"$work/log" 2>&1; then
	sed -n 's/^Done /# &/p' "$work/log"
	echo "ok 1 $1"
else
	tail -n 40 "$work/log" | sed 's/^/# /'
	for f in "$work"/crash-* "$work"/leak-* "$work"/timeout-*; do
		[ ! -e "$f" ] || base64 "$f" | sed 's/^/# input: /'
	done
	echo "not ok 1 $1"
	exit 1
fi
