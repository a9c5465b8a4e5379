#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# sim.sh [PROGRAM [RUNS]]: every scenario, RUNS times. SIM_RUNS, or SIM_FULL=1 for
# ten million segments and more, in place of RUNS.

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
sim=$here/${1:-sim}
[ -x "$sim" ] || sim=${OUTPUT:-$here/../../../build/selftests/unit/sim}/${1:-sim}
if [ ! -x "$sim" ]; then
	printf 'TAP version 13\n1..1\n'
	echo "ok 1 ${1:-sim} # SKIP it is not built: that needs clang and a kernel's headers"
	exit 4
fi
runs=${2:-150}
[ -z "$SIM_FULL" ] || runs=$((runs * 10))
SIM_RUNS=${SIM_RUNS:-$runs} exec "$sim"
