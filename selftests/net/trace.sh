#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The tracepoints exist and fire.

. "$(dirname "$0")/lib.sh"
PROTO=253
need_module
tracing=/sys/kernel/tracing
[ -e $tracing/events ] || mount -t tracefs tracefs $tracing 2>/dev/null
[ -e $tracing/events ] || skip_all "this kernel has no tracefs"

instance=$tracing/instances/linnet-$$
tmp=$(mktemp)
stop() {
	echo 0 >$instance/events/linnet/enable
	rmdir $instance
	rm -f "$tmp"
	cleanup
}

fires() {
	grep -q " $1: .*$2" "$tmp" || {
		echo "# no $1 with $2"
		return 1
	}
}

plan 9
mkdir $instance || exit 1
trap stop EXIT
new_ns a
new_ns b
join_ns "$a" "$b"
echo 1 >$instance/events/linnet/enable
modprobe -q sch_netem && in_ns "$a" tc qdisc replace dev v0 root netem delay 1ms loss 5%
check "a transfer with them on" transfer "$a" "$b" 192.0.2.1 300000
check "and one on IPv6" transfer "$a" "$b" 2001:db8::1 300000
echo 0 >$instance/events/linnet/enable
cp $instance/trace "$tmp"
check "linnet_state: active open" fires linnet_state "SYN-SENT -> ESTABLISHED"
check "linnet_state: close" fires linnet_state "TIME-WAIT"
check "linnet_send" fires linnet_send "192.0.2"
check "linnet_receive" fires linnet_receive "2001:db8::"
check "linnet_cwnd" fires linnet_cwnd "cwnd=[1-9]"
if modprobe -q sch_netem; then
	check "linnet_retransmit" fires linnet_retransmit "seq="
else
	skip "linnet_retransmit" "this kernel has no netem"
fi
check "no address is shown raw" test -z "$(grep -m 1 'linnet_.*(____ptrval____)' "$tmp")"
finish
