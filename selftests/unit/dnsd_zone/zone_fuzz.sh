#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A short run of the fuzzer of zone files, the same each time. For a long one give it a folder:
# zone_fuzz -dict=zone.dict FOLDER seeds/zone_fuzz

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
name=zone_fuzz
fuzz=$here/$name
[ -x "$fuzz" ] || fuzz=${OUTPUT:-$here/../../../build/selftests/unit/dnsd_zone}/$name
echo "TAP version 13"
echo "1..1"
if [ ! -x "$fuzz" ]; then
	echo "ok 1 $name # SKIP $name is not built: it needs clang and its run time"
	exit 4
fi
# In memory if that can be: each zone that is good is a commit
work=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
mkdir "$work/corpus" "$work/zone"
if ZONE_FUZZ_FOLDER="$work/zone" TMPDIR="$work" ASAN_OPTIONS="detect_leaks=1:$ASAN_OPTIONS" "$fuzz" \
	-runs="${FUZZ_RUNS:-3000}" -seed=253 -max_len=2048 -timeout=20 -dict="$here/zone.dict" -artifact_prefix="$work/" \
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
