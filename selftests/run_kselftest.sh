#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Runs installed selftests and reports in KTAP, as the kernel's runner does.
# Works on any machine where the module is loaded; no guest is needed.

usage() {
	cat <<END
Usage: $0 [OPTION...]
  -c, --collection NAME      run the tests of this collection only (repeatable)
  -t, --test NAME:TEST       run this test only (repeatable)
  -s, --short                run only those of the short list
  -g, --guest                leave out those that ask nothing of a kernel
  -l, --list                 tell what there is
  -o, --output FILE          the whole report into FILE, a line for each test to the screen
  -n, --no-dmesg             do not look for trouble in the kernel's log after each test
  -j, --jobs N               so many tests at a time, for those that mostly wait; with --no-dmesg,
                             as nobody could tell whose trouble it is (default 1)
LAB_TIME_FACTOR (default 1) multiplies the tests' time limits.
END
}

base=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
list=$base/kselftest-list.txt
collections='' tests='' output='' dmesg=yes only_list='' host=/dev/null jobs=1
while [ $# -gt 0 ]; do
	case $1 in
	-c | --collection | -t | --test | -o | --output | -j | --jobs)
		[ $# -ge 2 ] || { echo "$0: $1 wants a value" >&2; exit 2; }
		case $1 in
		-c | --collection) collections="$collections $2" ;;
		-t | --test) tests="$tests $2" ;;
		-j | --jobs) jobs=$2 ;;
		*) output=$2 ;;
		esac
		shift
		;;
	-g | --guest) host=$base/kselftest-host.txt ;;
	-s | --short) list=$base/kselftest-short.txt ;;
	-l | --list) only_list=yes ;;
	-n | --no-dmesg) dmesg= ;;
	-h | --help) usage; exit 0 ;;
	*) echo "$0: unknown option \"$1\"" >&2; usage >&2; exit 2 ;;
	esac
	shift
done
case $jobs in
[1-9] | [1-9][0-9]) ;;
*) echo "$0: --jobs wants a number from 1 to 99, not \"$jobs\"" >&2; exit 2 ;;
esac
[ "$jobs" = 1 ] || [ -z "$dmesg" ] || { echo "$0: several --jobs go with --no-dmesg only" >&2; exit 2; }
[ -r "$list" ] || { echo "$0: there is no $list: \"make -C selftests install\" writes it" >&2; exit 2; }

chosen=
for c in $collections; do
	found=$(grep "^$c:" "$list") || { echo "$0: no collection \"$c\" in $list" >&2; exit 2; }
	chosen="$chosen $found"
done
for t in $tests; do
	grep -qxF "$t" "$list" || { echo "$0: no test \"$t\" in $list" >&2; exit 2; }
	chosen="$chosen $t"
done
[ -n "$collections$tests" ] || chosen=$(cat "$list")
# shellcheck disable=SC2086 # a list
chosen=$(printf '%s\n' $chosen | grep -vxF -f "$host")
if [ -n "$only_list" ]; then
	# shellcheck disable=SC2086 # a list
	printf '%s\n' $chosen
	exit 0
fi

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
# Not everybody may read or mark the kernel's log
[ -z "$dmesg" ] || { [ -w /dev/kmsg ] && dmesg >/dev/null 2>&1; } || dmesg=

# The whole report goes to the output; what "brief" gets, to the screen too
whole() {
	if [ -n "$output" ]; then cat >>"$output"; else cat; fi
}

brief() {
	[ -z "$output" ] || cat
}

report() {
	echo "$1" | whole
}

# take: the next test that nobody has taken yet
take() {
	(
		flock 9
		t_n=$(($(cat "$work/taken") + 1))
		t_entry=$(sed -n "${t_n}p" "$work/chosen")
		[ -n "$t_entry" ] && echo "$t_n" >"$work/taken" && echo "$t_entry"
	) 9>"$work/lock"
}

# run_test NAME FOLDER PROGRAM: its result in rc, what it said in log, its trouble in splat
run_test() {
	[ -z "$dmesg" ] || echo "$1" >/dev/kmsg
	rc=126
	if cd "$base/$2"; then
		# Into a file: what a test leaves running must not keep us waiting
		timeout -k 10 "$limit" "./$3" >"$log" 2>&1 </dev/null 8>&-
		rc=$?
		cd "$base" || exit 1
	fi
	: >"$splat"
	if [ -n "$dmesg" ]; then
		dmesg | awk -v mark="$1" '{ text = text $0 "\n" } index($0, mark) { text = "" } END { printf "%s", text }' |
			"$base/splat.sh" >"$splat"
	fi
}

# judge NAME: what is reported of it; one test at a time
judge() {
	why=
	if [ -s "$splat" ]; then
		why="# the kernel's log shows trouble"
	elif [ $rc = 124 ]; then
		why="# TIMEOUT $limit seconds"
	elif [ $rc = 4 ]; then
		why="# SKIP $(sed -n 's/.*# *SKIP *//p' "$log" | tail -n 1)"
	elif [ $rc != 0 ]; then
		why="# exit=$rc"
	elif grep -q '^[[:space:]]*not ok ' "$log"; then
		why="# it reports failures and exits with 0"
	fi
	number=$(($(cat "$work/judged") + 1))
	echo "$number" >"$work/judged"
	{
		echo "# timeout set to $limit"
		echo "# $1"
		sed 's/^/# /' "$log"
		sed 's/^/# kernel: /' "$splat"
	} >"$log.report"
	whole <"$log.report"
	verdict=ok
	case $why in
	'' | '# SKIP'*) ;;
	*)
		verdict="not ok"
		: >"$work/failed"
		brief <"$log.report"
		;;
	esac
	report "$verdict $number $1 $why"
	echo "$verdict $number $1 ($took s) $why" | brief
}

# worker N: takes tests until there are none left
worker() {
	log=$work/out.$1
	splat=$work/splat.$1
	while entry=$(take); do
		dir=${entry%%:*}
		limit=45
		[ ! -r "$base/$dir/settings" ] || limit=$(sed -n 's/^timeout=//p' "$base/$dir/settings")
		limit=$((limit * ${LAB_TIME_FACTOR:-1}))
		name="selftests: $dir: ${entry#*:}"
		start=$(date +%s)
		run_test "$name" "$dir" "${entry#*:}"
		took=$(($(date +%s) - start))
		flock 8
		judge "$name"
		flock -u 8
	done 8>"$work/judging"
}

[ -z "$output" ] || : >"$output" || exit 1
report "TAP version 13"
echo "$chosen" >"$work/chosen"
echo 0 >"$work/taken"
echo 0 >"$work/judged"
report "1..$(grep -c . "$work/chosen")"
if [ "$jobs" = 1 ]; then
	worker 1
else
	for n in $(seq "$jobs"); do
		worker "$n" &
	done
	wait
fi
[ ! -e "$work/failed" ]
