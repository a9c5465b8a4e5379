#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Installed under the name of each topic: plays its scripts. PROTO and FAMILY
# in the environment choose one.

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
exec "$here/packetscript" ${PROTO:+-p "$PROTO"} ${FAMILY:+-f "$FAMILY"} "$here/scripts/${0##*/}"/*.pkt
