# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# lab check and lab demo. Each tier leaves KTAP reports in build/check; the end
# counts them.

TIERS="unit build userspace net packet programs services demo"
# Long: chosen by name, or with --full
FULL_TIERS=stress
CHECK=$BUILD/check
INSTALLED=$BUILD/selftests/installed
# Tiers that need exact times have a guest in virtual time
VIRTUAL_TIERS=packet
INSTALLED_VIRTUAL=$BUILD/selftests/virtual
# Most tests without a guest wait for something most of the time
HOST_JOBS=$(nproc)
[ "$HOST_JOBS" -le 8 ] || HOST_JOBS=8

# note REPORT RESULT NAME: one more result line in a report of our own
note() {
	n_file=$CHECK/$1.ktap
	n_n=$(($(grep -c -E '^(not )?ok ' "$n_file" 2>/dev/null) + 1))
	echo "$2 $n_n $3" >>"$n_file"
	echo "$2 - $1: $3"
}

# step REPORT NAME COMMAND...: a result that is a command's status
step() {
	st_report=$1
	st_name=$2
	shift 2
	if "$@"; then note "$st_report" ok "$st_name"; else note "$st_report" "not ok" "$st_name"; fi
}

plan() { # REPORT: its plan is what it has
	sed -i "1i 1..$(grep -c -E '^(not )?ok ' "$CHECK/$1.ktap")" "$CHECK/$1.ktap"
}

has_word() { # WORD LIST...
	hw=$1
	shift
	for hw_w in "$@"; do
		[ "$hw_w" = "$hw" ] && return 0
	done
	return 1
}

# collections TIER: the folders of tests that belong to it
collections() {
	make -s -C "$TOP/selftests" targets | tr ' ' '\n' | grep -E "^$1(/|\$)"
}

# --- tiers without a guest ---

check_host() { # TIER
	ch_c=$(collections "$1")
	if [ -z "$ch_c" ]; then
		note "$1" ok "tests # SKIP there are none in selftests/$1"
		plan "$1"
		return
	fi
	# shellcheck disable=SC2046,SC2086 # lists
	if progress "building the $1 tests" make -C "$TOP/selftests" -j"$(nproc)" install \
		TARGETS="$(echo $ch_c)" INSTALL_PATH="$BUILD/selftests/host-$1"; then
		say "$1 tests"
		PATH="$BUILD/bin:$PATH" "$BUILD/selftests/host-$1/run_kselftest.sh" -n -j "$HOST_JOBS" -o "$CHECK/$1.ktap" $(printf ' -c %s' $ch_c)
	else
		note "$1" "not ok" "the tests build"
		plan "$1"
	fi
}

# The programs' own tests: here on TCP, and in a guest on protocol 253 too
check_userspace() { # TIER
	if [ ! -e "$CHECK/programs.ktap" ]; then
		step programs "the programs build" build_programs
		plan programs
	fi
	check_host "$1"
}

check_build() {
	for cb_k in $KERNELS ${FULL:+debug}; do
		step build "module for $cb_k" build_module "$cb_k"
	done
	step build "module for 6.1 without a warning by W=1 C=1" check_strict
	plan build
}

# All of gcc's extra warnings and sparse, on a build of its own
check_strict() {
	kernel_get 6.1 headers
	cs_out=build/module/strict
	rm -rf "${TOP:?}/$cs_out"
	set -- OUT=$cs_out W=1 C=1
	while read -r cs_arg; do
		set -- "$@" "$cs_arg"
	done <"$BUILD/kernels/6.1/make.args"
	cs_log=$BUILD/log/strict.log
	mkdir -p "$BUILD/log"
	make -C "$TOP" module "$@" >"$cs_log" 2>&1 || {
		tail -n 10 "$cs_log" >&2
		return 1
	}
	! grep -E 'kmod/.*: (warning|error):' "$cs_log" >&2
}

# --- tiers in a guest ---

# check_guest KERNEL RUNNER-ARGS...: installed tests in one boot, in virtual time
# when that was chosen
check_guest() {
	KERNEL=$1
	shift
	cg_name=$KERNEL${VIRTUAL_TIME:+-virtual}
	cg_report=guest-$cg_name
	cg_tests=$INSTALLED
	[ -z "$VIRTUAL_TIME" ] || cg_tests=$INSTALLED_VIRTUAL
	if ! build_module "$KERNEL"; then
		note "$cg_report" "not ok" "the module builds"
		plan "$cg_report"
		return
	fi
	guest_accel
	cg_factor=1
	# in virtual time the host's speed is none of the guest's business, but
	# the debug kernel's checks are instructions, which are its time
	[ "$ACCEL" = kvm ] || [ -n "$VIRTUAL_TIME" ] || cg_factor=2
	if [ "$KERNEL" = debug ]; then
		cg_factor=$((cg_factor * 3))
		[ -z "$VIRTUAL_TIME" ] || cg_factor=$((cg_factor * 10))
	fi
	TIMEOUT=$((2400 * cg_factor))
	# The long runs of stress are half of it
	[ -z "$FULL" ] || TIMEOUT=$((TIMEOUT * 2))
	say "tests in a guest with kernel $(kernel_release "$KERNEL"): $*"
	run_guest env LAB_TIME_FACTOR=$cg_factor LAB_FULL=$FULL "$VM/guest-tests" "$cg_tests" "$@"
	for cg_f in tests unload; do
		if [ -e "$RUN/out/$cg_f.ktap" ]; then
			cp "$RUN/out/$cg_f.ktap" "$CHECK/$cg_f-$cg_name.ktap"
		fi
	done
	check_guest_end "$cg_report"
	[ -e "$CHECK/tests-$cg_name.ktap" ] || note "$cg_report" "not ok" "the tests start"
	plan "$cg_report"
	mv "$RUN/out" "$CHECK/out-$cg_name"
	cp -r "$RUN/guest" "$CHECK/guest-$cg_name"
}

# What only the host can tell: did the guest come to its end, is its log clean
check_guest_end() { # REPORT
	case $GUEST_RC in
	124 | 125) note "$1" "not ok" "the guest comes to its end" ;;
	*) note "$1" ok "the guest comes to its end" ;;
	esac
	ce_log=$RUN/guest/dmesg
	[ -s "$ce_log" ] || ce_log=$RUN/guest/console.log
	if "$TOP/selftests/splat.sh" <"$ce_log" >"$CHECK/$1.splat"; then
		note "$1" ok "its kernel's log is clean"
	else
		head -n 60 "$CHECK/$1.splat"
		note "$1" "not ok" "its kernel's log is clean"
	fi
	[ "$KERNEL" = debug ] && [ -e "$RUN/guest/rc" ] || return 0
	if [ -s "$RUN/guest/kmemleak" ]; then
		head -n 60 "$RUN/guest/kmemleak"
		note "$1" "not ok" "no memory leaked"
	else
		note "$1" ok "no memory leaked"
	fi
}

# install_tests FOLDER COLLECTION...
install_tests() {
	it_dir=$1
	shift
	progress "building the tests of $*" make -C "$TOP/selftests" -j"$(nproc)" install \
		TARGETS="$*" INSTALL_PATH="$it_dir" && return
	note "install-${it_dir##*/}" "not ok" "the tests build"
	plan "install-${it_dir##*/}"
	return 1
}

# check_kernels FOLDER COLLECTION...: all of them on 6.1, the short list on the
# other kernels, all on the debug kernel if asked for
check_kernels() {
	ck_dir=$1
	shift
	# shellcheck disable=SC2046 # lists
	check_guest 6.1 $(printf ' -c %s' "$@")
	if [ -s "$ck_dir/kselftest-short.txt" ]; then
		check_guest 6.12 --short
		check_guest 7.3 --short
	fi
	if [ -n "$FULL" ]; then
		# shellcheck disable=SC2046 # lists
		check_guest debug $(printf ' -c %s' "$@")
	fi
	KERNEL=6.1
}

# tests_of TIER...: their collections; a tier without any is said to have been skipped
tests_of() {
	for to_t in "$@"; do
		collections "$to_t" || note tiers ok "$to_t # SKIP there are no tests in selftests/$to_t" >&2
	done
}

check_guests() { # TIER...
	cg_tests=$(tests_of "$@")
	[ -n "$cg_tests" ] || return 0
	build_programs || say "the programs do not build: their tests will fail"
	! has_word programs "$@" || guest_layer || say "without these packages the tests of programs are skipped"
	# shellcheck disable=SC2086 # a list
	! install_tests "$INSTALLED" $cg_tests || check_kernels "$INSTALLED" $cg_tests
}

# Their guests have a processor's time of their own: the host's load is nothing to them
start_virtual() { # TIER...
	sv_tests=$(tests_of "$@")
	[ -n "$sv_tests" ] || return 0
	build_programs || say "the programs do not build: their tests will fail"
	# What the guests take along must not change while they are prepared
	for sv_k in $KERNELS; do
		build_module "$sv_k"
	done
	guest_accel
	# shellcheck disable=SC2086 # a list
	install_tests "$INSTALLED_VIRTUAL" $sv_tests || return 0
	# shellcheck disable=SC2086 # a list
	beside "$CHECK/virtual.log" check_virtual $sv_tests
}

check_virtual() { # COLLECTION...
	VIRTUAL_TIME=yes
	VIRTUAL_TESTS=$INSTALLED_VIRTUAL
	CPUS=1
	check_kernels "$INSTALLED_VIRTUAL" "$@"
}

# --- the demo ---

run_demo() {
	KERNEL=6.1
	TIMEOUT=900
	[ -e "$TOP/selftests/demo/demo.sh" ] || die "there is no selftests/demo/demo.sh in this tree"
	build_module "$KERNEL" || die "the module does not build"
	build_programs || die "the programs do not build"
	run_guest "$TOP/selftests/demo/demo.sh"
}

check_demo() {
	if [ ! -e "$TOP/selftests/demo/demo.sh" ]; then
		note demo ok "demo # SKIP there is no selftests/demo/demo.sh"
	elif ! build_module 6.1 || ! build_programs; then
		note demo "not ok" "the module and the programs build"
	else
		say "the demo"
		run_demo >"$CHECK/demo.log" 2>&1
		[ "$GUEST_RC" = 0 ] || tail -n 40 "$CHECK/demo.log"
		step demo "$(tail -n 1 "$CHECK/demo.log")" [ "$GUEST_RC" = 0 ]
		check_guest_end demo
	fi
	plan demo
}

# --- all together ---

run_check() { # TIER...
	rm -rf "$CHECK"
	mkdir -p "$CHECK" || die "cannot write to $BUILD"
	rk_start=$(date +%s)
	rk_guests=
	rk_virtual=
	for rk_t in "$@"; do
		if has_word "$rk_t" $VIRTUAL_TIERS; then
			rk_virtual="$rk_virtual $rk_t"
		fi
	done
	if has_word unit "$@"; then
		# The simulation is compiled with them
		kernel_get 6.1 headers
		[ -z "$FULL" ] || export SIM_FULL=1
		check_host unit
	fi
	! has_word build "$@" || check_build
	# shellcheck disable=SC2086 # a list
	[ -z "$rk_virtual" ] || start_virtual $rk_virtual
	for rk_t in "$@"; do
		case $rk_t in
		unit | build | demo) ;;
		userspace | services)
			check_userspace "$rk_t"
			rk_guests="$rk_guests $rk_t"
			;;
		*) has_word "$rk_t" $VIRTUAL_TIERS || rk_guests="$rk_guests $rk_t" ;;
		esac
	done
	# One boot for all of them
	# shellcheck disable=SC2086 # a list
	[ -z "$rk_guests" ] || check_guests $rk_guests
	await_beside "$CHECK/virtual.log"
	[ ! -e "$CHECK/tiers.ktap" ] || plan tiers
	! has_word demo "$@" || check_demo
	"$VM/ktap" "$CHECK"/*.ktap >"$CHECK/summary"
	echo
	sed '$d' "$CHECK/summary"
	echo "reports are in $CHECK, after $(($(date +%s) - rk_start)) s"
	read -r rk_passed rk_failed rk_skipped <<-END
		$(tail -n 1 "$CHECK/summary")
	END
	echo "$rk_passed passed, $rk_failed failed, $rk_skipped skipped"
	[ "$rk_failed" = 0 ] && [ "$rk_passed" != 0 ]
}
