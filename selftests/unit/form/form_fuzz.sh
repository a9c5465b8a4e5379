#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# For a long run: FUZZ_SECONDS=3600 FUZZ_CORPUS=/somewhere ./form_fuzz.sh

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
# Installed, it lies here
if [ -r "$here/fuzz.sh" ]; then
	. "$here/fuzz.sh"
else
	. "$here/../fuzz.sh"
fi
fuzz_plan 2
for kind in multipart urlencoded; do
	fuzz ${kind}_fuzz 100000 1024 $kind-seeds -dict="$here/form.dict"
done
fuzz_end
