#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Python's http.server, and wget.

. "$(dirname "$0")/common.sh"
need python3 wget

get() { # HOST
	rm -f "$work/got"
	client wget -nv -O "$work/got" "http://$1:8000/one" && cmp "$work/got" "$work/www/one"
}

tree() {
	client wget -nv -r -np -nH -P "$work/copy" -R 'index.html*' "http://$SERVER:8000/" &&
		diff -r "$work/www" "$work/copy"
}

plan 6
network
mkdir -p "$work/www/sub/deeper"
data www/one 3000000
data www/two 10
: >"$work/www/empty"
data www/sub/three 100000
data www/sub/deeper/four 65536
check "http.server starts" serve 8000 python3 -u -m http.server -b :: -d "$work/www" 8000
check "a file" get $SERVER
check "a file, IPv6" get "[$SERVER6]"
check "a tree" tree
check "carried by protocol $PROTO" carried 9000000
check "http.server stops" stop
finish
