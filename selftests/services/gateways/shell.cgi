#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What the query asks for, in the ways that a CGI response has.
case $QUERY_STRING in
status) printf 'Status: 404 Nothing here\nContent-Type: text/plain\n\nnothing' ;;
local) printf 'Location: /cgi/shell.cgi/other?plain\n\n' ;;
loop) printf 'Location: /cgi/shell.cgi?loop\n\n' ;;
client) printf 'Location: http://elsewhere.example/\n\n' ;;
found) printf 'Status: 303 See Other\nLocation: /there\n\n' ;;
plain) printf 'Content-Type: text/plain\r\n\r\nplain %s' "$PATH_INFO" ;;
nph) printf 'HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nmade' ;;
none) ;;
garbage) printf 'this is no header\n\nat all' ;;
folded) printf 'Content-Type: text/plain\n folded\n\nx' ;;
blank) printf 'Content-Type : text/plain\n\nx' ;;
twice) printf 'Status: 200\nStatus: 201\nContent-Type: text/plain\n\nx' ;;
length) printf 'Content-Type: text/plain\nContent-Length: 5\n\n12345 and more' ;;
short) printf 'Content-Type: text/plain\nContent-Length: 50\n\n12345' ;;
huge) printf 'Content-Type: text/plain\nX: '; head -c 100000 /dev/zero | tr '\0' x; printf '\n\n' ;;
nocontent) printf 'Status: 204\n\nnot to be seen' ;;
stderr)
	printf 'one\nt\001wo\n\nhttpd: forged' >&2
	printf 'Content-Type: text/plain\n\nok' ;;
exit) exit 3 ;;
signal) kill -SEGV $$ ;;
orphan)
	# Detached by closing its output, the program goes on.
	printf 'Content-Type: text/plain\n\ndetached'
	exec >&- 2>&- <&-
	while ! [ -e "$MARK.go" ]; do sleep 0.05; done
	echo done >"$MARK" ;;
sleep)
	# A child of its own, to see that the whole group is killed.
	sleep 1000 &
	printf 'Content-Type: text/plain\n\n%s %s\n' $$ $!
	wait ;;
stubborn)
	trap '' TERM
	printf 'Content-Type: text/plain\n\n%s %s\n' $$ $$
	while :; do sleep 0.1; done ;;
slow) sleep 1000 ;;
zeros) printf 'Content-Type: application/octet-stream\n\n'; head -c 104857600 /dev/zero ;;
count) printf 'Content-Type: text/plain\n\n'; wc -c ;;
noread) exec <&-; printf 'Content-Type: text/plain\n\nnot read' ;;
limits) printf 'Content-Type: text/plain\n\n%s %s' "$(ulimit -t)" "$(ulimit -v)" ;;
esac
