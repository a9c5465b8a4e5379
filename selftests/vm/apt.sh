# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Packages: what lab installs, and packages of other suites that are only
# unpacked. Those come from the mirror that the machine's own apt uses, into a
# private set of lists; apt checks the archive's signatures as always, and the
# machine's own sources stay as they are.

# The part of apt's configuration that makes it private to one suite
apt_suite() { # SUITE COMMAND ARGS...
	as_dir=$BUILD/apt/$1
	as_cmd=$2
	shift 2
	"$as_cmd" -o Dir::State="$as_dir/state" -o Dir::State::status="$as_dir/status" \
		-o Dir::Cache="$as_dir/cache" -o Dir::Etc::sourcelist=/dev/null \
		-o Dir::Etc::sourceparts="$as_dir/sources" -o APT::Sandbox::User=root \
		-o Acquire::Languages=none -o Acquire::Retries=3 \
		-o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
		-o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false \
		-o APT::Update::Post-Invoke-Success::= -o Dir::Log="$as_dir/state" "$@"
}

# "URI RELEASE KEYRING" of each place that the machine's apt reads Debian from
apt_places() {
	# shellcheck disable=SC2016 # the names are apt's
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT) $(SIGNED_BY)' \
		'Created-By: Packages' 2>/dev/null |
		awk '$3 == "main" && $2 ~ /^bookworm(-security|-updates)?$/ { print $1, $2, $4 }' | sort -u
}

# Lists of one suite, fetched when missing or when $2 = again
apt_lists() {
	al_dir=$BUILD/apt/$1
	[ -e "$al_dir/done" ] && [ "${2-}" != again ] && return 0
	al_places=$(apt_places)
	al_main=$(printf '%s\n' "$al_places" | awk '$2 == "bookworm" { print; exit }')
	[ -n "$al_main" ] ||
		die "apt knows no source for Debian 12 (bookworm) main: put one into /etc/apt/sources.list.d"
	mkdir -p "$al_dir/sources" "$al_dir/state/lists/partial" "$al_dir/cache/archives/partial" ||
		die "cannot write to $al_dir"
	: >"$al_dir/status"
	case $1 in
	bookworm) ;;
	*) al_places=$(printf '%s\n' "$al_main" | awk -v s="$1" '{ print $1, s, $3 }') ;;
	esac
	printf '%s\n' "$al_places" | while read -r uri release key; do
		[ -e "$key" ] || key=/usr/share/keyrings/debian-archive-keyring.gpg
		printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n\n' \
			"$uri" "$release" "$key"
	done >"$al_dir/sources/lab.sources"
	progress "package lists of $1" apt_suite "$1" apt-get update --error-on=any ||
		die "cannot read the package lists of $1: is the network there, and is debian-archive-keyring up to date?"
	touch "$al_dir/done"
}

# apt_unpack SUITE FOLDER PACKAGE...: fetch and unpack, without installing
apt_unpack() {
	au_suite=$1
	au_dir=$2
	shift 2
	mkdir -p "$au_dir" || return
	au_deb=$(mktemp -d "$BUILD/apt/deb.XXXXXX") || return
	au_rc=0
	(cd "$au_deb" && apt_suite "$au_suite" apt-get download "$@") || au_rc=$?
	for au_f in "$au_deb"/*.deb; do
		[ $au_rc = 0 ] || break
		dpkg -x "$au_f" "$au_dir" || au_rc=$?
	done
	rm -rf "$au_deb"
	return $au_rc
}

# Names of the packages below the named ones that match a pattern
apt_closure() { # SUITE PATTERN PACKAGE...
	ac_suite=$1
	ac_pattern=$2
	shift 2
	apt_suite "$ac_suite" apt-cache depends --recurse --no-recommends --no-suggests \
		--no-conflicts --no-breaks --no-replaces --no-enhances "$@" | grep -E "$ac_pattern" | sort -u
}

# guest_layer: unpack what selftests/vm/guest-packages names, and below it what
# the host does not have, into build/layer. What the host has is used as it is.
guest_layer() { with_lock layer guest_layer_locked; }

guest_layer_locked() {
	apt_lists bookworm
	guest_layer_unpack && return
	# The lists may be older than the mirror
	apt_lists bookworm again
	guest_layer_unpack
}

guest_layer_unpack() {
	# shellcheck disable=SC2046 # a list
	gl_pkgs=$(apt_suite bookworm apt-get -s -o Dir::State::status=/var/lib/dpkg/status install \
		--no-install-recommends --no-upgrade $(sed 's/#.*//' "$VM/guest-packages")) || return
	gl_pkgs=$(printf '%s\n' "$gl_pkgs" | sed -n 's/^Inst \([^ ]*\) .*(\([^ ]*\) .*/\1=\2/p')
	[ "$gl_pkgs" != "$(cat "$BUILD/layer.list" 2>/dev/null)" ] || return 0
	rm -rf "$BUILD/layer" "$BUILD/layer.list" "$BUILD/layer.new"
	# shellcheck disable=SC2086 # a list
	progress "packages for guests" apt_unpack bookworm "$BUILD/layer.new" $gl_pkgs || return
	# /bin and its like are links, which must not be hidden
	for gl_d in bin sbin lib lib64; do
		[ -d "$BUILD/layer.new/$gl_d" ] || continue
		mkdir -p "$BUILD/layer.new/usr/$gl_d" &&
			cp -a "$BUILD/layer.new/$gl_d/." "$BUILD/layer.new/usr/$gl_d/" &&
			rm -r "$BUILD/layer.new/${gl_d:?}" || return
	done
	mv "$BUILD/layer.new" "$BUILD/layer" && printf '%s\n' "$gl_pkgs" >"$BUILD/layer.list"
}

# Install what selftests/vm/packages names. The stamp is the list's checksum:
# a second run only compares it.
setup_packages() {
	sp_stamp=$BUILD/stamp/packages-$(cksum <"$VM/packages" | tr ' ' -)
	[ -e "$sp_stamp" ] && return 0
	. /etc/os-release
	[ "${VERSION_CODENAME-}" = bookworm ] ||
		say "this is ${PRETTY_NAME-an unknown system}; lab is made for Debian 12 and may not get far"
	command -v apt-get >/dev/null || die "there is no apt-get here: lab needs Debian 12"
	sp_missing=
	for sp_p in $(sed 's/#.*//' "$VM/packages"); do
		case $(dpkg-query -W -f '${db:Status-Status}' "$sp_p" 2>/dev/null) in
		installed) ;;
		*) sp_missing="$sp_missing $sp_p" ;;
		esac
	done
	if [ -n "$sp_missing" ]; then
		say "installing these Debian packages:$sp_missing"
		need_space 2000 "the set-up"
		progress "package lists" apt-get -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 update ||
			die "apt-get update failed: is the network there?"
		# shellcheck disable=SC2086 # a list
		DEBIAN_FRONTEND=noninteractive progress "installing" apt-get -y -o DPkg::Lock::Timeout=600 \
			-o Acquire::Retries=3 install --no-install-recommends $sp_missing ||
			die "installing failed: see the lines above"
	fi
	mkdir -p "$BUILD/stamp"
	rm -f "$BUILD"/stamp/packages-*
	touch "$sp_stamp"
}
