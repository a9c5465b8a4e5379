#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The demo: what Linnet is, from insmod to rmmod, in less than two minutes.
# "./lab demo" runs it as root in a guest. Every line "ok" is a check; the last
# line counts them.
set -u

HERE=$(cd "$(dirname "$0")" && pwd -P)
TOP=$(cd "$HERE/../.." && pwd -P)
# shellcheck source=selftests/demo/lib.sh
. "$HERE/lib.sh"

if [ "${LAB_GUEST-}" != 1 ]; then
	echo 'demo.sh loads and unloads a module: run it in a guest, by "./lab demo"' >&2
	exit 2
fi

# A link of the kind that gives a transport something to do
DELAY=2ms
RATE=50mbit
LOSS=1%
ADDRESS4=10.253.0.2
ADDRESS6=fd25:3::2
SIZES=(1 1024 65536 1048576 16777216)
NAMES=('1 B' '1 KB' '64 KB' '1 MB' '16 MB')
CONTROLS=(linnet_reno reno cubic bbr)
TEXTBOOK=$TOP/../shared/seed/network-programming.md

WORK=$(mktemp -d)
mkfifo "$WORK/never"
DAEMONS=()
HTTPD=
ECHOD=
# A process of the client's namespace, through which its /proc/net is read
CLIENT=
declare -A HASH

at_end() {
	[ ${#DAEMONS[@]} = 0 ] || kill "${DAEMONS[@]}" 2>/dev/null
	rm -rf "$WORK"
}
trap at_end EXIT

# --- 1: the module ---

no_module() { [ ! -e /sys/module/linnet ] && [ ! -e /proc/net/linnet ] && [ ! -e /proc/sys/net/linnet ]; }
has_module() { [ -e /sys/module/linnet ] && [ -e /proc/net/linnet ] && [ -e /proc/sys/net/linnet ]; }

kernel_says() { dmesg | tail -n +$((DMESG + 1)) | grep 'linnet:' | indent; }
mark_dmesg() { DMESG=$(dmesg | wc -l); }

# The name in --strict is a promise: without the module there is no socket
strict_refuses() {
	linnet run --strict -- true
	[ $? = 125 ]
}

module_in() {
	step 'The module goes in'
	tell 'The harness has loaded it already. We take it out and put it in by hand: a transport' \
		'protocol comes and goes on a stock Debian kernel that runs on.'
	mark_dmesg
	run rmmod linnet
	kernel_says
	mark_dmesg
	check 'without the module there is no protocol 253' strict_refuses
	check 'a protocol number that is somebody else'\''s is refused' not insmod "$KO" proto=6
	printf '     # insmod linnet.ko proto=253\n'
	insmod "$KO" proto=253 2>&1 | indent
	kernel_says
	run linnet version
	check 'the module is in, with /proc/net/linnet and net.linnet' has_module
}

# --- 2: the link ---

netem() { # NAMESPACE DEVICE
	ip -n "$1" link set lo up
	ip -n "$1" link set "$2" up
	# netem drops whole super-segments and not packets when the offloads are on
	ip netns exec "$1" ethtool -K "$2" tso off gso off gro off
	tc -n "$1" qdisc add dev "$2" root netem delay $DELAY rate $RATE loss $LOSS limit 500
}

make_link() {
	ip netns add client && ip netns add server &&
		ip link add c0 netns client type veth peer name s0 netns server &&
		ip -n client addr add 10.253.0.1/24 dev c0 &&
		ip -n server addr add $ADDRESS4/24 dev s0 &&
		ip -n client -6 addr add fd25:3::1/64 dev c0 nodad &&
		ip -n server -6 addr add $ADDRESS6/64 dev s0 nodad &&
		netem client c0 && netem server s0 || return
	ip netns exec client sleep infinity &
	CLIENT=$!
	DAEMONS+=("$CLIENT")
}

pings() { client ping -q -c 5 -i 0.05 -W 2 "$1" >"$WORK/ping"; }

link_up() {
	step 'Two hosts and a bad link'
	tell "Two network namespaces, joined by veth. netem delays each packet by $DELAY, lets ${RATE%mbit} Mbit/s pass" \
		"and loses ${LOSS%\%} packet in 100, in both directions. Segmentation offloads of the veths are off," \
		'so that packets get lost one by one, as on a wire.' \
		'' \
		'      client                                                        server' \
		"      10.253.0.1  fd25:3::1  ══════ $DELAY, ${RATE%mbit} Mbit/s, $LOSS loss ══════  $ADDRESS4  $ADDRESS6" \
		''
	make_link 2>"$WORK/link.err"
	check 'the link is up' not test -s "$WORK/link.err"
	check 'IPv4 passes' until_true pings $ADDRESS4
	check 'IPv6 passes' until_true pings $ADDRESS6
	sed -n 's/^rtt [^=]*= [^/]*\/\([^/]*\)\/.*/     ping: \1 ms there and back, on average/p' "$WORK/ping"
}

# --- 3: tuning ---

setting_is() { [ "$("$1" sysctl -n "$2" | tr '\t' ' ')" = "$3" ]; }

# The value is refused, and by EINVAL
refused() { # NAME VALUE
	LC_ALL=C server sysctl -w "$1=$2" 2>&1 | grep -q 'Invalid argument\|No such file'
}

tuning() {
	local mine='4096 262144 8388608'
	step 'Tuning by sysctl'
	tell 'Each network namespace has its own net.linnet.*, named and read as TCP'\''s are. The server gets' \
		'linnet_reno, the congestion control of the textbooks, and larger send buffers.'
	run server sysctl -w net.linnet.congestion_control=linnet_reno
	run server sysctl -w "net.linnet.wmem=$mine"
	check 'the server has the new send buffers' setting_is server net.linnet.wmem "$mine"
	check 'the client has kept the old ones' not setting_is client net.linnet.wmem "$mine"
	check 'net.linnet.timestamps=2 is refused' refused net.linnet.timestamps 2
	check 'an unknown congestion control is refused' refused net.linnet.congestion_control nonsense
	tell 'linnet_reno plugs into the kernel like any other, so TCP can have it too, for a fair race:'
	run server sysctl -w net.ipv4.tcp_congestion_control=linnet_reno
	check 'both transports use linnet_reno' setting_is server net.ipv4.tcp_congestion_control linnet_reno
}

# --- 4: the servers ---

# start_daemon NAMESPACE PROGRAM ARGS...: its process is then STARTED
start_daemon() {
	local log=$WORK/$2.log
	# ip becomes the program, so the process stays the same
	ip netns exec "$@" 2>"$log" &
	STARTED=$!
	DAEMONS+=("$STARTED")
	until_true grep -q 'notice: ready' "$log"
}

servers() {
	local i file
	step 'The servers'
	tell 'linnet-httpd serves a folder of real files on port 8080, linnet-echod echoes on port 20000.' \
		'Both listen on protocol 253 and on TCP, on the same port, over IPv4 and IPv6.'
	mkdir "$WORK/www"
	for i in "${!SIZES[@]}"; do
		file=${NAMES[i]// /}
		head -c "${SIZES[i]}" /dev/urandom >"$WORK/www/$file"
		HASH[$file]=$(hash_of "$WORK/www/$file")
	done
	start_daemon server linnet-httpd --port 8080 "$WORK/www"
	HTTPD=$STARTED
	start_daemon server linnet-echod
	ECHOD=$STARTED
	sed 's/^linnet-httpd: notice: //' "$WORK/linnet-httpd.log" | indent
	check 'linnet-httpd is ready' grep -q 'ready' "$WORK/linnet-httpd.log"
	check 'linnet-echod is ready' grep -q 'ready' "$WORK/linnet-echod.log"
}

# --- 5: the files ---

compare_row() { # NAME FAMILY HOST: a line with both transports, WRONG counted
	local name=$1 file=${1// /} size transport verdict=
	size=$(stat -c %s "$WORK/www/$file")
	printf '     %-6s %s' "$name" "$2"
	for transport in linnet tcp; do
		if fetch $transport "$3" "$file"; then
			printf '  │ %s %7s' "$(figures "$size" "$FETCH_TIME")" "$FETCH_RETRANS"
			verdict="$verdict  same"
		else
			printf '  │ %25s' 'FAILED'
			verdict="$verdict  WRONG"
			WRONG="$WRONG$transport $name $2: $(head -c 200 "$WORK/curl.err") "
		fi
	done
	printf '  │%s\n' "$verdict"
}

nothing_wrong() { [ -z "$WRONG" ] || { echo "$WRONG" && false; }; }

opens_grew() { # OF-LINNET OF-TCP: since LINNET_OPENS and TCP_OPENS
	local l t
	l=$(($(counter "$HTTPD" PassiveOpens) - LINNET_OPENS))
	t=$(($(tcp_counter "$HTTPD" PassiveOpens) - TCP_OPENS))
	[ "$l $t" = "$1 $2" ] || { echo "$l connections over Linnet and $t over TCP" && false; }
}

mark_opens() {
	LINNET_OPENS=$(counter "$HTTPD" PassiveOpens)
	TCP_OPENS=$(tcp_counter "$HTTPD" PassiveOpens)
}

files() {
	local i
	step 'Files by HTTP, over both transports'
	tell '"linnet run -- curl URL" is Debian'\''s own curl on protocol 253; the same curl without it is on' \
		'the kernel'\''s TCP, same server, same port, same link. Losses fall by chance, so times differ' \
		'between runs. "resent" is what both ends count as retransmitted; SHA-256 tells whether the file' \
		'is the same as on the server.'
	printf '\n     %-6s %s  │ %-25s  │ %-25s  │  SHA-256\n' '' '    ' '   Linnet, protocol 253' '    TCP, protocol 6'
	printf '     %-6s %s  │ %8s %8s %7s  │ %8s %8s %7s  │  Linnet TCP\n' file over time Mbit/s resent time Mbit/s resent
	mark_opens
	WRONG=
	for i in "${!SIZES[@]}"; do
		compare_row "${NAMES[i]}" IPv4 $ADDRESS4
		compare_row "${NAMES[i]}" IPv6 "[$ADDRESS6]"
	done
	check 'all 20 files are the same as on the server' nothing_wrong
	check '10 came over protocol 253 and 10 over TCP: the server'\''s counters agree' opens_grew 10 10
}

# --- 6: a look inside ---

# Wait for the connection's congestion window to be another one than $1, and
# print its line
window_moves() {
	# shellcheck disable=SC2034 # the columns of the file
	local state here remote recvq sendq cc cwnd ssthresh srtt rto sndwnd rcvwnd mss retrans rest
	# shellcheck disable=SC2034
	while read -r state here remote recvq sendq cc cwnd ssthresh srtt rto sndwnd rcvwnd mss retrans rest; do
		[ "$state" = ESTABLISHED ] || continue
		[ "$sendq" -gt 0 ] || continue
		[ "$cwnd" != "$1" ] || continue
		CWND=$cwnd
		printf '     %-11s %-17s %-17s %7s  %-11s %5s %8s %9s %7s\n' "$state" "$here" "$remote" "$sendq" \
			"$cc" "$cwnd" "${ssthresh/#-1/-}" "$srtt us" "$retrans"
		return 0
	done <"/proc/$HTTPD/net/linnet/sockets"
	return 1
}

inside() {
	local i seen=0
	step 'A look inside, while 16 MB are on their way'
	tell 'The server'\''s end in /proc/net/linnet/sockets at six moments: the congestion window (cwnd, in' \
		'segments) grows by one each round trip and is halved by each loss.'
	printf '     %-11s %-17s %-17s %7s  %-11s %5s %8s %9s %7s\n' state local remote send_q congestion cwnd \
		ssthresh srtt resent
	fetch linnet $ADDRESS4 16MB &
	i=$!
	CWND=0
	while [ $seen -lt 6 ] && kill -0 $i 2>/dev/null && until_true window_moves $CWND; do
		seen=$((seen + 1))
		read -r -t 0.15 <>"$WORK/never"
	done
	check 'the connection shows, with a window that moves' [ $seen = 6 ]
	wait $i
	check 'and its file came whole' [ $? = 0 ]
}

# --- 7: congestion controls ---

median_fetch() { # TRANSPORT: three fetches, a connection each
	local url=http://$ADDRESS4:8080/1MB out=$WORK/got launcher=(linnet run --strict --) sums
	[ "$1" = linnet ] || launcher=()
	rm -f "$out".[123]
	client "${launcher[@]}" curl --silent --show-error --max-time $FETCH_LIMIT --header 'Connection: close' \
		--output "$out.1" --output "$out.2" --output "$out.3" --write-out '%{time_total}\n' \
		"$url" "$url" "$url" 2>"$WORK/curl.err" >"$WORK/times" || return
	sums=$(sha256sum "$out".[123] | cut -d ' ' -f 1 | uniq)
	[ "$sums" = "${HASH[1MB]}" ] && sort -n "$WORK/times" | sed -n 2p
}

set_control() {
	server sysctl -q -w "net.linnet.congestion_control=$1" "net.ipv4.tcp_congestion_control=$1"
}

controls() {
	local control transport median
	step 'Congestion controls'
	tell 'Linnet takes any congestion control of the kernel, and TCP takes Linnet'\''s. 1 MB over IPv4, the' \
		'median of three fetches:'
	printf '\n     %-12s  │ %8s %8s  │ %8s %8s\n' '' Linnet Mbit/s TCP Mbit/s
	WRONG=
	for control in "${CONTROLS[@]}"; do
		modprobe -q "tcp_$control" || :
		if ! set_control "$control"; then
			WRONG="$WRONG$control cannot be chosen "
			continue
		fi
		printf '     %-12s' "$control"
		for transport in linnet tcp; do
			if median=$(median_fetch $transport); then
				printf '  │ %s' "$(figures 1048576 "$median")"
			else
				printf '  │ %17s' FAILED
				WRONG="$WRONG$transport $control: $(head -c 200 "$WORK/curl.err") "
			fi
		done
		printf '\n'
	done
	set_control linnet_reno
	check "all ${#CONTROLS[@]} work on both transports, each file the same" nothing_wrong
}

# --- 8: the textbook ---

# The first Python sample that is a TCP client of port 20000
textbook_client() {
	awk '/^```python/ { inside = 1; text = ""; next }
		/^```/ { if (inside && text ~ /SOCK_STREAM/ && text ~ /\.connect\(\(.localhost., 20000\)\)/) {
				printf "%s", text; found = 1; exit }
			inside = 0; next }
		inside { text = text $0 "\n" }
		END { exit !found }' "$1"
}

echoes() {
	local before
	step 'Programs that know nothing of Linnet'
	# ip netns exec puts this over /etc/hosts: so "localhost" is across the link
	mkdir -p /etc/netns/client
	echo "$ADDRESS4 localhost" >/etc/netns/client/hosts
	before=$(counter "$ECHOD" PassiveOpens)
	if [ -r "$TEXTBOOK" ] && textbook_client "$TEXTBOOK" >"$WORK/textbook.py"; then
		tell 'The textbook'\''s echo client, word for word. It connects to "localhost", which in the client'\''s' \
			'/etc/hosts is the server across the link.'
		expand -t 4 "$WORK/textbook.py" | indent
		printf '     # linnet run --strict -- python3 textbook.py\n'
		client linnet run --strict -- python3 "$WORK/textbook.py" >"$WORK/echo.out" 2>&1
		indent <"$WORK/echo.out"
		check 'the textbook'\''s client is answered with what it said' [ "$(cat "$WORK/echo.out")" = Hello ]
		check 'over protocol 253' [ "$(counter "$ECHOD" PassiveOpens)" = $((before + 1)) ]
		before=$((before + 1))
	else
		tell 'The textbook is not beside this tree, so only a client of our own runs:'
	fi
	printf '     # linnet run --strict -- echo_client.py %s 20000 100000\n' $ADDRESS6
	client linnet run --strict -- python3 "$HERE/echo_client.py" $ADDRESS6 20000 100000 >"$WORK/echo.out" 2>&1
	WRONG=$?
	indent <"$WORK/echo.out"
	check 'a client that sends while it receives and closes one side first' [ "$WRONG" = 0 ]
	check 'over protocol 253, IPv6' [ "$(counter "$ECHOD" PassiveOpens)" = $((before + 1)) ]
}

# --- 9: the ladder ---

only_listeners() { ! grep -q -v -E '^(state|LISTEN|TIME-WAIT)' "/proc/$HTTPD/net/linnet/sockets"; }

ladder_is_whole() {
	grep -q 'SYN-SENT .* SYN seq=0 ' "$1" &&
		grep -q ' SYN-RECEIVED$' "$1" &&
		grep -q 'ESTABLISHED .* SYN,ACK seq=0 ack=1' "$1" &&
		grep -q ' ESTABLISHED$' "$1" &&
		grep -q 'FIN-WAIT-1 .*FIN' "$1" &&
		grep -q ' TIME-WAIT ' "$1" &&
		grep -q ' CLOSED$' "$1"
}

draw() {
	linnet ladder --width $WIDTH --names client,server "$1" >"$WORK/ladder" 2>&1
	ladder_is_whole "$WORK/ladder"
}

ladder() {
	local dump kept=${LAB_OUT:-$WORK}/ladder.pcap
	step 'One connection, segment by segment'
	tell 'tcpdump listens on the client'\''s interface while curl fetches 1 MB; "linnet ladder" draws what it' \
		'heard: the handshake, the first segments, the first loss and its repair, the close. States are' \
		'those of RFC 9293, times count from the first SYN.'
	until_true only_listeners
	ip netns exec client tcpdump -i c0 -s 128 --immediate-mode -U -w "$kept" 'ip proto 253' 2>"$WORK/tcpdump.err" &
	dump=$!
	DAEMONS+=("$dump")
	until_true grep -q 'listening on' "$WORK/tcpdump.err"
	fetch linnet $ADDRESS4 1MB
	# The last segments reach the file when they reach it
	until_true draw "$kept"
	kill "$dump"
	wait "$dump"
	echo
	cat "$WORK/ladder"
	echo
	check 'handshake and close are there, with every state on the way' ladder_is_whole "$WORK/ladder"
	[ -z "${LAB_OUT-}" ] || tell 'The capture is kept as ladder.pcap, beside the guest'\''s log.'
}

# --- 10: the counters ---

no_damage() {
	local side bad=
	for side in client server; do
		# shellcheck disable=SC2016 # awk's
		bad="$bad$($side awk '/^(InErrs|InCsumErrors|AbortOn[A-Z][a-zA-Z]*|EstabResets|BacklogDropped) / && $2 > 0' \
			/proc/net/linnet/snmp)"
	done
	[ -z "$bad" ] || { echo "$bad" && false; }
}

counters() {
	step 'What the counters say'
	tell '/proc/net/linnet/snmp of both namespaces, what is not zero ("All" counts the machine):'
	printf '     %-24s %12s %12s\n' '' client server
	join -j 1 <(client sort /proc/net/linnet/snmp) <(server sort /proc/net/linnet/snmp) |
		awk '$2 || $3 { printf "     %-24s %12s %12s\n", $1, $2, $3 }'
	check 'the link lost segments, and Linnet sent them again' [ "$(counter "$HTTPD" RetransSegs)" -gt 0 ]
	check 'no segment was damaged, no connection was aborted' no_damage
}

# --- 11: away with it ---

unloads() { rmmod linnet 2>"$WORK/rmmod.err"; }

no_trace() {
	local side
	no_module || return
	for side in client server; do
		! $side ls -d /proc/net/linnet /proc/sys/net/linnet 2>/dev/null || return
	done
	! grep -i linnet /proc/modules /proc/net/protocols /proc/slabinfo \
		/proc/sys/net/ipv4/tcp_available_congestion_control
}

stopped() { ! kill -0 "$HTTPD" 2>/dev/null && ! kill -0 "$ECHOD" 2>/dev/null; }

module_out() {
	step 'The module goes out'
	tell 'While a socket exists the module stays; when the last has gone it goes, with all that was its.'
	run rmmod linnet
	check 'rmmod is refused while the servers listen' has_module
	printf '     # kill %s %s\n' "$HTTPD" "$ECHOD"
	kill "$HTTPD" "$ECHOD"
	until_true stopped
	wait "$HTTPD"
	check 'linnet-httpd ends in good order' [ $? = 0 ]
	wait "$ECHOD"
	check 'linnet-echod ends in good order' [ $? = 0 ]
	# TCP, too, holds a congestion control that it uses
	server sysctl -q -w net.ipv4.tcp_congestion_control=cubic
	mark_dmesg
	printf '     # rmmod linnet\n'
	check 'the module unloads, connections in TIME-WAIT or not' until_true unloads
	[ ! -s "$WORK/rmmod.err" ] || [ ! -e /sys/module/linnet ] || indent <"$WORK/rmmod.err"
	kernel_says
	check 'no trace in /proc, sysctl, protocols, slabs, congestion controls' no_trace
	check 'protocol 253 is gone' strict_refuses
	check 'the kernel'\''s log is clean' kernel_is_clean
}

kernel_is_clean() { dmesg | "$TOP/selftests/splat.sh"; }

# --- all together ---

KO=${LINNET_KO:-$(modinfo -n linnet)}
printf 'Linnet, a TCP you can rmmod: IP protocol 253 on Linux %s, %s processors\n' "$(uname -r)" "$(nproc)"
module_in
link_up
tuning
servers
files
inside
controls
echoes
ladder
counters
module_out

printf '\n   %s s in all.\n\n' "$SECONDS"
echo "demo: $PASSED of $CHECKS passed"
[ "$PASSED" = "$CHECKS" ]
