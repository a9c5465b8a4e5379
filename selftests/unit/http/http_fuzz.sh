#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# For a long run: FUZZ_SECONDS=3600 FUZZ_CORPUS=/somewhere ./http_fuzz.sh

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
# Installed, it lies here
if [ -r "$here/fuzz.sh" ]; then
	. "$here/fuzz.sh"
else
	. "$here/../fuzz.sh"
fi
fuzz_plan 3
fuzz request_fuzz 100000 1024 seeds/request_fuzz -dict="$here/http.dict"
fuzz chunked_fuzz 100000 512 seeds/chunked_fuzz -dict="$here/http.dict"
fuzz http1_fuzz 100000 1024 seeds/http1_fuzz -dict="$here/http.dict"
fuzz_end
