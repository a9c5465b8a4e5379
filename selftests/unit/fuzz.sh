# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# For the scripts that run programs of libFuzzer, which read it with "." after setting $here
# to their own folder:
#
#   fuzz_plan N                                 so many calls of fuzz come
#   fuzz NAME RUNS MAX_LEN SEEDS [OPTION...]    a short run of the program NAME, the same each
#                                               time; SEEDS: a folder below $here, or ""
#   fuzz_end                                    the exit status
#
# FUZZ_RUNS=N: so many runs. FUZZ_SECONDS=N: so long instead, with other inputs each time.
# FUZZ_CORPUS names a folder in which what is found is kept, in a folder for each program.

fuzz_number=0 fuzz_failed=0 fuzz_skipped=0
fuzz_output=${OUTPUT:-$here/../../../build/selftests/unit/$(basename -- "$here")}
fuzz_work=$(mktemp -d) || exit 1
trap 'rm -rf "$fuzz_work"' EXIT

fuzz_plan() {
	fuzz_planned=$1
	echo "TAP version 13"
	echo "1..$1"
}

fuzz() {
	fuzz_name=$1 fuzz_runs="-runs=${FUZZ_RUNS:-$2} -seed=253" fuzz_len=$3 fuzz_seeds=$4
	shift 4
	fuzz_number=$((fuzz_number + 1))
	fuzz_program=$here/$fuzz_name
	[ -x "$fuzz_program" ] || fuzz_program=$fuzz_output/$fuzz_name
	if [ ! -x "$fuzz_program" ]; then
		echo "ok $fuzz_number $fuzz_name # SKIP $fuzz_name is not built: it needs clang and its run time"
		fuzz_skipped=$((fuzz_skipped + 1))
		return
	fi
	[ -z "$FUZZ_SECONDS" ] || fuzz_runs="-max_total_time=$FUZZ_SECONDS"
	fuzz_corpus=${FUZZ_CORPUS:-$fuzz_work}/$fuzz_name
	mkdir -p "$fuzz_corpus"
	# shellcheck disable=SC2086  # two options
	if "$fuzz_program" $fuzz_runs -max_len="$fuzz_len" -timeout=20 -artifact_prefix="$fuzz_work/" "$@" \
		"$fuzz_corpus" ${fuzz_seeds:+"$here/$fuzz_seeds"} >"$fuzz_work/log" 2>&1; then
		sed -n 's/^Done /# &/p' "$fuzz_work/log"
		echo "ok $fuzz_number $fuzz_name"
		return
	fi
	tail -n 40 "$fuzz_work/log" | sed 's/^/# /'
	for f in "$fuzz_work"/crash-* "$fuzz_work"/leak-* "$fuzz_work"/timeout-* "$fuzz_work"/oom-*; do
		[ ! -e "$f" ] || base64 "$f" | sed 's/^/# input: /'
		rm -f "$f"
	done
	echo "not ok $fuzz_number $fuzz_name"
	fuzz_failed=1
}

fuzz_end() {
	[ "$fuzz_skipped" -lt "$fuzz_planned" ] || exit 4
	exit $fuzz_failed
}
