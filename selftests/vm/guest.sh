# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Starting guests and collecting what they leave. A run's folder is
# build/run/ID: out/ is $LAB_OUT, guest/ (server/ and client/ for a pair) holds
# command, console.log, dmesg and rc. Sockets and FIFOs are in a short-lived
# folder elsewhere, because a socket's path may have 107 bytes only.

VIRTIOFSD=/usr/lib/qemu/virtiofsd
RUNS_KEPT=10

# What the guest may do, set by lab's options
KERNEL=6.1
CPUS=2
MEMORY=
TIMEOUT=600
VIRTUAL_TIME=
WITH_MODULE=yes
WITH_BUILD=yes
ADD=
SHELL_TTY=

# --- the accelerator ---

# kvm or tcg. /dev/kvm may exist where no guest runs, so a guest is tried, once
# for each boot of the host.
guest_accel() {
	if [ -n "${LAB_ACCEL-}" ]; then
		case $LAB_ACCEL in
		kvm | tcg) ACCEL=$LAB_ACCEL ;;
		*) die "LAB_ACCEL is \"$LAB_ACCEL\": kvm or tcg" ;;
		esac
		return
	fi
	ga_stamp=$BUILD/stamp/accel
	ga_boot=$(cat /proc/sys/kernel/random/boot_id)
	read -r ga_id ACCEL 2>/dev/null <"$ga_stamp" && [ "$ga_id" = "$ga_boot" ] && return
	ACCEL=tcg
	if [ -w /dev/kvm ]; then
		kernel_get 6.1 image
		initrd_build 6.1
		say "trying whether KVM works here (20 s at most)"
		ga_log=$BUILD/log/kvm-probe
		mkdir -p "$BUILD/log"
		rm -f "$ga_log"
		setpriv --pdeathsig TERM timeout -k 2 20 qemu-system-x86_64 -nodefaults -no-user-config \
			-display none -no-reboot -machine q35 -accel kvm -cpu host -m 256 \
			-kernel "$BUILD/kernels/6.1/vmlinuz" -initrd "$INITRD" \
			-append "console=ttyS0 panic=-1 quiet lab.probe" -serial "file:$ga_log" \
			</dev/null >"$ga_log.qemu" 2>&1 &
		# QEMU may abort where KVM is not what it seems: the shell need not tell
		{ wait $!; } 2>/dev/null || :
		grep -q '^LAB: the guest runs' "$ga_log" 2>/dev/null && ACCEL=kvm
	fi
	mkdir -p "$BUILD/stamp"
	echo "$ga_boot $ACCEL" >"$ga_stamp"
	[ $ACCEL = kvm ] || say "no working KVM here: guests run in software emulation"
}

# --- the initramfs ---

# initrd_build NAME: the initramfs with what is needed to mount the root; its
# path in INITRD. It is the same for every run of a kernel.
initrd_build() {
	INITRD=$BUILD/kernels/$1/initrd.gz
	STALE_INT3=
	[ "${ACCEL-}" != tcg ] || build_stale_int3 "$1" ||
		say "stale_int3 does not build: a guest may die of \"Oops: int3\""
	[ -e "$INITRD" ] && [ "$INITRD" -nt "$VM/init" ] && [ "$INITRD" -nt "$VM/guest.sh" ] &&
		{ [ ! -e "$STALE_INT3" ] || [ "$INITRD" -nt "$STALE_INT3" ]; } &&
		[ "$INITRD" -nt "$BUILD/kernels/$1/release" ] && return
	ib_dir=$(mktemp -d "$BUILD/kernels/$1/initrd.XXXXXX") || exit $EXIT_LAB
	mkdir -p "$ib_dir/bin"
	cp /bin/busybox "$VM/init" "$ib_dir"
	mv "$ib_dir/busybox" "$ib_dir/bin/"
	initrd_modules "$1" "$ib_dir" virtio_pci virtio_console virtiofs overlay || exit $EXIT_LAB
	if [ -e "$STALE_INT3" ]; then
		cp "$STALE_INT3" "$ib_dir/modules"
		sed -i 1istale_int3.ko "$ib_dir/modules/order"
	fi
	initrd_pack "$ib_dir" | gzip -1 >"$ib_dir.gz"
	rm -rf "$ib_dir"
	mv "$ib_dir.gz" "$INITRD"
}

# Put modules with all they depend on into a folder's modules/, with a list in
# the order of loading. A kernel that has one built in needs no file for it.
initrd_modules() { # NAME FOLDER MODULE...
	im_base=$BUILD/kernels/$1
	im_dir=$2/modules
	im_rel=$(kernel_release "$1")
	shift 2
	mkdir -p "$im_dir"
	: >"$im_dir/order"
	for im_m in "$@"; do
		modprobe -S "$im_rel" -d "$im_base" --show-depends "$im_m" >"$im_dir/deps" || {
			say "kernel $im_rel has no module $im_m"
			return 1
		}
		while read -r im_how im_file _; do
			[ "$im_how" = insmod ] || continue
			im_name=${im_file##*/}
			im_name=${im_name%.[xz]*}
			[ ! -e "$im_dir/$im_name" ] || continue
			case $im_file in
			*.xz) xz -dc "$im_file" >"$im_dir/$im_name" ;;
			*.zst) zstd -qdc "$im_file" >"$im_dir/$im_name" ;;
			*) cp "$im_file" "$im_dir/$im_name" ;;
			esac
			echo "$im_name" >>"$im_dir/order"
		done <"$im_dir/deps"
	done
	rm -f "$im_dir/deps"
}

initrd_pack() { (cd "$1" && find . | cpio -o -H newc --quiet -R 0:0); }

# --- the guest's clock ---

# guest_tsc: sets TSC to what tells an emulated guest how fast its counter runs,
# if that can be measured (tsc_khz.c says why); nothing in virtual time
guest_tsc() {
	TSC=
	[ "$ACCEL" = tcg ] && [ -z "$VIRTUAL_TIME" ] || return 0
	if [ ! -x "$BUILD/bin/.tsc_khz" ] || [ "$VM/tsc_khz.c" -nt "$BUILD/bin/.tsc_khz" ]; then
		mkdir -p "$BUILD/bin"
		cc -O2 -o "$BUILD/bin/.tsc_khz.$$" "$VM/tsc_khz.c" 2>/dev/null || return 0
		mv "$BUILD/bin/.tsc_khz.$$" "$BUILD/bin/.tsc_khz"
	fi
	gt_khz=$("$BUILD/bin/.tsc_khz") && TSC="tsc_early_khz=$gt_khz"
	return 0
}

# --- a run's folder ---

# run_folder: make RUN, drop the oldest ones
run_folder() {
	mkdir -p "$BUILD/run" || die "cannot write to $BUILD"
	# shellcheck disable=SC2012 # names are ours, without blanks
	ls -1 "$BUILD/run" | grep '^[0-9]' | head -n -$RUNS_KEPT | while read -r rf_old; do
		# One that still runs stays
		rf_pid=$(cat "$BUILD/run/$rf_old/pid" 2>/dev/null)
		[ -n "$rf_pid" ] && kill -0 "$rf_pid" 2>/dev/null && continue
		rm -rf "$BUILD/run/${rf_old:?}"
	done
	# What a lab that was killed could not remove
	for rf_old in "${TMPDIR:-/tmp}"/linnet-lab.*.*; do
		rf_pid=${rf_old##*/linnet-lab.}
		[ -d "$rf_old" ] && ! kill -0 "${rf_pid%%.*}" 2>/dev/null && rm -rf "$rf_old"
	done
	RUN=$(mktemp -d "$BUILD/run/$(date +%Y%m%d-%H%M%S)-XXXX") || exit $EXIT_LAB
	chmod 755 "$RUN"
	echo $$ >"$RUN/pid"
	mkdir "$RUN/out"
	ln -sfn "${RUN##*/}" "$BUILD/run/last"
}

quote() {
	for q_a in "$@"; do
		printf "'%s' " "$(printf %s "$q_a" | sed "s/'/'\\\\''/g")"
	done
	echo
}

# run_command SIDE COMMAND...: write down what a guest is to do
run_command() {
	rc_dir=$RUN/$1
	mkdir "$rc_dir"
	shift
	{
		printf 'cd %s || exit 126\nexec ' "$(quote "$PWD")"
		quote "$@"
	} >"$rc_dir/command"
	rc_timeout=$TIMEOUT
	# In virtual time a minute of the host may be an hour of the guest
	[ -z "$VIRTUAL_TIME" ] && [ "$TIMEOUT" != 0 ] || rc_timeout=
	rc_ko=
	[ -z "$WITH_MODULE" ] || rc_ko=$(module_ko "$KERNEL")
	{
		echo "LAB_KERNEL=$KERNEL"
		echo "LAB_TOP=$TOP"
		echo "LAB_CWD=$(quote "$PWD")"
		echo "LAB_MODULES=$BUILD/kernels/$KERNEL/lib/modules/$(kernel_release "$KERNEL")"
		echo "LINNET_KO=$rc_ko"
		echo "LAB_TIMEOUT=$rc_timeout"
		[ -z "$VIRTUAL_TIME" ] || printf 'LAB_RESULTS_PORT=yes\nexport LAB_VIRTUAL_TIME=yes\n'
	} >"$rc_dir/setup"
}

# --- the guest itself ---

# guest_prepare: kernel, module and programs for the chosen options
guest_prepare() {
	command -v qemu-system-x86_64 >/dev/null || die "there is no qemu-system-x86_64: install qemu-system-x86"
	kernel_get "$KERNEL" image
	guest_accel
	if [ -n "$WITH_MODULE" ]; then
		if [ -n "$WITH_BUILD" ]; then
			build_module "$KERNEL" || die "the module does not build (--no-module boots without it)"
		fi
		[ -e "$(module_ko "$KERNEL")" ] ||
			die "the module is not built for $KERNEL: \"./lab build $KERNEL\", or boot without it by --no-module"
		install_module "$KERNEL"
	fi
	[ -z "$WITH_BUILD" ] || build_programs || say "the programs do not build: going on with those that are there"
}

# A short-lived folder, in SHORT
short_folder() {
	SHORT=$(mktemp -d "${TMPDIR:-/tmp}/linnet-lab.$$.XXXXXX") || exit $EXIT_LAB
	CLEANUP="$CLEANUP rm -rf $(quote "$SHORT");"
}

# guest_start SIDE [QEMU-ARGS...]: start a guest of RUN in the background;
# QEMU's process is then GUEST_PID
guest_start() {
	gs_side=$1
	shift
	gs_dir=$RUN/$gs_side
	short_folder
	gs_tmp=$SHORT
	gs_mem=$MEMORY
	if [ -z "$gs_mem" ]; then
		case $KERNEL in debug) gs_mem=2048 ;; *) gs_mem=1024 ;; esac
	fi
	case $ACCEL in
	kvm) gs_accel=kvm gs_cpu=host ;;
	# Without cx16: QEMU 7.2's cmpxchg16b corrupts memory
	tcg) gs_accel="tcg,thread=multi" gs_cpu=max,-cx16 ;;
	esac
	guest_tsc
	gs_root=virtiofs
	gs_foreground=
	if [ -n "$SHELL_TTY" ]; then
		# The terminal's own settings come back when QEMU ends
		gs_foreground=--foreground
		set -- -chardev stdio,id=tty,signal=off -device virtconsole,chardev=tty,name=lab.tty "$@"
		exec 5<&0 6>&1
	else
		exec 5</dev/null 6>/dev/null
	fi
	if [ -n "$VIRTUAL_TIME" ]; then
		gs_root=initramfs
		gs_accel=tcg
		# ERMS counts each byte of a string copy as an instruction
		gs_cpu=max,-cx16,-erms,-fsrm
		set -- -icount shift=0,sleep=off -chardev "file,id=results,path=$RUN/results.tar" \
			-device virtserialport,chardev=results,name=lab.results "$@"
		initrd_whole "$KERNEL" "$gs_side" "$gs_tmp"
	else
		initrd_build "$KERNEL"
		gs_shares="root share"
		guest_share root / "$gs_tmp" -o cache=always
		guest_share share "$RUN" "$gs_tmp" -o cache=auto
		if [ -d "$BUILD/layer" ]; then
			gs_shares="$gs_shares layer"
			guest_share layer "$BUILD/layer" "$gs_tmp" -o cache=always
		fi
		for gs_tag in $gs_shares; do
			guest_await "$gs_tmp/$gs_tag.sock" "$RUN/$gs_side/virtiofsd-$gs_tag.log"
			set -- "$@" -chardev "socket,id=$gs_tag,path=$gs_tmp/$gs_tag.sock" \
				-device "vhost-user-fs-pci,chardev=$gs_tag,tag=$gs_tag"
		done
		set -- "$@" -object "memory-backend-memfd,id=mem,size=${gs_mem}M,share=on" -numa node,memdev=mem
	fi
	mkfifo "$gs_tmp/out" "$gs_tmp/err"
	gs_filter=cat
	# Of two guests, each line tells whose it is
	[ "$gs_side" = guest ] || gs_filter="sed -u s/^/$gs_side:\\x20/"
	$gs_filter <"$gs_tmp/out" &
	gs_cats=$!
	$gs_filter <"$gs_tmp/err" >&2 &
	gs_cats="$gs_cats $!"
	[ "$TIMEOUT" = 0 ] && gs_limit=0 || gs_limit=$((TIMEOUT + 120))
	# timeout and QEMU each end with their parent. QEMU has to stay in the
	# foreground when it reads the terminal.
	# shellcheck disable=SC2086 # a word or none
	setpriv --pdeathsig TERM timeout $gs_foreground -k 5 $gs_limit setpriv --pdeathsig KILL \
		qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot \
		-device virtio-serial-pci -machine q35 -accel "$gs_accel" -cpu "$gs_cpu" -smp "$CPUS" -m "$gs_mem" \
		-kernel "$BUILD/kernels/$KERNEL/vmlinuz" -initrd "$INITRD" \
		-append "console=ttyS0 panic=-1 quiet loglevel=5 mitigations=off nokaslr tsc=reliable $TSC no_timer_check lab.root=$gs_root lab.top=$TOP lab.side=$gs_side" \
		-serial "file:$gs_dir/console.log" \
		-chardev "file,id=out,path=$gs_tmp/out" -device virtserialport,chardev=out,name=lab.out \
		-chardev "file,id=err,path=$gs_tmp/err" -device virtserialport,chardev=err,name=lab.err \
		"$@" <&5 >&6 2>"$gs_dir/qemu.log" &
	GUEST_PID=$!
	GUEST_CATS=$gs_cats
}

guest_share() { # TAG FOLDER SOCKET-FOLDER VIRTIOFSD-ARGS...
	gh_tag=$1
	gh_dir=$2
	gh_sock=$3/$1.sock
	shift 3
	# It ends by itself when QEMU does. The chroot sandbox also works in
	# containers that allow no new namespaces.
	setpriv --pdeathsig TERM "$VIRTIOFSD" --socket-path="$gh_sock" -o source="$gh_dir" \
		-o sandbox=chroot --thread-pool-size=0 "$@" \
		>"$RUN/$gs_side/virtiofsd-$gh_tag.log" 2>&1 </dev/null &
}

guest_await() { # SOCKET LOG
	gw_n=100
	until [ -S "$1" ]; do
		gw_n=$((gw_n - 1))
		[ $gw_n -gt 0 ] || die "a part of the guest does not start: $(tail -n 1 "$2")"
		sleep 0.05
	done
}

# guest_wait SIDE PID CATS: wait for a guest to end; its status in GUEST_RC
guest_wait() {
	wait "$2"
	ge_qemu=$?
	for ge_c in $3; do
		wait "$ge_c"
	done
	ge_dir=$RUN/$1
	[ ! -s "$RUN/results.tar" ] || tar -C "$RUN" -xf "$RUN/results.tar" 2>/dev/null
	rm -f "$RUN/results.tar"
	if [ -e "$ge_dir/rc" ]; then
		GUEST_RC=$(cat "$ge_dir/rc")
		[ "$GUEST_RC" != $EXIT_TIMEOUT ] || say "the command was ended after $TIMEOUT s, see $ge_dir/dmesg"
		return
	fi
	tail -n 15 "$ge_dir/console.log" 2>/dev/null | tr -d '\r' | sed 's/^/  | /' >&2
	if [ $ge_qemu = $EXIT_TIMEOUT ]; then
		GUEST_RC=$EXIT_TIMEOUT
		say "the guest was ended after $((TIMEOUT + 120)) s, see $ge_dir/console.log"
	else
		GUEST_RC=$EXIT_LAB
		say "the guest ended before the command did (qemu's status $ge_qemu), see $ge_dir/console.log"
		[ ! -s "$ge_dir/qemu.log" ] || head -n 3 "$ge_dir/qemu.log" >&2
	fi
}

# run_guest COMMAND...: one guest, one command; its status in GUEST_RC
run_guest() {
	guest_prepare
	run_folder
	run_command guest "$@"
	guest_start guest
	guest_wait guest "$GUEST_PID" "$GUEST_CATS"
	kill_children
	rm -f "$RUN/pid"
}

# run_shell: a guest with an interactive shell on this terminal
run_shell() {
	{ [ -t 0 ] && [ -t 1 ]; } || die "a shell needs a terminal; \"./lab run\" does not"
	guest_prepare
	run_folder
	run_command guest bash
	{
		echo LAB_SHELL=yes
		echo "LAB_TTY_SIZE=\"$(stty size | awk '{ print "rows", $1, "cols", $2 }')\""
		echo "export TERM=$(quote "${TERM-linux}")"
	} >>"$RUN/guest/setup"
	SHELL_TTY=yes
	rs_stty=$(stty -g)
	CLEANUP="$CLEANUP stty $rs_stty;"
	guest_start guest
	guest_wait guest "$GUEST_PID" "$GUEST_CATS"
	kill_children
	rm -f "$RUN/pid"
}

# run_pair SERVER-SCRIPT CLIENT-SCRIPT: two guests on one wire, GUEST_RC is the
# client's status, or the server's when the client's is 0
run_pair() {
	guest_prepare
	run_folder
	run_command server sh -c "$1"
	run_command client sh -c "$2"
	short_folder
	rp_wire=$SHORT/wire
	rp_net=stream,id=wire,addr.type=unix,addr.path=$rp_wire
	guest_start server -netdev "$rp_net,server=on" -device virtio-net-pci,netdev=wire,mac=52:54:00:fd:00:01
	rp_pid=$GUEST_PID
	rp_cats=$GUEST_CATS
	guest_await "$rp_wire" "$RUN/server/qemu.log"
	guest_start client -netdev "$rp_net,server=off" -device virtio-net-pci,netdev=wire,mac=52:54:00:fd:00:02
	guest_wait client "$GUEST_PID" "$GUEST_CATS"
	rp_rc=$GUEST_RC
	guest_wait server "$rp_pid" "$rp_cats"
	[ "$rp_rc" = 0 ] || GUEST_RC=$rp_rc
	kill_children
	rm -f "$RUN/pid"
}
