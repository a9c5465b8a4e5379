# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the demo's steps share: words on the screen, checks that count, waiting
# for conditions, fetching a file.

WIDTH=96
STEP=0
CHECKS=0
PASSED=0
# Software emulation on a busy host is slow; these only end what hangs
PATIENCE=30
FETCH_LIMIT=120

step() { # TITLE
	STEP=$((STEP + 1))
	local title="── $STEP  $1 " since=" $SECONDS s ──" rest
	printf -v rest '%*s' $((WIDTH - ${#title} - ${#since})) ''
	printf '\n%s%s%s\n' "$title" "${rest// /─}" "$since"
}

tell() { printf '   %s\n' "$@" | sed 's/ *$//'; }

indent() { sed 's/^/     /'; }

# check NAME COMMAND...: a check that counts; what it prints is shown if it fails
check() {
	local name=$1 output
	shift
	CHECKS=$((CHECKS + 1))
	if output=$("$@" 2>&1); then
		PASSED=$((PASSED + 1))
		printf '   ok      %s\n' "$name"
	else
		printf '   FAILED  %s\n' "$name"
		[ -z "$output" ] || sed 's/^/           /' <<<"$output"
		evidence
	fi
}

not() { ! "$@"; }

# until_true COMMAND...: poll, with a bound
until_true() {
	local end=$((SECONDS + PATIENCE))
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		read -r -t 0.05 <>"$WORK/never" || :
	done
}

# Show a command as it would be typed, and run it
run() {
	local shown=$*
	case $1 in client | server) shown="ip netns exec $shown" ;; esac
	printf '     # %s\n' "$shown"
	"$@" 2>&1 | indent
	return "${PIPESTATUS[0]}"
}

client() { ip netns exec client "$@"; }
server() { ip netns exec server "$@"; }

# counter PID NAME: of Linnet, in the network namespace of a process
counter() {
	local name value
	while read -r name value; do
		[ "$name" = "$2" ] && echo "$value" && return
	done <"/proc/$1/net/linnet/snmp"
}

# tcp_counter PID NAME
tcp_counter() {
	awk -v want="$2" '$1 == "Tcp:" && !n { for (i = 2; i <= NF; i++) if ($i == want) n = i; next }
		$1 == "Tcp:" { print $n; exit }' "/proc/$1/net/snmp"
}

# fetch TRANSPORT HOST FILE: get it with curl, compare it. FETCH_TIME (s) and
# FETCH_RETRANS say how it went; the status, whether it came whole.
fetch() {
	local transport=$1 host=$2 file=$3 before after
	local launcher=(linnet run --strict --)
	local count=counter
	if [ "$transport" = tcp ]; then
		launcher=()
		count=tcp_counter
	fi
	before=$(($($count "$CLIENT" RetransSegs) + $($count "$HTTPD" RetransSegs)))
	rm -f "$WORK/got"
	FETCH_TIME=$(client "${launcher[@]}" curl --silent --show-error --globoff --max-time $FETCH_LIMIT \
		--output "$WORK/got" --write-out '%{time_total}' "http://$host:8080/$file" 2>"$WORK/curl.err") || {
		FETCH_RETRANS=-
		return 1
	}
	after=$(($($count "$CLIENT" RetransSegs) + $($count "$HTTPD" RetransSegs)))
	FETCH_RETRANS=$((after - before))
	[ "$(hash_of "$WORK/got")" = "${HASH[$file]}" ]
}

hash_of() {
	local sum
	sum=$(sha256sum "$1") && echo "${sum%% *}"
}

# figures BYTES SECONDS: "12.3 ms" and "1.2 Mbit/s", in columns
figures() {
	awk -v n="$1" -v s="$2" 'BEGIN {
		t = s < 1 ? sprintf("%.0f ms", s * 1000) : sprintf("%.2f s", s)
		r = s > 0 ? n * 8 / s / 1e6 : 0
		printf "%8s %8s", t, n < 65536 ? "" : sprintf("%.1f", r)
	}'
}

# What somebody who looks for the fault needs; kept beside the guest's log
evidence() {
	local side
	[ -n "${LAB_OUT-}" ] || return 0
	for side in client server; do
		[ -e "/run/netns/$side" ] || continue
		ip netns exec "$side" cat /proc/net/linnet/snmp /proc/net/linnet/sockets \
			>"$LAB_OUT/failed-$CHECKS-$side" 2>&1
	done
	dmesg >"$LAB_OUT/failed-$CHECKS-dmesg"
}
