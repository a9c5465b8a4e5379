#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Out and in again: refused while a socket exists, without a trace after it;
# module parameters; namespaces that end with all kinds of connections in them.

. "$(dirname "$0")/lib.sh"
PROTO=253
need_module
ko=${LINNET_KO:-$(modinfo -n linnet 2>/dev/null)}
[ -r "$ko" ] || skip_all "the module's file is not known: set LINNET_KO"
tracing=/sys/kernel/tracing
[ -e $tracing/events ] || mount -t tracefs tracefs $tracing 2>/dev/null

all() { # NAME
	awk -v name="$1" '$1 == name { print $2 }' /proc/net/linnet/snmp
}

no_sockets() {
	[ "$(all SocketsAll)" = 0 ]
}

unloaded() {
	rmmod linnet 2>/dev/null
	[ ! -d /sys/module/linnet ]
}

# A program that holds a socket as "hold KIND" tells, and writes a line when
# it does
hold() { # NS KIND
	become_in_ns "$1" "$here/hold" "$2" >"$tmp" 2>&1 &
	holder=$!
	await grep -q holding "$tmp"
}

drop() {
	kill $holder
	wait $holder 2>/dev/null
}

refused_while() { # KIND
	local text rc=0

	hold "$a" "$1" || {
		cat "$tmp"
		return 1
	}
	if text=$(rmmod linnet 2>&1); then
		echo "# rmmod succeeds"
		rc=1
	else
		case $text in
		*"in use"* | *busy* | *unavailable*) ;;
		*)
			echo "# $text"
			rc=1
			;;
		esac
	fi
	[ -d /proc/net/linnet ] || rc=1
	drop
	return $rc
}

nothing_left() {
	local f rc=0

	for f in /proc/net/linnet /proc/sys/net/linnet /sys/module/linnet $tracing/events/linnet; do
		if [ -e "$f" ]; then
			echo "# $f is there"
			rc=1
		fi
	done
	! grep -q LINNET /proc/net/protocols || rc=1
	! grep -q linnet /proc/sys/net/ipv4/tcp_available_congestion_control || rc=1
	! in_ns "$a" test -e /proc/net/linnet || rc=1
	! in_ns "$a" test -e /proc/sys/net/linnet || rc=1
	! grep -q linnet /proc/slabinfo || rc=1
	! grep -q ' \[linnet\]' /proc/kallsyms || rc=1
	return $rc
}

no_socket_call() {
	! "$here/hold" socket 2>/dev/null
}

reload() {
	insmod "$ko" && [ -d /proc/net/linnet ] && [ -d /proc/sys/net/linnet ] &&
		grep -q LINNET /proc/net/protocols &&
		in_ns "$a" test -e /proc/net/linnet/snmp &&
		transfer "$a" "$b" 192.0.2.1 100000
}

# TIME-WAIT and what else needs no program does not keep the module
unload_with_time_wait() {
	transfer "$a" "$b" 192.0.2.1 1000 || return 1
	in_ns "$b" grep -q TIME-WAIT /proc/net/linnet/sockets ||
		in_ns "$a" grep -q TIME-WAIT /proc/net/linnet/sockets || return 1
	await unloaded && nothing_left
}

parameter() { # NUMBER
	insmod "$ko" proto="$1" && [ "$(cat /sys/module/linnet/parameters/proto)" = "$1" ] &&
		PROTO=$1 transfer "$a" "$b" 192.0.2.1 100000 &&
		PROTO=$1 transfer "$a" "$b" 2001:db8::1 100000 && await unloaded
}

parameter_refused() { # NUMBER
	! insmod "$ko" proto="$1" 2>"$tmp" && grep -q 'Invalid parameters\|Invalid argument' "$tmp" &&
		[ ! -d /sys/module/linnet ]
}

# As TCP's congestion control it holds the module for as long as it is used
held_by_tcp() {
	local rc=0

	insmod "$ko" || return 1
	PROTO=6 hold "$a" linnet_reno || return 1
	! rmmod linnet 2>/dev/null || rc=1
	drop
	await unloaded || rc=1
	insmod "$ko" || rc=1
	return $rc
}

many_times() {
	local i

	for i in 1 2 3 4 5 6 7 8; do
		await unloaded && insmod "$ko" || return 1
		transfer "$a" "$b" 192.0.2.1 1000 || return 1
	done
}

# A namespace goes with all that is in it
namespace_ends() { # KIND
	local n

	no_sockets || await no_sockets || return 1
	for _ in 1 2 3 4 5; do
		n=lnt-$$-end
		ip netns add $n && ip -n $n link set lo up || return 1
		orphans_give_up $n
		if ! hold $n "$1"; then
			cat "$tmp"
			ip netns del $n
			return 1
		fi
		# the name goes first, the sockets then
		ip netns del $n
		drop
	done
	await no_sockets
}

tmp=$(mktemp)
trap 'rm -f "$tmp"; [ -d /sys/module/linnet ] || insmod "$ko"; cleanup' EXIT
kinds="socket listener pair backlog connecting half-closed full"
plan 32
new_ns a
new_ns b
join_ns "$a" "$b"
check "no sockets at the start" await no_sockets
for kind in $kinds; do
	check "refused with: $kind" refused_while "$kind"
done
for kind in $kinds time-wait; do
	check "a namespace ends with: $kind" namespace_ends "$kind"
done
check "sockets are gone" await no_sockets
check "unloaded" await unloaded
check "nothing is left" nothing_left
check "socket() fails" no_socket_call
check "loaded again" reload
check "unloaded with connections in TIME-WAIT" unload_with_time_wait
check "proto=254" parameter 254
check "proto=253" parameter 253
for number in 99 6 255 0 -1 word; do
	check "proto=$number is refused" parameter_refused $number
done
check "held by a TCP socket with linnet_reno" held_by_tcp
check "many times" many_times
finish
