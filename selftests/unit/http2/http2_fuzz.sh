#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The kept seeds, and what libFuzzer makes of them: FUZZ_SECONDS=3600 FUZZ_CORPUS=/somewhere ./http2_fuzz.sh

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
# Installed, it lies here
if [ -r "$here/fuzz.sh" ]; then
	. "$here/fuzz.sh"
else
	. "$here/../fuzz.sh"
fi
fuzz_plan 1
fuzz http2_fuzz 100000 4096 seeds
fuzz_end
