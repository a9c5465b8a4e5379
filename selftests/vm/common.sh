# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# What every part of lab uses: messages, progress, private folders, cleaning up.
# lab sets TOP to the top of the tree before reading this.

BUILD=$TOP/build
VM=$TOP/selftests/vm
# Exit statuses of lab itself, as timeout(1) and env(1) choose them
EXIT_TIMEOUT=124
EXIT_LAB=125

say() { printf '%s\n' "lab: $*" >&2; }
die() { say "$*"; exit $EXIT_LAB; }
# The caller has to ask otherwise
usage() { say "$* (\"./lab help\" tells what there is)"; exit 2; }

# progress TEXT COMMAND...: run a command that may take a while, its output
# in a log. A line appears when it starts, and on a terminal the seconds run.
progress() {
	p_text=$1
	shift
	mkdir -p "$BUILD/log" || die "cannot write to $BUILD"
	p_log=$BUILD/log/$(printf %s "$p_text" | tr -cs 'A-Za-z0-9._-' _).log
	p_start=$(date +%s)
	p_tick=
	if [ -t 2 ]; then
		printf 'lab: %s ...' "$p_text" >&2
		while sleep 1; do
			printf '\rlab: %s ... %ss' "$p_text" $(($(date +%s) - p_start)) >&2
		done &
		p_tick=$!
	else
		printf 'lab: %s ...\n' "$p_text" >&2
	fi
	"$@" >"$p_log" 2>&1 </dev/null &
	wait $!
	p_rc=$?
	if [ -n "$p_tick" ]; then
		kill $p_tick 2>/dev/null
		wait $p_tick 2>/dev/null
		printf '\rlab: %s ... %ss\n' "$p_text" $(($(date +%s) - p_start)) >&2
	fi
	if [ $p_rc != 0 ]; then
		tail -n 25 "$p_log" | sed 's/^/  | /' >&2
		say "$p_text: failed (status $p_rc), the whole log is $p_log"
	fi
	return $p_rc
}

# What to undo when lab ends, in whatever way
CLEANUP=
# The process that these lines run in, and the one that beside() started
SELF=$$
BESIDE=

# End all that was started from here, with what that started, but for what runs
# beside. Everything that takes long runs in the background and is waited for, so
# that a signal is acted on at once.
kill_children() {
	kc_pids=$(ps -eo pid=,ppid= | awk -v top="$SELF" -v spared="$BESIDE" '
		{ parent[$1] = $2 }
		END {
			for (pid in parent) {
				for (p = pid; p in parent && p != top && p != spared; p = parent[p])
					;
				if (p == top && pid != top)
					print pid
			}
		}')
	# shellcheck disable=SC2086 # a list
	[ -z "$kc_pids" ] || kill $kc_pids 2>/dev/null
}

at_exit() {
	rc=$?
	trap - EXIT INT TERM HUP
	BESIDE=
	kill_children
	[ -z "$CLEANUP" ] || eval "$CLEANUP"
	give_back
	exit $rc
}

# Started through sudo, what lab made belongs to the user who called.
give_back() {
	[ -n "${SUDO_UID-}" ] && [ -d "$BUILD" ] || return 0
	find "$BUILD" -user root -exec chown -h "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" {} + 2>/dev/null
}

at_signals() {
	trap at_exit EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	trap 'exit 129' HUP
}

at_signals

# beside LOG COMMAND...: runs a command, which may start guests, in processor time that
# nothing else wants; one at a time, which await_beside() waits for
beside() {
	be_log=$1
	shift
	(
		CLEANUP=
		# $$ is the first shell's in all its children
		SELF=$(exec sh -c 'echo $PPID')
		at_signals
		renice -n 10 -p "$SELF" >/dev/null
		"$@"
	) >"$be_log" 2>&1 </dev/null &
	BESIDE=$!
}

# await_beside LOG: shows its output until it ends
await_beside() {
	[ -n "$BESIDE" ] || return 0
	tail -n +1 -f --pid="$BESIDE" "$1" &
	wait $!
	wait "$BESIDE"
	ab_rc=$?
	BESIDE=
	return $ab_rc
}

# with_lock NAME COMMAND...: one lab at a time does this
with_lock() {
	mkdir -p "$BUILD/lock"
	wl_file=$BUILD/lock/$1
	shift
	(
		if ! flock -w 1 9; then
			say "another lab is at work on ${wl_file##*/}, waiting for it"
			flock 9
		fi
		# A child must not keep the lock when this shell is killed
		"$@" 9>&-
	) 9>"$wl_file" &
	wait $!
}

# need_space MEGABYTES WHAT-FOR
need_space() {
	mkdir -p "$BUILD" || die "cannot write to $BUILD"
	ns_free=$(df -Pm "$BUILD" | awk 'NR == 2 { print $4 }')
	[ "$ns_free" -ge "$1" ] ||
		die "$2 needs $1 MB in $BUILD and there are $ns_free MB: free some space"
}
