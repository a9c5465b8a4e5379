# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# lab bench: Linnet beside kernel TCP in one virtual-time guest. Figures are in
# build/bench.

# shellcheck disable=SC2034 # lab reads them
BENCHES="loss reorder latency connect bulk segment memory lookup"
BENCH=$BUILD/bench

# run_bench WORD...: names and options of selftests/bench/bench
run_bench() {
	# shellcheck disable=SC2034
	TIMEOUT=0
	# shellcheck disable=SC2034
	VIRTUAL_TIME=yes
	CPUS=1
	progress "building the measurements" make -C "$TOP/selftests" install TARGETS=bench \
		INSTALL_PATH="$INSTALLED" || exit $EXIT_LAB
	rm -rf "$BENCH"
	run_guest sh -c 'modprobe -a tcp_bbr tun veth && exec "$0" "$@"' "$INSTALLED/bench/bench" "$@"
	mkdir -p "$BENCH"
	cp -r "$RUN/out/." "$BENCH/"
	[ "$GUEST_RC" != 0 ] || say "the figures are in $BENCH"
}
