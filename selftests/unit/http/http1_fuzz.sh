#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
exec "$(dirname -- "$0")/fuzz.sh" http1_fuzz 1024
