#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
"$(dirname -- "$0")/fuzz.sh" reassembly_fuzz 60000 128
