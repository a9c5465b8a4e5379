# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# The initramfs of a virtual-time guest. A shared root would bring the host's
# clock into it, so everything that the command needs is copied in.

words() { sed 's/#.*//' "$1"; }

# vt_copy ROOT PATH [AS]: a file or folder of the host and the libraries of
# what is executable in it
vt_copy() {
	vc_to=$1${3-$2}
	mkdir -p "${vc_to%/*}"
	if [ -d "$2" ]; then
		mkdir -p "$vc_to"
		cp -a "$2/." "$vc_to/" || return
		find "$2" -type f -perm -100
	else
		cp -L "$2" "$vc_to" || return
		[ ! -x "$2" ] || echo "$2"
	fi | while read -r vc_f; do
		ldd "$vc_f" 2>/dev/null | grep -o '/[^ ]*' || :
	done | sort -u | while read -r vc_lib; do
		[ ! -e "$1$vc_lib" ] || continue
		mkdir -p "$1${vc_lib%/*}"
		cp -L "$vc_lib" "$1$vc_lib"
	done
}

# vt_program ROOT NAME
vt_program() {
	vp_path=$(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin && command -v "$2") || return
	case $vp_path in
	/*) ;;
	# A word that the shell has built in
	*) vp_path=/usr/bin/$2 ;;
	esac
	[ -x "$vp_path" ] && vt_copy "$1" "$vp_path" "/usr/bin/$2"
}

# The part that is the same for every run of a kernel
vt_base() { # NAME, under the lock
	vb_root=$BUILD/kernels/$1/virtual
	vb_key=$(cat "$VM/programs" "$VM/modules" "$VM/init" "$VM/virtual.sh" "$BUILD/kernels/$1/release" | cksum)
	[ "$(cat "$vb_root.key" 2>/dev/null)" = "$vb_key" ] && return 0
	say "collecting programs for virtual-time guests of $1"
	rm -rf "$vb_root" "$vb_root.key"
	vb_rel=$(kernel_release "$1")
	vb_mod=lib/modules/$vb_rel
	for vb_d in usr/bin usr/lib usr/lib64 proc sys dev tmp run etc root; do
		mkdir -p "$vb_root/$vb_d"
	done
	for vb_d in bin lib lib64; do
		ln -s usr/$vb_d "$vb_root/$vb_d"
	done
	ln -s usr/bin "$vb_root/sbin"
	ln -s bin "$vb_root/usr/sbin"
	cp "$VM/init" "$vb_root/init"
	for vb_w in $(words "$VM/programs"); do
		case $vb_w in
		/*) vt_copy "$vb_root" "$vb_w" ;;
		*) vt_program "$vb_root" "$vb_w" ;;
		esac || say "no $vb_w here: virtual-time guests do without it"
	done
	initrd_modules "$1" "$vb_root" virtio_pci virtio_console || return
	for vb_w in $(words "$VM/modules"); do
		modprobe -S "$vb_rel" -d "$BUILD/kernels/$1" --show-depends "$vb_w" 2>/dev/null ||
			say "kernel $vb_rel has no module $vb_w"
	done | awk '$1 == "insmod" { print $2 }' | sort -u | while read -r vb_f; do
		vb_to=$vb_root/${vb_f#"$BUILD/kernels/$1/"}
		mkdir -p "${vb_to%/*}"
		cp "$vb_f" "$vb_to"
	done
	mkdir -p "$vb_root/$vb_mod"
	cp "$BUILD/kernels/$1/$vb_mod"/modules.builtin* "$BUILD/kernels/$1/$vb_mod"/modules.order "$vb_root/$vb_mod/"
	depmod -b "$vb_root" "$vb_rel" || return
	printf %s "$vb_key" >"$vb_root.key"
}

vt_pack() { # NAME SIDE FILE, under the lock
	vk_root=$BUILD/kernels/$1/virtual
	vk_mod=$vk_root/lib/modules/$(kernel_release "$1")
	vt_base "$1" || return
	if [ -n "$WITH_MODULE" ] && ! cmp -s "$(module_ko "$1")" "$vk_mod/updates/linnet.ko"; then
		mkdir -p "$vk_mod/updates"
		cp "$(module_ko "$1")" "$vk_mod/updates/linnet.ko" || return
		depmod -b "$vk_root" "$(kernel_release "$1")" || return
	fi
	vk_run=$3.d
	mkdir -p "$vk_run/run/lab/out" "$vk_run$PWD"
	ln -s usr/lib "$vk_run/lib"
	ln -s usr/lib64 "$vk_run/lib64"
	mkdir -p "$vk_run/usr/lib" "$vk_run/usr/lib64"
	cp -r "$RUN/$2" "$vk_run/run/lab/"
	[ ! -d "$BUILD/bin" ] || vt_copy "$vk_run" "$BUILD/bin" || return
	vt_copy "$vk_run" "$TOP/selftests" || return
	# But for the tests that need no guest: all of it must fit into its memory
	for vk_a in ${VIRTUAL_TESTS:-"$BUILD"/selftests/*}; do
		case ${vk_a##*/} in
		unit | host-* | '*') continue ;;
		esac
		vt_copy "$vk_run" "$vk_a" || return
	done
	[ -z "$WITH_MODULE" ] || vt_copy "$vk_run" "$(module_ko "$1")" || return
	eval "set -- $ADD"
	for vk_a in "$@"; do
		vt_copy "$vk_run" "$vk_a" || return
	done
	{ initrd_pack "$vk_root" && initrd_pack "$vk_run"; } >"${vk_run%.d}" || return
	rm -rf "$vk_run"
}

# initrd_whole NAME SIDE FOLDER: build it, in INITRD
initrd_whole() {
	INITRD=$3/initrd
	with_lock "virtual-$1" vt_pack "$1" "$2" "$INITRD" || die "cannot collect what the guest needs"
}
