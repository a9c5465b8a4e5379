# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the shell tests share. PROTO=6 runs them on kernel TCP where that makes
# sense.

export PROTO=${PROTO:-253}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ns=()
tests=0
failed=0

# Sockets whose peers go away with a namespace would wait for them for minutes,
# and keep the namespace and the module
orphans_give_up() { # NS
	if [ "$PROTO" = 6 ]; then
		in_ns "$1" sysctl -q net.ipv4.tcp_orphan_retries=1 net.ipv4.tcp_fin_timeout=5
	elif [ -d /proc/sys/net/linnet ]; then
		in_ns "$1" sysctl -q net.linnet.orphan_retries=1 net.linnet.fin_timeout=5
	fi
}

cleanup() {
	local n pid

	for n in "${ns[@]}"; do
		orphans_give_up "$n"
		for pid in $(ip netns pids "$n" 2>/dev/null); do
			kill "$pid" 2>/dev/null
		done
		ip netns del "$n" 2>/dev/null
	done
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

skip_all() {
	echo "1..0 # SKIP $*"
	exit 4
}

need_root() {
	[ "$(id -u)" = 0 ] || skip_all "root is needed"
}

need_module() {
	need_root
	[ -d /proc/net/linnet ] || [ "$PROTO" = 6 ] || skip_all "the module is not loaded"
}

plan() {
	echo "TAP version 13"
	echo "1..$1"
}

# result NAME STATUS
result() {
	tests=$((tests + 1))
	if [ "$2" = 0 ]; then
		echo "ok $tests $1"
	else
		echo "not ok $tests $1"
		failed=$((failed + 1))
	fi
}

# check NAME COMMAND...
check() {
	local name=$1

	shift
	"$@"
	result "$name" $?
}

skip() {
	tests=$((tests + 1))
	echo "ok $tests $1 # SKIP $2"
}

finish() {
	[ $failed = 0 ]
	exit
}

# await COMMAND...: until it succeeds, 60 s at most, or AWAIT
await() {
	local limit=${AWAIT:-60}
	local end=$((SECONDS + limit))

	until "$@"; do
		if [ $SECONDS -ge $end ]; then
			echo "# not in $limit s: $*"
			return 1
		fi
		sleep 0.1
	done
}

# new_ns VARIABLE: a namespace of its own name, the loopback interface up
new_ns() {
	local name

	name=lnt-$$-${#ns[@]}
	ip netns add "$name" && ip -n "$name" link set lo up || exit 1
	ns+=("$name")
	printf -v "$1" %s "$name"
}

# join_ns A B: a veth with addresses 192.0.2.1 and .2, 2001:db8::1 and ::2.
# Senders make no super-segments for it: netem would drop 64 kB at once.
# Without offloads alone they would, and have them cut behind the queue.
join_ns() {
	ip -n "$1" link add v0 gso_max_segs 1 type veth peer name v1 gso_max_segs 1 netns "$2" &&
		in_ns "$1" ethtool -K v0 tso off gso off gro off >/dev/null &&
		in_ns "$2" ethtool -K v1 tso off gso off gro off >/dev/null &&
		ip -n "$1" addr add 192.0.2.1/24 dev v0 &&
		ip -n "$2" addr add 192.0.2.2/24 dev v1 &&
		ip -n "$1" addr add 2001:db8::1/64 dev v0 nodad &&
		ip -n "$2" addr add 2001:db8::2/64 dev v1 nodad &&
		ip -n "$1" link set v0 up &&
		ip -n "$2" link set v1 up || exit 1
}

in_ns() {
	nsenter --net="/run/netns/$1" -- "${@:2}"
}

# To be run in the background: $! is the program itself
become_in_ns() {
	exec nsenter --net="/run/netns/$1" -- "${@:2}"
}

# counter NS LINNET-NAME TCP-NAME
counter() {
	if [ "$PROTO" = 6 ]; then
		in_ns "$1" nstat -asz "TcpExt$3" "Tcp$3" 2>/dev/null | awk 'NR > 1 { n = $2 } END { print n + 0 }'
	else
		in_ns "$1" awk -v name="$2" '$1 == name { print $2 }' /proc/net/linnet/snmp
	fi
}

# transfer SERVER-NS CLIENT-NS ADDRESS OCTETS [CC]: both directions, checked
transfer() {
	local server=$1 client=$2 address=$3 octets=$4 cc=${5-} pid log rc
	log=$(mktemp)

	become_in_ns "$server" "$here/xfer" -l "$address" 5001 "$octets" >"$log" 2>&1 &
	pid=$!
	# shellcheck disable=SC2086 # a word or none
	await grep -q listening "$log" &&
		in_ns "$client" timeout 200 "$here/xfer" "$address" 5001 "$octets" $cc
	rc=$?
	[ $rc = 0 ] || kill $pid 2>/dev/null
	wait $pid || rc=1
	[ $rc = 0 ] || grep -v listening "$log"
	rm -f "$log"
	return $rc
}
