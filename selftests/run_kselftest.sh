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
LAB_TIME_FACTOR (default 1) multiplies the tests' time limits.
END
}

base=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
list=$base/kselftest-list.txt
collections='' tests='' output='' dmesg=yes only_list='' host=/dev/null
while [ $# -gt 0 ]; do
	case $1 in
	-c | --collection | -t | --test | -o | --output)
		[ $# -ge 2 ] || { echo "$0: $1 wants a value" >&2; exit 2; }
		case $1 in
		-c | --collection) collections="$collections $2" ;;
		-t | --test) tests="$tests $2" ;;
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
log=$work/out
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

[ -z "$output" ] || : >"$output" || exit 1
report "TAP version 13"
# shellcheck disable=SC2086 # a list
set -- $chosen
report "1..$#"
number=0
failed=0
for entry in "$@"; do
	number=$((number + 1))
	dir=${entry%%:*}
	prog=${entry#*:}
	name="selftests: $dir: $prog"
	limit=45
	[ ! -r "$base/$dir/settings" ] || limit=$(sed -n 's/^timeout=//p' "$base/$dir/settings")
	limit=$((limit * ${LAB_TIME_FACTOR:-1}))
	report "# timeout set to $limit"
	report "# $name"
	[ -z "$dmesg" ] || echo "$name" >/dev/kmsg
	start=$(date +%s)
	rc=126
	if cd "$base/$dir"; then
		# Into a file: what a test leaves running must not keep us waiting
		timeout -k 10 "$limit" "./$prog" >"$log" 2>&1 </dev/null
		rc=$?
		cd "$base" || exit 1
	fi
	took=$(($(date +%s) - start))
	: >"$work/splat"
	if [ -n "$dmesg" ]; then
		dmesg | awk -v mark="$name" '{ text = text $0 "\n" } index($0, mark) { text = "" } END { printf "%s", text }' |
			"$base/splat.sh" >"$work/splat"
	fi
	{
		sed 's/^/# /' "$log"
		sed 's/^/# kernel: /' "$work/splat"
	} >"$work/report"
	whole <"$work/report"
	verdict=ok
	why=
	if [ -s "$work/splat" ]; then
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
	case $why in
	'' | '# SKIP'*) ;;
	*)
		verdict="not ok"
		failed=$((failed + 1))
		brief <"$work/report"
		;;
	esac
	report "$verdict $number $name $why"
	echo "$verdict $number $name ($took s) $why" | brief
done
[ $failed = 0 ]
