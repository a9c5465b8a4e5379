#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A short run of the fuzzer NAME, the same each time: fuzz.sh NAME MAX_LEN. For a long one
# give it a folder: NAME -dict=http.dict FOLDER seeds/NAME

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
name=$1
fuzz=$here/$name
[ -x "$fuzz" ] || fuzz=${OUTPUT:-$here/../../../build/selftests/unit/http}/$name
echo "TAP version 13"
echo "1..1"
if [ ! -x "$fuzz" ]; then
	echo "ok 1 $name # SKIP $name is not built: it needs clang and its run time"
	exit 4
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
mkdir "$work/corpus"
if "$fuzz" -runs="${FUZZ_RUNS:-100000}" -seed=253 -max_len="$2" -dict="$here/http.dict" -artifact_prefix="$work/" \
	"$work/corpus" "$here/seeds/$name" >"$work/log" 2>&1; then
	sed -n 's/^Done /# &/p' "$work/log"
	echo "ok 1 $name"
else
	tail -n 40 "$work/log" | sed 's/^/# /'
	for f in "$work"/crash-* "$work"/leak-* "$work"/timeout-*; do
		[ ! -e "$f" ] || base64 "$f" | sed 's/^/# input: /'
	done
	echo "not ok 1 $name"
	exit 1
fi
