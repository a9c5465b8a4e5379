# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the tests of programs share: a server's and a client's namespace joined
# by a veth, programs started in them by the launcher, data to compare, and the
# proof that protocol 253 carried them.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SERVER=192.0.2.1
SERVER6=2001:db8::1
# Programs start slowly in software emulation; this only ends what hangs
LIMIT=$((90 * ${LAB_TIME_FACTOR:-1}))
launcher=(linnet run --strict --)
[ "$PROTO" != 6 ] || launcher=()
work=$(mktemp -d) && chmod 755 "$work" || exit 1
server_pid=

end() {
	local pid

	for pid in $(ip netns pids "$server" 2>/dev/null) $(ip netns pids "$client" 2>/dev/null); do
		kill -KILL "$pid" 2>/dev/null
	done
	cleanup
	rm -rf "$work"
}
trap end EXIT

# need PROGRAM...: skip when one is not there
need() {
	local program

	need_module
	[ "$PROTO" = 6 ] || command -v linnet >/dev/null || skip_all "there is no linnet in PATH"
	for program; do
		command -v "$program" >/dev/null || skip_all "there is no $program here"
	done
}

# Two namespaces, with room for super-segments, as a plain network has it
network() {
	new_ns server
	new_ns client
	join_ns "$server" "$client"
	ip -n "$server" link set v0 gso_max_segs 65535
	ip -n "$client" link set v1 gso_max_segs 65535
	in_ns "$server" ethtool -K v0 tso on gso on >/dev/null
	in_ns "$client" ethtool -K v1 tso on gso on >/dev/null
}

listening() { # PORT
	if [ "$PROTO" = 6 ]; then
		[ -n "$(in_ns "$server" ss -Hltn "sport = :$1")" ]
	else
		in_ns "$server" awk -v port=":$1" '$1 == "LISTEN" && substr($2, length($2) - length(port) + 1) == port { n++ }
			END { exit !n }' /proc/net/linnet/sockets
	fi
}

# serve PORT PROGRAM...: start a server and wait until it listens
serve() {
	local port=$1 tries=$((LIMIT * 10))

	shift
	become_in_ns "$server" "${launcher[@]}" "$@" >"$work/server.log" 2>&1 </dev/null &
	server_pid=$!
	until listening "$port"; do
		tries=$((tries - 1))
		if [ $tries -le 0 ] || ! kill -0 $server_pid 2>/dev/null; then
			echo "# the server does not listen on port $port:"
			sed 's/^/#   /' "$work/server.log"
			return 1
		fi
		sleep 0.1
	done
}

stopped() {
	[ -z "$(ip netns pids "$server")" ]
}

# As the user of a program would end it; the children with it
stop() {
	local rc=0

	kill "$server_pid" || rc=1
	wait "$server_pid"
	await stopped || rc=1
	[ $rc = 0 ] || sed 's/^/# /' "$work/server.log"
	return $rc
}

# client PROGRAM...: run it on the client's side, its errors shown on failure
client() {
	local rc

	in_ns "$client" timeout -k 5 $LIMIT "${launcher[@]}" "$@" 2>"$work/client.err"
	rc=$?
	[ $rc = 0 ] || sed "s/^/# ${1##*\/}: /" "$work/client.err" >&2
	return $rc
}

# data NAME OCTETS: a file in $work that nobody has seen before
data() {
	head -c "$2" /dev/urandom >"$work/$1"
}

tcp() { # NS NAME
	in_ns "$1" awk -v want="$2" '$1 == "Tcp:" && !n { for (i = 2; i <= NF; i++) if ($i == want) n = i; next }
		$1 == "Tcp:" { print $n }' /proc/net/snmp
}

linnet_count() { # NS NAME
	in_ns "$1" awk -v name="$2" '$1 == name { print $2 }' /proc/net/linnet/snmp
}

# carried OCTETS: so many went over the link, in segments of Linnet, and not one
# of TCP was sent or received on either side
carried() {
	local n name octets rc=0

	octets=$(in_ns "$server" awk '$1 == "v0:" { print $2 + $10 }' /proc/net/dev)
	if [ "$octets" -lt "$1" ]; then
		echo "# only $octets octets went over the link"
		rc=1
	fi
	for n in "$server" "$client"; do
		for name in ActiveOpens PassiveOpens InSegs OutSegs; do
			[ "$PROTO" != 6 ] || [ ! -d /proc/net/linnet ] || [ "$(linnet_count "$n" $name)" = 0 ] || rc=1
			[ "$PROTO" = 6 ] || [ "$(tcp "$n" $name)" = 0 ] || {
				echo "# TCP's $name is not 0 but $(tcp "$n" $name)"
				rc=1
			}
		done
	done
	[ "$PROTO" != 6 ] || return $rc
	[ "$(linnet_count "$server" PassiveOpens)" -gt 0 ] &&
		[ "$(linnet_count "$client" ActiveOpens)" -gt 0 ] &&
		[ "$(linnet_count "$server" InSegs)" -gt 0 ] &&
		[ "$(linnet_count "$client" InSegs)" -gt 0 ] || {
		echo "# Linnet's counters did not move"
		rc=1
	}
	return $rc
}
