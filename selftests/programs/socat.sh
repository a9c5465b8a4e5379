#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# socat: an echo with half-close, a process for each connection, a relay,
# options that it sets on the socket.

. "$(dirname "$0")/common.sh"
need socat

# Everything comes back, and then the end
echoed() { # ADDRESS
	client socat -t "$LIMIT" - "$1" <"$work/file" | cmp - "$work/file"
}

parallel() {
	local i rc=0 pids=()

	for i in 1 2 3 4 5; do
		echoed "TCP:$SERVER:7000" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i" || rc=1
	done
	return $rc
}

plan 6
network
data file 2000000
# -b: a pipe that is nearly full takes no more than that without blocking; socat,
# blocked there, would not empty it any more, on kernel TCP either
check "socat starts" serve 7000 socat -b 4096 "TCP6-LISTEN:7000,fork,ipv6only=0,reuseaddr,backlog=20" PIPE
check "an echo" echoed "TCP4:$SERVER:7000"
check "an echo, IPv6, with options" \
	echoed "TCP6:[$SERVER6]:7000,nodelay,keepalive,keepidle=10,keepintvl=5,keepcnt=3,rcvbuf=30000,sndbuf=30000,mss=600"
check "five at once" parallel
check "carried by protocol $PROTO" carried 28000000
check "socat stops" stop
finish
