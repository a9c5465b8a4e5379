#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# segments_fuzz.sh: segments, time, system calls and ICMP errors for a connection
# in every state. First the kept seeds, then FUZZ_SECONDS (20) of what libFuzzer
# makes of them; then which lines of the rooms all these run. FUZZ_CORPUS
# names a folder in which what it has found is kept from one run to the next.

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
built=$here
[ -x "$built/segments_fuzz" ] || built=${OUTPUT:-$here/../../../build/selftests/unit/sim}
fuzz=$built/segments_fuzz
seconds=${FUZZ_SECONDS:-20}
rooms='input text acknowledge scoreboard rack recovery close timewait synqueue handshake'
echo "TAP version 13"
if [ ! -x "$fuzz" ]; then
	echo "1..1"
	echo "ok 1 segments_fuzz # SKIP it is not built: that needs clang, its run time and a kernel's headers"
	exit 4
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
mkdir "$work/seeds" "$work/corpus"
echo "1..3"
rc=0

result() { # STATUS NUMBER NAME
	if [ "$1" -eq 0 ]; then
		echo "ok $2 $3"
	else
		echo "not ok $2 $3"
		rc=1
	fi
}

# What broke a rule, as text that can be kept in seeds/
found() {
	grep -e '^# ' -e ERROR: -e 'runtime error' "$1" | head -n 8 | sed 's/^#* */# /'
	grep -e ' in .*/kmod/' "$1" | head -n 8 | sed 's/^/#/'
	for f in "$work"/crash-* "$work"/leak-* "$work"/timeout-* "$work"/oom-*; do
		[ ! -e "$f" ] || "$fuzz" --explain "$f" | sed 's/^/# input: /'
	done
}

replay() {
	"$fuzz" --make-seeds "$work/seeds" "$here"/seeds/* >"$work/log" 2>&1 || {
		sed 's/^/# /' "$work/log"
		return 1
	}
	for s in "$work"/seeds/*; do
		"$fuzz" -artifact_prefix="$work/" "$s" >"$work/log" 2>&1 || {
			echo "# ${s##*/}:"
			found "$work/log"
			return 1
		}
	done
}

run() {
	# -max_len: 65 records
	"$fuzz" -max_total_time="$seconds" -max_len=1040 -len_control=0 -timeout=60 \
		-artifact_prefix="$work/" "${FUZZ_CORPUS:-$work/corpus}" "$work/seeds" >"$work/log" 2>&1 || {
		found "$work/log"
		return 1
	}
	sed -n 's/^Done /# &/p' "$work/log"
}

# Each room by at least half: a seed that goes nowhere shows here
coverage() {
	if ! command -v llvm-profdata >/dev/null || ! command -v llvm-cov >/dev/null; then
		echo "# without llvm-cov nothing is known of coverage"
		return 0
	fi
	LLVM_PROFILE_FILE="$work/profile" "$built/segments_cover" -runs=0 "$work/seeds" \
		"${FUZZ_CORPUS:-$work/corpus}" >"$work/log" 2>&1 || return
	llvm-profdata merge -o "$work/merged" "$work/profile" &&
		llvm-cov report "$built/segments_cover" -instr-profile="$work/merged" >"$work/report" || return
	for r in $rooms; do
		# columns: regions, functions, lines, each with what was missed and a share
		awk -v r="$r.c" '$1 ~ "(^|/)" r "$" {
			printf "# %s: %s of its lines\n", r, $10
			low = $10 + 0 < 50
			seen = 1
		} END { exit low || !seen }' "$work/report" || return
	done
}

replay
result $? 1 "the seeds"
run
result $? 2 "segments_fuzz"
coverage
result $? 3 "coverage of the rooms"
exit $rc
