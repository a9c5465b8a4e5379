#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
# Installed, it lies here
if [ -r "$here/fuzz.sh" ]; then
	. "$here/fuzz.sh"
else
	. "$here/../fuzz.sh"
fi
fuzz_plan 1
fuzz maildir_fuzz 4000 400 seeds
fuzz_end
