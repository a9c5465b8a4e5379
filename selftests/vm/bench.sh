# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# lab bench: Linnet beside kernel TCP in one virtual-time guest; and our servers
# beside others on the host. Figures are in build/bench.

# "services" runs on the host, the others in the guest
# shellcheck disable=SC2034 # lab reads them
BENCHES="loss reorder latency connect bulk segment memory lookup services-linnet services"
BENCH=$BUILD/bench

# run_bench WORD...: names, all of them when there is none, and options of
# selftests/bench/bench
run_bench() {
	rb_names=
	rb_options=
	rb_host=
	rb_host_options=
	while [ $# -gt 0 ]; do
		case $1 in
		--log) rb_options="$rb_options $1" ;;
		--*)
			rb_o="$1 $(quote "$2")"
			rb_options="$rb_options $rb_o"
			case $1 in --seeds | --only) rb_host_options="$rb_host_options $rb_o" ;; esac
			shift
			;;
		services) rb_host=yes ;;
		*) rb_names="$rb_names $1" ;;
		esac
		shift
	done
	rm -rf "$BENCH"
	mkdir -p "$BENCH" || die "cannot write to $BUILD"
	rb_rc=0
	if [ -n "$rb_names" ] || [ -z "$rb_host" ]; then
		eval "bench_guest $rb_options $rb_names"
		rb_rc=$GUEST_RC
	fi
	if [ -n "$rb_host" ] || [ -z "$rb_names" ]; then
		eval "bench_host $rb_host_options"
		[ "$rb_rc" != 0 ] || rb_rc=$GUEST_RC
	fi
	GUEST_RC=$rb_rc
	[ "$GUEST_RC" != 0 ] || say "the figures are in $BENCH"
}

# bench_guest WORD...: names and options of selftests/bench/bench
bench_guest() {
	# shellcheck disable=SC2034
	TIMEOUT=0
	# shellcheck disable=SC2034
	VIRTUAL_TIME=yes
	CPUS=1
	progress "building the measurements" make -C "$TOP/selftests" install TARGETS=bench \
		INSTALL_PATH="$INSTALLED" || exit $EXIT_LAB
	run_guest sh -c 'modprobe -a tcp_bbr tun veth && exec "$0" "$@"' "$INSTALLED/bench/bench" "$@"
	cp -r "$RUN/out/." "$BENCH/"
}

# bench_host WORD...: options of selftests/services/bench/services.py
bench_host() {
	if [ -n "$WITH_BUILD" ]; then
		build_programs || exit $EXIT_LAB
	fi
	guest_layer || die "there is no nginx of Debian's to compare with"
	progress "building the measurements" make -C "$TOP/selftests/services/bench" || exit $EXIT_LAB
	"$TOP/selftests/services/bench/services.py" --programs "$BUILD/bin" --layer "$BUILD/layer" \
		--clients "$BUILD/selftests/services/bench" --out "$BENCH" "$@" &
	wait $!
	GUEST_RC=$?
}
