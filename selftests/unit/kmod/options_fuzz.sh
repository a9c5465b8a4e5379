#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
"$(dirname -- "$0")/fuzz.sh" options_fuzz 1000000 255
