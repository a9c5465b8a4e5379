#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# For a long run: FUZZ_SECONDS=3600 FUZZ_CORPUS=/somewhere ./rpcd_fuzz.sh

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
# Installed, it lies here
if [ -r "$here/fuzz.sh" ]; then
	. "$here/fuzz.sh"
else
	. "$here/../fuzz.sh"
fi
fuzz_plan 2
for parser in call pack; do
	fuzz ${parser}_fuzz 30000 2048 rpcd-seeds/$parser -dict="$here/rpcd.dict"
done
fuzz_end
