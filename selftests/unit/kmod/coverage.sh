#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Line coverage of the module's pure files by their unit tests: 95 % at least.
# coverage.txt is made when the tests are built.

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
report=$here/coverage.txt
[ -e "$report" ] || report=${OUTPUT:-$here/../../../build/selftests/unit/kmod}/coverage.txt
echo "TAP version 13"
echo "1..$(wc -l <"$report")"
awk '{
	ok = $2 >= 95 ? "ok" : "not ok"
	if (ok != "ok") rc = 1
	print ok, NR, "coverage of " $1 ": " $2 " % of its lines"
} END { exit rc }' "$report"
