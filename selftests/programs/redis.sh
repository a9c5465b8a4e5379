#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# redis-server with redis-cli and redis-benchmark.

. "$(dirname "$0")/common.sh"
need redis-server redis-cli redis-benchmark

cli() {
	client redis-cli -h $SERVER -p 6379 "$@"
}

value() {
	cli -x set key <"$work/value" | grep -qx OK &&
		cli --raw get key | head -c "$(stat -c %s "$work/value")" | cmp - "$work/value"
}

value6() {
	client redis-cli -h $SERVER6 -p 6379 incrby counter 41 | grep -qx 41 &&
		client redis-cli -h $SERVER6 -p 6379 incr counter | grep -qx 42
}

blocked() {
	[ "$(cli info clients | tr -d '\r' | sed -n 's/^blocked_clients://p')" = 1 ]
}

# One waits for what another one sends
handed_over() {
	local waiter

	cli blpop list "$LIMIT" >"$work/popped" &
	waiter=$!
	await blocked && cli rpush list word >"$work/pushed" && wait $waiter && grep -qx word "$work/popped"
}

# 50 connections, each test with so many requests, one and eight at a time.
# Afterwards the server has counted them all.
benchmark() {
	local before after n=2000

	before=$(cli info stats | tr -d '\r' | sed -n 's/^total_commands_processed://p')
	client redis-benchmark -h $SERVER -p 6379 -q -c 50 -n $n -t set,get,incr,lpush --csv >"$work/one" &&
		client redis-benchmark -h $SERVER -p 6379 -q -c 50 -n $n -P 8 -d 3000 -t set,get --csv >"$work/eight" ||
		return 1
	after=$(cli info stats | tr -d '\r' | sed -n 's/^total_commands_processed://p')
	sed 's/^/# /' "$work/one" "$work/eight"
	[ "$(grep -c '^"\(SET\|GET\|INCR\|LPUSH\)"' "$work/one")" = 4 ] &&
		[ "$(grep -c '^"\(SET\|GET\)"' "$work/eight")" = 2 ] && [ $((after - before)) -ge $((6 * n)) ]
}

pipe() {
	awk 'BEGIN { for (i = 0; i < 5000; i++) printf "SET p:%d %d\r\n", i, i }' >"$work/pipe"
	cli --pipe <"$work/pipe" >"$work/piped" && grep -q 'errors: 0, replies: 5000' "$work/piped" &&
		cli get p:4999 | grep -qx 4999
}

# The server goes down on request, and whoever asked sees the end
shut_down() {
	cli shutdown nosave && wait "$server_pid" && await stopped
}

plan 8
network
data value 3000000
check "redis-server starts" serve 6379 redis-server --bind 0.0.0.0 :: --port 6379 --protected-mode no \
	--save '' --appendonly no --dir "$work" --tcp-keepalive 60
check "a value of 3 MB" value
check "a counter, IPv6" value6
check "who waits gets it" handed_over
check "mass insertion" pipe
check "redis-benchmark" benchmark
check "carried by protocol $PROTO" carried 18000000
check "redis-server shuts down" shut_down
finish
