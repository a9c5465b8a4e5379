#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# ECN over a router that marks, and paths that do not bear it (RFC 3168).

. "$(dirname "$0")/lib.sh"
need_module
for m in sch_tbf sch_fq_codel sch_ingress cls_u32 act_gact; do
	modprobe -q $m || skip_all "this kernel has no $m"
done

set_ecn() { # VALUE
	local n name=net.linnet.ecn

	[ "$PROTO" != 6 ] || name=net.ipv4.tcp_ecn
	for n in "$a" "$b"; do
		in_ns "$n" sysctl -qw "$name=$1" || return 1
	done
}

# A SYN that is ECT itself is agreed to by one of its kind only
set_default() { # CONGESTION-CONTROL
	local n name=net.linnet.congestion_control

	[ "$PROTO" != 6 ] || name=net.ipv4.tcp_congestion_control
	for n in "$a" "$b"; do
		in_ns "$n" sysctl -qw "$name=$1" || return 1
	done
}

# What IP has counted: packets that came in marked, whatever their protocol
marks() { # PREFIX
	local n sum=0

	for n in "$a" "$b"; do
		sum=$((sum + $(in_ns "$n" nstat -asz "$1InCEPkts" | awk 'NR > 1 { print $2 + 0 }')))
	done
	echo $sum
}

resent() { echo $(($(counter "$a" RetransSegs RetransSegs) + $(counter "$b" RetransSegs RetransSegs))); }

fallbacks() { echo $(($(counter "$a" EcnFallback none) + $(counter "$b" EcnFallback none))); }

bottleneck() {
	in_ns "$a" tc qdisc replace dev v0 root handle 1: tbf rate 20mbit burst 4000 limit 400000 &&
		in_ns "$a" tc qdisc replace dev v0 parent 1: fq_codel ecn ce_threshold 2ms target 500ms limit 1000 &&
		in_ns "$b" tc qdisc replace dev v1 root handle 1: tbf rate 20mbit burst 4000 limit 400000 &&
		in_ns "$b" tc qdisc replace dev v1 parent 1: fq_codel ecn ce_threshold 2ms target 500ms limit 1000
}

marked() { # ADDRESS PREFIX [CC]
	local before lost

	before=$(marks "$2")
	lost=$(resent)
	transfer "$a" "$b" "$1" 3000000 "$3" || return 1
	before=$(($(marks "$2") - before))
	lost=$(($(resent) - lost))
	if [ $before = 0 ]; then
		echo "# nothing was marked"
		return 1
	fi
	# A busy machine may still send something again by its timers
	if [ $lost -ge $before ]; then
		echo "# $lost segments sent again, with $before marks that say all"
		return 1
	fi
}

unmarked() {
	local before

	before=$(marks IpExt)
	transfer "$a" "$b" 192.0.2.1 1000000 && [ "$(marks IpExt)" = "$before" ]
}

# The path drops what matches; on its far side, or the sender would be told
drop() { # U32-MATCH...
	local n dev

	for n in "$a:v0" "$b:v1"; do
		dev=${n#*:}
		in_ns "${n%:*}" tc qdisc replace dev "$dev" clsact &&
			in_ns "${n%:*}" tc filter add dev "$dev" ingress protocol ip u32 match "$@" action drop || return 1
	done
}

let_through() {
	in_ns "$a" tc qdisc del dev v0 clsact
	in_ns "$b" tc qdisc del dev v1 clsact
}

falls_back() { # U32-MATCH...
	local before rc

	before=$(fallbacks)
	drop "$@" || return 1
	transfer "$a" "$b" 192.0.2.1 300000
	rc=$?
	let_through
	[ $rc = 0 ] || return 1
	[ "$PROTO" = 6 ] || [ "$(fallbacks)" -gt "$before" ]
}

plan 8
new_ns a
new_ns b
join_ns "$a" "$b"
bottleneck || skip_all "no such bottleneck here"
set_ecn 1
check "marks in place of losses, IPv4" marked 192.0.2.1 IpExt reno
check "marks in place of losses, IPv6" marked 2001:db8::1 Ip6 reno
check "marks with cubic" marked 192.0.2.1 IpExt cubic
if modprobe -q tcp_dctcp && set_default dctcp; then
	check "marks with dctcp at both ends" marked 192.0.2.1 IpExt dctcp
	set_default reno
else
	skip "marks with dctcp" "this kernel does not have it"
fi
set_ecn 2
check "nobody asks, nobody gets" unmarked
set_ecn 0
check "switched off" unmarked
set_ecn 1
# byte 33: the flags behind an IPv4 header without options
check "a path that drops an ECN SYN" falls_back u8 0xc2 0xc2 at 33
if [ "$PROTO" = 6 ]; then
	skip "a path that drops ECT" "TCP falls back on the SYN only"
else
	check "a path that drops ECT" falls_back ip dsfield 0x02 0x02
fi
finish
