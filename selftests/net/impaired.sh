#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Networks that lose, reorder, duplicate, damage and delay, in both directions.

. "$(dirname "$0")/lib.sh"
need_module
modprobe -q sch_netem || skip_all "this kernel has no netem"

# Name, octets each way, how to impair, counters that have to move (of Linnet,
# separated by commas)
impairments=(
	"none:2000000:delay 0ms:"
	"delay:300000:delay 30ms 5ms:"
	"loss 1 %:1000000:delay 2ms loss 1%:RetransSegs"
	"loss 5 %:500000:delay 2ms loss 5%:RetransSegs"
	"loss 20 %:60000:delay 2ms loss 20%:RetransSegs"
	"reordering:1000000:delay 5ms reorder 70% 50%:OutOfOrder"
	"duplication:1000000:delay 1ms duplicate 20%:"
	"corruption:500000:delay 2ms corrupt 3%:InCsumErrors,RetransSegs"
	"everything:300000:delay 5ms 2ms loss 2% duplicate 5% corrupt 1% reorder 20%:RetransSegs,OutOfOrder,InCsumErrors"
	"bottleneck with a short queue:1000000:delay 5ms rate 40mbit limit 15:RetransSegs"
)
# What TCP calls them
declare -A tcp_name=([RetransSegs]=RetransSegs [OutOfOrder]=TCPOFOQueue [InCsumErrors]=InCsumErrors)

moved() { # NS... -- NAMES BEFORE...
	local name i=0 before now n rc=0

	for name in ${1//,/ }; do
		before=0 now=0
		for n in "$a" "$b"; do
			now=$((now + $(counter "$n" "$name" "${tcp_name[$name]}")))
		done
		before=${start[$i]}
		if [ "$now" -le "$before" ]; then
			echo "# $name did not move: $now"
			rc=1
		fi
		i=$((i + 1))
	done
	return $rc
}

remember() { # NAMES
	local name n sum

	start=()
	for name in ${1//,/ }; do
		sum=0
		for n in "$a" "$b"; do
			sum=$((sum + $(counter "$n" "$name" "${tcp_name[$name]}")))
		done
		start+=("$sum")
	done
}

one() { # OCTETS HOW NAMES ADDRESS
	# shellcheck disable=SC2086 # a list
	in_ns "$a" tc qdisc replace dev v0 root netem $2 &&
		in_ns "$b" tc qdisc replace dev v1 root netem $2 || return 1
	remember "$3"
	transfer "$a" "$b" "$4" "$1" && moved "$3"
}

plan $((2 * ${#impairments[@]} + 4))
new_ns a
new_ns b
join_ns "$a" "$b"
for line in "${impairments[@]}"; do
	IFS=: read -r name octets how names <<<"$line"
	check "$name, IPv4" one "$octets" "$how" "$names" 192.0.2.1
	check "$name, IPv6" one "$octets" "$how" "$names" 2001:db8::1
done

# Each of these has its own way to come back from losses, here of whole
# super-segments
ip -n "$a" link set v0 gso_max_segs 65535
ip -n "$b" link set v1 gso_max_segs 65535
in_ns "$a" tc qdisc replace dev v0 root netem delay 5ms loss 1%
in_ns "$b" tc qdisc replace dev v1 root netem delay 5ms loss 1%
for cc in reno cubic bbr linnet_reno; do
	[ $cc != bbr ] || modprobe -q tcp_bbr
	if grep -qw $cc /proc/sys/net/ipv4/tcp_available_congestion_control; then
		check "loss with $cc" transfer "$a" "$b" 192.0.2.1 500000 $cc
	else
		skip "loss with $cc" "this kernel does not have it"
	fi
done
finish
