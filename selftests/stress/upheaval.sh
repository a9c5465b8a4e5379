#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What happens to the network under a transfer: links, routes and addresses
# that go and come back, which it must survive; devices and namespaces that go
# for ever, which must leave nothing behind.

. "$(dirname "$0")/lib.sh"
need_module
# start SERVER CLIENT OCTETS: transfers of so many octets each way, in both IP
# versions; they are under way when it returns
start() {
	local address

	pids=()
	: >"$tmp.clients"
	for address in 192.0.2.1 2001:db8::1; do
		become_in_ns "$1" "$here/xfer" -l "$address" 5001 "$3" >"$tmp.log" 2>&1 &
		pids+=($!)
		await grep -q listening "$tmp.log" || return 1
		become_in_ns "$2" "$here/xfer" "$address" 5001 "$3" >>"$tmp.clients" 2>&1 &
		pids+=($!)
	done
	await connected
}

connected() {
	[ "$(grep -c connected "$tmp.clients")" = 2 ]
}

# arrive: both transfers have come to their end, and to a good one
arrive() {
	local pid rc=0

	for pid in "${pids[@]}"; do
		wait "$pid" || rc=1
	done
	grep -v connected "$tmp.clients"
	return $rc
}

# under OCTETS COMMAND...: transfers while the command is repeated, at least three
# times, and further ones when they end before that; what it does away with it
# brings back. Its sleeps are the state that is tested: segments go or do not for
# so long.
under() {
	local octets=$1 rounds=0 rc=0

	start "$a" "$b" "$octets" || return 1
	shift
	while kill -0 "${pids[@]}" 2>/dev/null || [ $rounds -lt 3 ]; do
		if ! kill -0 "${pids[@]}" 2>/dev/null; then
			arrive && start "$a" "$b" "$octets" || return 1
		fi
		"$@" || {
			rc=1
			break
		}
		rounds=$((rounds + 1))
	done
	arrive || rc=1
	echo "# $rounds times"
	return $rc
}

interface_flaps() {
	ip -n "$a" link set v0 down && sleep 0.1 && ip -n "$a" link set v0 up &&
		ip -n "$a" addr replace 2001:db8::1/64 dev v0 nodad && sleep 0.4
}

peer_flaps() {
	ip -n "$b" link set v1 down && sleep 0.1 && ip -n "$b" link set v1 up &&
		ip -n "$b" addr replace 2001:db8::2/64 dev v1 nodad && sleep 0.4
}

address_goes() {
	ip -n "$a" addr del 192.0.2.1/24 dev v0 && ip -n "$a" addr del 2001:db8::1/64 dev v0 && sleep 0.1 &&
		ip -n "$a" addr add 192.0.2.1/24 dev v0 && ip -n "$a" addr add 2001:db8::1/64 dev v0 nodad &&
		sleep 0.4
}

# One kind after the other, so that a slow machine comes to all of them
routes_flap() {
	local kinds=(unreachable blackhole prohibit)
	local kind=${kinds[rounds % 3]}

	ip -n "$a" route add "$kind" 192.0.2.2 && ip -n "$a" -6 route add "$kind" 2001:db8::2 metric 1 &&
		sleep 0.1 && ip -n "$a" route del "$kind" 192.0.2.2 &&
		ip -n "$a" -6 route del "$kind" 2001:db8::2 metric 1 && sleep 0.3
}

neighbours_vanish() {
	# "flush not complete": it is learnt again as fast as it is forgotten
	ip -n "$a" neigh flush dev v0 2>/dev/null
	ip -n "$b" neigh flush dev v1 2>/dev/null
	sleep 0.1
}

mtu_wanders() {
	local mtu

	for mtu in 1300 1500 1280 9000 1500; do
		ip -n "$a" link set v0 mtu $mtu && ip -n "$b" link set v1 mtu $mtu && sleep 0.1 || return 1
	done
}

offloads_change() {
	local how

	for how in off on; do
		in_ns "$a" ethtool -K v0 tx $how sg $how tso $how gso $how >/dev/null 2>&1
		in_ns "$b" ethtool -K v1 tx $how sg $how tso $how gso $how >/dev/null 2>&1
		sleep 0.1
	done
}

# Sockets that exist on the machine
count() {
	if [ "$PROTO" = 6 ]; then
		awk '$1 == "TCP:" { print $9 }' /proc/net/sockstat
	else
		awk '$1 == "SocketsAll" { print $2 }' /proc/net/linnet/snmp
	fi
}

sockets_gone() {
	[ "$(count)" -le "$before" ]
}

# Two transfers without end between two new namespaces, once they move
begin() {
	new_ns c
	new_ns d
	join_ns "$c" "$d"
	orphans_give_up "$c"
	orphans_give_up "$d"
	start "$c" "$d" 100000000000
}

halt() {
	kill -KILL "${pids[@]}" 2>/dev/null
	wait "${pids[@]}" 2>/dev/null
	:
}

device_goes() {
	begin && ip -n "$c" link del v0 && sleep 0.3 && halt && await sockets_gone
}

# The processes go first: a namespace ends with its last one
namespace_goes() {
	for _ in 1 2 3; do
		begin && ip netns del "$c" && ip netns del "$d" && halt && await sockets_gone || return 1
	done
}

# The peer's namespace alone; who is left meets silence
peer_goes() {
	begin && ip netns del "$c" && kill -KILL "${pids[0]}" "${pids[2]}" && sleep 0.3 && halt && await sockets_gone
}

tmp=$(mktemp)
trap 'rm -f "$tmp" "$tmp".*; cleanup' EXIT
plan 12
new_ns a
new_ns b
join_ns "$a" "$b"
# paths slow enough for a transfer to see it happen
modprobe -q sch_netem || skip_all "this kernel has no netem"
in_ns "$a" tc qdisc add dev v0 root netem delay 2ms rate 4mbit
in_ns "$b" tc qdisc add dev v1 root netem delay 2ms rate 4mbit
check "the interface goes down and up" under 800000 interface_flaps
check "the peer's interface goes down and up" under 800000 peer_flaps
check "addresses go and come back" under 800000 address_goes
check "routes go and come back" under 2500000 routes_flap
check "neighbours are forgotten" under 1500000 neighbours_vanish
check "the MTU changes" under 4000000 mtu_wanders
check "offloads change" under 4000000 offloads_change
check "and a transfer as ever" transfer "$a" "$b" 192.0.2.1 100000
before=$(count)
check "the device goes" device_goes
check "the peer's namespace goes" peer_goes
check "both namespaces go" namespace_goes
check "and a transfer as ever" transfer "$a" "$b" 2001:db8::1 100000
finish
