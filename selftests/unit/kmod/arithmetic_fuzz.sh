#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
"$(dirname -- "$0")/fuzz.sh" arithmetic_fuzz 1000000 128
