#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# For a long run: FUZZ_SECONDS=3600 FUZZ_CORPUS=/somewhere ./files_fuzz.sh

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
# Installed, it lies here
if [ -r "$here/fuzz.sh" ]; then
	. "$here/fuzz.sh"
else
	. "$here/../fuzz.sh"
fi
fuzz_plan 4
for parser in range encoding validators mime; do
	fuzz ${parser}_fuzz 200000 512 files-seeds/$parser -dict="$here/files.dict"
done
fuzz_end
