#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# iperf3, in each direction, in both at once, with parallel streams.

. "$(dirname "$0")/common.sh"
need iperf3

octets() { # sum_sent, sum_received, sum_sent_bidir_reverse ... of the report
	awk -v part="\"$1\":" 'index($0, part) { on = 1 } on && /"bytes":/ { gsub(/[^0-9]/, ""); print; exit }' "$work/report"
}

report() { # MEGABYTES ARGS...
	client iperf3 -c "${host:-$SERVER}" -p 5201 -J -n "${1}M" "${@:2}" >"$work/report" || {
		grep '"error"' "$work/report"
		return 1
	}
}

# What was asked for was sent. The receiver stops counting when the sender says so
# on another connection: what is still under way then does not count.
measure() { # MEGABYTES ARGS...
	report "$@" || return 1
	echo "# $(octets sum_sent) octets sent, $(octets sum_received) received"
	[ "$(octets sum_sent)" -ge $(($1 << 20)) ] && [ "$(octets sum_received)" -ge $(($1 << 18)) ] &&
		[ "$(octets sum_received)" -le "$(octets sum_sent)" ]
}

# It ends when the quicker of the two is done
both() {
	local there back

	report "$1" --bidir || return 1
	there=$(octets sum_sent) back=$(octets sum_received_bidir_reverse)
	echo "# $there octets there, $back back"
	[ "$((there > back ? there : back))" -ge $(($1 << 20)) ] && [ "$(octets sum_received)" -gt 0 ] && [ "$back" -gt 0 ]
}

ipv6() {
	host=$SERVER6
	measure "$@"
}

with() { # MEGABYTES ALGORITHM
	measure "$1" -C "$2" && grep -q "\"sender_tcp_congestion\":[[:space:]]*\"$2\"" "$work/report"
}

plan 10
network
modprobe -q tcp_bbr
check "iperf3 starts" serve 5201 iperf3 -s -p 5201
check "client to server" measure 8
check "server to client" measure 8 -R
check "both at once" both 8
check "four streams" measure 8 -P 4
check "IPv6" ipv6 8
check "segments of 500 octets" measure 2 -M 500
if grep -qw bbr /proc/sys/net/ipv4/tcp_available_congestion_control; then
	check "with bbr" with 8 bbr
else
	skip "with bbr" "this kernel does not have it"
fi
check "carried by protocol $PROTO" carried 50000000
check "iperf3 stops" stop
finish
