#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
exec "$(dirname -- "$0")/sim.sh" sim_sanitized 8
