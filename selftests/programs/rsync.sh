#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# rsync's daemon: a tree down and up, and a second run that sends differences.

. "$(dirname "$0")/common.sh"
need rsync

cat >"$work/rsyncd.conf" <<END
use chroot = no
uid = root
gid = root
log file = $work/rsyncd.log
[tree]
	path = $work/tree
[in]
	path = $work/in
	read only = no
END

down() { # HOST
	rm -rf "$work/copy"
	client rsync -a --port=8730 "rsync://$1/tree/" "$work/copy/" && diff -r "$work/tree" "$work/copy"
}

up() {
	client rsync -az --port=8730 "$work/tree/" rsync://$SERVER/in/ && diff -r "$work/tree" "$work/in"
}

# An octet in the middle of the largest file: little is to be sent
differences() {
	local sent

	printf x | dd of="$work/tree/large" bs=1 seek=1000000 conv=notrunc status=none
	touch -d '1 hour ago' "$work/tree/large"
	rm "$work/tree/small"
	sent=$(client rsync -a --no-whole-file --delete --stats --port=8730 "$work/tree/" rsync://$SERVER/in/ |
		sed -n 's/^Literal data: \([0-9,]*\) bytes.*/\1/p' | tr -d ,)
	diff -r "$work/tree" "$work/in" && [ -n "$sent" ] && [ "$sent" -lt 100000 ]
}

plan 7
network
mkdir -p "$work/tree/sub" "$work/in"
data tree/large 3000000
data tree/small 17
data tree/sub/middle 200000
for i in {1..100}; do
	echo "file $i" >"$work/tree/sub/$i"
done
check "rsync's daemon starts" serve 8730 rsync --daemon --no-detach --config="$work/rsyncd.conf" --port=8730
check "a tree down" down $SERVER
check "a tree down, IPv6" down "[$SERVER6]"
check "a tree up, compressed" up
check "differences" differences
check "carried by protocol $PROTO" carried 9000000
check "rsync's daemon stops" stop
finish
