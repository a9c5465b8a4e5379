#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# net.linnet.*: readable, bounded, and each namespace's own.

. "$(dirname "$0")/lib.sh"
PROTO=253
need_module
folder=/proc/sys/net/linnet

# Name, lowest and highest
bounds="
window_scaling 0 1
timestamps 0 1
sack 0 1
gso 0 1
moderate_rcvbuf 0 1
slow_start_after_idle 0 1
abort_on_overflow 0 1
rfc1337 0 1
reordering 3 300
syn_retries 1 127
synack_retries 0 255
retries1 0 255
retries2 0 255
orphan_retries 0 255
max_syn_backlog 1 1073741823
fin_timeout 1 86400
keepalive_time 1 32767
keepalive_intvl 1 32767
keepalive_probes 1 127
max_tw_buckets 0 1073741823
challenge_ack_limit 0 1073741823
invalid_ratelimit 0 60000
min_tso_segs 1 64
"

# try NAME VALUE: write it; the error's text in $why
try() {
	why=$(in_ns "$a" dash -c "echo $2 >$folder/$1" 2>&1)
}

read_of() {
	in_ns "$1" cat "$folder/$2"
}

refused() { # NAME VALUE
	local before

	before=$(read_of "$a" "$1")
	if try "$1" "$2"; then
		echo "# $1 takes $2"
		return 1
	fi
	# dash tells the error of write() by number only to strace: ask dd
	why=$(echo "$2" | in_ns "$a" dd of="$folder/$1" 2>&1 >/dev/null)
	case $why in
	*"Invalid argument"*) ;;
	*)
		echo "# $1 $2: $why"
		return 1
		;;
	esac
	[ "$(read_of "$a" "$1")" = "$before" ] || {
		echo "# $1 has changed to $(read_of "$a" "$1")"
		return 1
	}
}

accepted() { # NAME VALUE
	try "$1" "$2" || {
		echo "# $1 does not take $2: $why"
		return 1
	}
	[ "$(read_of "$a" "$1")" = "$2" ]
}

bounded() { # NAME LOW HIGH
	local before other rc=0

	before=$(read_of "$a" "$1") || return 1
	other=$(read_of "$b" "$1")
	[ "$before" -ge "$2" ] && [ "$before" -le "$3" ] || rc=1
	accepted "$1" "$2" && accepted "$1" "$3" || rc=1
	refused "$1" $(($2 - 1)) && refused "$1" $(($3 + 1)) || rc=1
	refused "$1" word && refused "$1" 99999999999 || rc=1
	# the other namespace has its own
	[ "$(read_of "$b" "$1")" = "$other" ] || rc=1
	accepted "$1" "$before" || rc=1
	return $rc
}

all_readable() {
	local f

	for f in "$folder"/*; do
		[ -n "$(cat "$f")" ] || return 1
	done
}

# Those with three values
triple() { # NAME
	local before

	before=$(read_of "$a" "$1")
	refused "$1" "'1 1 1'" && refused "$1" "-5" &&
		try "$1" "'4096 50000 60000'" && [ "$(read_of "$a" "$1" | tr '\t' ' ')" = "4096 50000 60000" ] &&
		[ "$(read_of "$b" "$1")" = "$before" ]
}

congestion_control() {
	modprobe -q tcp_bbr
	accepted congestion_control reno && accepted congestion_control linnet_reno || return 1
	[ "$(read_of "$b" congestion_control)" != "" ] || return 1
	if echo nonesuch | in_ns "$a" dd of=$folder/congestion_control 2>"$tmp"; then
		echo "# nonesuch is accepted"
		return 1
	fi
	grep -q 'No such file' "$tmp" || {
		sed 's/^/# /' "$tmp"
		return 1
	}
	[ "$(read_of "$a" congestion_control)" = linnet_reno ] &&
		accepted congestion_control cubic
}

only_machine() {
	[ -e $folder/mem ] && [ -e $folder/max_orphans ] &&
		! in_ns "$a" test -e $folder/mem && ! in_ns "$a" test -e $folder/max_orphans
}

read_only_for_others() {
	! in_ns "$a" setpriv --reuid 65534 --regid 65534 --clear-groups \
		dash -c "echo 1 >$folder/timestamps" 2>/dev/null
}

# Without these options a connection works as well, and says that it has none
without_options() {
	accepted timestamps 0 && accepted sack 0 && accepted window_scaling 0 || return 1
	transfer "$a" "$b" 192.0.2.1 300000 || return 1
	accepted timestamps 1 && accepted sack 1 && accepted window_scaling 1
}

tmp=$(mktemp)
trap 'rm -f "$tmp"; cleanup' EXIT
plan $(($(echo "$bounds" | grep -c .) + 7))
new_ns a
new_ns b
join_ns "$a" "$b"
check "each can be read" all_readable
while read -r name low high; do
	[ -z "$name" ] || check "$name from $low to $high" bounded "$name" "$low" "$high"
done <<<"$bounds"
check "rmem" triple rmem
check "wmem" triple wmem
check "congestion_control" congestion_control
check "mem and max_orphans in the first namespace only" only_machine
check "not writable by others" read_only_for_others
check "timestamps, sack, window_scaling off" without_options
finish
