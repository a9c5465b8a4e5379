# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Kernels beside the system, each in build/kernels/NAME:
#   release               its release string
#   vmlinuz               what QEMU boots
#   lib/modules/REL/      its modules, indexed by depmod
#   kdir                  a KDIR for building modules against it
#   make.args             the variables such a build needs, one a line
# "NAME" is the cloud flavour, "NAME-generic" the other one; "debug" is built
# here from Debian's source with debug.config.

KERNELS="6.1 6.1-generic 6.12 6.12-generic 7.3 7.3-generic"

kernel_dir() { printf %s "$BUILD/kernels/$1"; }
kernel_release() { cat "$BUILD/kernels/$1/release"; }

kernel_known() {
	for kk in $KERNELS debug; do
		[ "$kk" = "$1" ] && return 0
	done
	usage "there is no kernel \"$1\": choose one of $KERNELS debug"
}

# kernel_get NAME headers|image: have that part of a kernel
kernel_get() {
	kernel_known "$1"
	# What is unpacked holds absolute paths, so a moved tree starts afresh
	kg_stamp=$BUILD/kernels/$1/have-$2
	if [ "$1" = debug ]; then
		kg_stamp=$BUILD/kernels/debug/have-$(kernel_debug_key)
		[ "$(cat "$kg_stamp" 2>/dev/null)" = "$TOP" ] ||
			with_lock "kernel-debug" kernel_debug "$kg_stamp" || exit $?
		return
	fi
	[ "$(cat "$kg_stamp" 2>/dev/null)" = "$TOP" ] ||
		with_lock "kernel-$1" kernel_fetch "$1" "$2" "$kg_stamp" || exit $?
}


kernel_fetch() { # NAME PART STAMP, under the lock
	kf_dir=$BUILD/kernels/$1
	[ "$(cat "$3" 2>/dev/null)" = "$TOP" ] && return 0
	if [ -e "$kf_dir/release" ] && [ "$(cat "$kf_dir"/have-* 2>/dev/null | sort -u)" != "$TOP" ]; then
		rm -rf "$kf_dir"
	fi
	case ${1%-generic} in
	6.1) kf_suite=bookworm ;;
	6.12) kf_suite=bookworm-backports ;;
	7.3) kf_suite=trixie-backports ;;
	esac
	case $1 in
	*-generic) kf_flavour=amd64 ;;
	*) kf_flavour=cloud-amd64 ;;
	esac
	case $2 in
	headers) kf_pattern='^linux-(headers|kbuild)-[0-9]' kf_meta=linux-headers-$kf_flavour ;;
	image) kf_pattern='^linux-(image|binary|modules|base)-[0-9]' kf_meta=linux-image-$kf_flavour ;;
	esac
	need_space 1500 "kernel $1"
	apt_lists "$kf_suite"
	# The lists may be older than the mirror: once more with fresh ones
	for kf_try in first again; do
		[ $kf_try = first ] || apt_lists "$kf_suite" again
		kf_pkgs=$(apt_closure "$kf_suite" "$kf_pattern" "$kf_meta" | grep -v -e '-unsigned$')
		# shellcheck disable=SC2086 # a list
		[ -n "$kf_pkgs" ] && progress "kernel $1: $2" apt_unpack "$kf_suite" "$kf_dir" $kf_pkgs && break
		[ $kf_try = first ] || die "no $2 of kernel $1 ($kf_meta in $kf_suite): is the network there?"
	done
	rm -rf "$kf_dir/usr/share"
	if [ "$2" = headers ]; then kernel_headers "$1"; else kernel_image "$1"; fi
	printf %s "$TOP" >"$3"
}

kernel_headers() { # NAME
	kh_dir=$BUILD/kernels/$1
	kh_src=
	for kh_f in "$kh_dir"/usr/src/linux-headers-*-amd64; do
		kh_src=$kh_f
	done
	[ -e "$kh_src/Makefile" ] || die "the headers of kernel $1 are not laid out as expected: $kh_dir"
	kernel_set_release "$1" "${kh_src##*/linux-headers-}"
	# Debian's Makefiles name the installed place
	grep -rlE --include=Makefile '/usr/(src|lib)/linux-' "$kh_dir"/usr/src/*/Makefile |
		xargs -r sed -i "s#/usr/\(src\|lib\)/linux-#$kh_dir/usr/\1/linux-#g"
	for kh_f in "$kh_src/scripts" "$kh_src/tools"; do
		[ -e "$kh_f" ] || die "the headers of kernel $1 lack ${kh_f##*/}"
	done
	ln -sfn "usr/src/${kh_src##*/}" "$kh_dir/kdir"
	{
		echo "KDIR=$kh_dir/kdir"
		echo CC=gcc-12
		case $1 in
		# Neither needs a vmlinux with BTF, nor pahole of its own age
		6.12*) echo CONFIG_DEBUG_INFO_BTF_MODULES= ;;
		# Built by gcc 14, which has -fmin-function-alignment
		7.3*) printf '%s\n' CONFIG_DEBUG_INFO_BTF_MODULES= CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT= ;;
		esac
	} >"$kh_dir/make.args"
	case $1 in 7.3*) kernel_host_tools "$1" ;; esac
}

# The host tools of trixie's headers want trixie's C library: it is unpacked
# beside them and each tool started by its loader.
kernel_host_tools() { # NAME
	kt_dir=$BUILD/kernels/$1
	kt_libs=$kt_dir/host
	apt_lists trixie
	progress "kernel $1: libraries of its build tools" \
		apt_unpack trixie "$kt_libs" libc6 libelf1t64 zlib1g libzstd1 ||
		die "no libraries for the build tools of kernel $1"
	rm -rf "$kt_libs/usr/share"
	kt_path=$kt_libs/usr/lib/x86_64-linux-gnu
	find "$kt_dir"/usr/lib/linux-kbuild-* -type f -perm -100 | while read -r kt_f; do
		[ "$(head -c4 "$kt_f" | tr -d '\177')" = ELF ] || continue
		mv "$kt_f" "$kt_f.elf"
		printf '#!/bin/sh\nexec %s --argv0 "$0" --library-path %s %s "$@"\n' \
			"$kt_path/ld-linux-x86-64.so.2" "$kt_path" "$kt_f.elf" >"$kt_f"
		chmod 755 "$kt_f"
	done
}

kernel_set_release() { # NAME RELEASE
	printf '%s\n' "$2" >"$BUILD/kernels/$1/release"
	case $2 in
	"${1%-generic}".*) ;;
	*) say "the mirror has kernel $2 by now; it is used as $1" ;;
	esac
}

kernel_image() { # NAME
	ki_dir=$BUILD/kernels/$1
	# Older packages have lib/modules, newer ones usr/lib/modules
	if [ -d "$ki_dir/usr/lib/modules" ]; then
		mkdir -p "$ki_dir/lib/modules"
		cp -a "$ki_dir/usr/lib/modules/." "$ki_dir/lib/modules/" && rm -rf "$ki_dir/usr/lib/modules"
	fi
	for ki_f in "$ki_dir"/lib/modules/*/kernel; do
		ki_rel=${ki_f%/kernel}
		ki_rel=${ki_rel##*/}
	done
	[ -d "$ki_dir/lib/modules/$ki_rel/kernel" ] || die "the image of kernel $1 is not laid out as expected: $ki_dir"
	kernel_set_release "$1" "$ki_rel"
	rm -f "$ki_dir/lib/modules/$ki_rel/build" "$ki_dir/lib/modules/$ki_rel/source"
	for ki_f in "boot/vmlinuz-$ki_rel" "lib/modules/$ki_rel/vmlinuz"; do
		[ -e "$ki_dir/$ki_f" ] && ln -sfn "$ki_f" "$ki_dir/vmlinuz"
	done
	[ -e "$ki_dir/vmlinuz" ] || die "kernel $1 has no vmlinuz"
	depmod -b "$ki_dir" "$ki_rel" || die "depmod failed for kernel $1"
}

# --- the debug kernel ---

kernel_debug_key() { cksum <"$VM/debug.config" | tr ' ' -; }

kernel_debug() { # STAMP, under the lock
	kd_dir=$BUILD/kernels/debug
	kd_src=$kd_dir/src
	[ "$(cat "$1" 2>/dev/null)" = "$TOP" ] && return 0
	need_space 4000 "the debug kernel"
	apt_lists bookworm
	kd_ver=$(apt_suite bookworm apt-cache policy linux-source-6.1 | awk '$1 == "Candidate:" { print $2 }')
	if [ "$(cat "$kd_src/.lab-version" 2>/dev/null)" != "$kd_ver" ]; then
		rm -rf "$kd_dir"
		mkdir -p "$kd_src"
		progress "debug kernel: source $kd_ver" apt_unpack bookworm "$kd_dir" "linux-source-6.1=$kd_ver" ||
			die "no linux-source-6.1: is the network there?"
		progress "debug kernel: unpacking" \
			tar -C "$kd_src" --strip-components=1 -xf "$kd_dir/usr/src/linux-source-6.1.tar.xz" ||
			die "cannot unpack the kernel's source"
		rm -rf "$kd_dir/usr"
		printf %s "$kd_ver" >"$kd_src/.lab-version"
	fi
	rm -f "$kd_dir"/have-*
	progress "debug kernel: configuration" kernel_debug_config "$kd_src" || exit $EXIT_LAB
	progress "debug kernel: building (10 to 25 minutes, once)" \
		nice make -C "$kd_src" -j"$(nproc)" bzImage modules || die "the debug kernel does not build"
	kd_rel=$(cat "$kd_src/include/config/kernel.release")
	rm -rf "$kd_dir/lib"
	progress "debug kernel: modules" \
		make -C "$kd_src" INSTALL_MOD_PATH="$kd_dir" modules_install || die "modules_install failed"
	rm -f "$kd_dir/lib/modules/$kd_rel/build" "$kd_dir/lib/modules/$kd_rel/source"
	echo "$kd_rel" >"$kd_dir/release"
	ln -sfn src/arch/x86/boot/bzImage "$kd_dir/vmlinuz"
	ln -sfn src "$kd_dir/kdir"
	echo "KDIR=$kd_dir/kdir" >"$kd_dir/make.args"
	printf %s "$TOP" >"$1"
}

kernel_debug_config() { # SOURCE
	make -C "$1" KCONFIG_ALLCONFIG="$VM/debug.config" allnoconfig || return
	# Kconfig drops silently what depends on something that is off
	awk -v config="$1/.config" '
		BEGIN { while ((getline line < config) > 0) have[line] = 1 }
		/^CONFIG_.*=n$/ { sub(/=n$/, ""); $0 = "# " $0 " is not set" }
		/^CONFIG_/ && !($0 in have) { print "lost: " $0; bad = 1 }
		END { exit bad }' "$VM/debug.config"
}

# --- the module ---

# module_ko NAME: where the module for that kernel is
module_ko() { printf %s "$BUILD/module/$(kernel_release "$1")/kmod/linnet.ko"; }

# build_module NAME [MAKE-ARGS...]: build linnet.ko for a kernel, when stale
build_module() {
	kernel_get "$1" headers
	with_lock "module-$1" build_module_locked "$@"
}

build_module_locked() {
	bm_name=$1
	shift
	bm_ko=$(module_ko "$bm_name")
	bm_dir=$BUILD/kernels/$bm_name
	[ -d "$TOP/kmod" ] || { say "there is no kmod/ here"; return 1; }
	if [ $# = 0 ] && [ -e "$bm_ko" ] &&
		[ -z "$(find "$TOP/kmod" "$TOP/Kbuild" "$bm_dir/make.args" -newer "$bm_ko" -print | head -n1)" ]; then
		return 0
	fi
	while read -r bm_arg; do
		set -- "$@" "$bm_arg"
	done <"$bm_dir/make.args"
	progress "module for $bm_name" make -C "$TOP" --no-print-directory -j"$(nproc)" module "$@" || return
	# Kbuild keeps a .ko that did not change
	touch "$bm_ko"
}

# build_stale_int3 NAME: what an emulated guest of that kernel loads first
# (stale_int3.c says why); its path in STALE_INT3
build_stale_int3() {
	kernel_get "$1" headers
	with_lock "module-$1" build_stale_int3_locked "$1"
	STALE_INT3=$BUILD/kernels/$1/stale_int3/stale_int3.ko
}

build_stale_int3_locked() {
	bi_dir=$BUILD/kernels/$1/stale_int3
	[ -z "$(find "$VM/stale_int3" "$BUILD/kernels/$1/make.args" -type f -newer "$bi_dir/stale_int3.ko" -print 2>&1)" ] && return 0
	mkdir -p "$bi_dir"
	cp "$VM"/stale_int3/* "$bi_dir"
	set -- -C "$BUILD/kernels/$1/kdir" M="$bi_dir"
	while read -r bi_arg; do
		set -- "$@" "$bi_arg"
	done <"${bi_dir%/*}/make.args"
	mkdir -p "$BUILD/log"
	make "$@" modules >"$BUILD/log/stale_int3.log" 2>&1 || {
		tail -n 5 "$BUILD/log/stale_int3.log" >&2
		return 1
	}
	touch "$bi_dir/stale_int3.ko"
}

# install_module NAME: put the built module where the guest's modprobe finds it
install_module() { with_lock "module-$1" install_module_locked "$1"; }

install_module_locked() {
	in_ko=$(module_ko "$1")
	in_dir=$BUILD/kernels/$1/lib/modules/$(kernel_release "$1")/updates
	cmp -s "$in_ko" "$in_dir/linnet.ko" && return 0
	mkdir -p "$in_dir"
	cp "$in_ko" "$in_dir/linnet.ko.new" && mv "$in_dir/linnet.ko.new" "$in_dir/linnet.ko"
	depmod -b "$BUILD/kernels/$1" "$(kernel_release "$1")"
}

# build_programs: the userspace programs, when stale
build_programs() {
	[ -e "$TOP/userspace/Makefile" ] || return 0
	make -C "$TOP/userspace" -q >/dev/null 2>&1 && return 0
	with_lock programs progress "programs" make -C "$TOP" --no-print-directory -j"$(nproc)" userspace
}
