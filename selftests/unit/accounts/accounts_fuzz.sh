#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
# Installed, it lies here
if [ -r "$here/fuzz.sh" ]; then
	. "$here/fuzz.sh"
else
	. "$here/../fuzz.sh"
fi
fuzz_plan 2
fuzz users_fuzz 30000 600 seeds/users
fuzz sasl_fuzz 30000 400 seeds/sasl
fuzz_end
