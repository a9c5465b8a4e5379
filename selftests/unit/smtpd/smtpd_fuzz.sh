#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# For a long run: FUZZ_SECONDS=3600 FUZZ_CORPUS=/somewhere ./smtpd_fuzz.sh

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
# Installed, it lies here
if [ -r "$here/fuzz.sh" ]; then
	. "$here/fuzz.sh"
else
	. "$here/../fuzz.sh"
fi
fuzz_plan 5
fuzz address_fuzz 50000 600 seeds/address
fuzz message_fuzz 20000 4000 seeds/message
fuzz command_fuzz 50000 1200 seeds/command
fuzz data_fuzz 30000 1000 seeds/data
fuzz aliases_fuzz 20000 2000 seeds/aliases
fuzz_end
