#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# git daemon: clone, push and fetch.

. "$(dirname "$0")/common.sh"
need git
export HOME=$work GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=Tester GIT_AUTHOR_EMAIL=tester@example.org
export GIT_COMMITTER_NAME=Tester GIT_COMMITTER_EMAIL=tester@example.org

repository() {
	git config --global safe.directory '*' && git config --global gc.auto 0 &&
		git init -q -b main "$work/source" || return 1
	data source/large 2000000
	for i in {1..20}; do
		echo "file $i" >"$work/source/$i"
	done
	git -C "$work/source" add . && git -C "$work/source" commit -q -m one &&
		git clone -q --bare "$work/source" "$work/served/project.git"
}

clone() { # HOST TO
	client git clone -q "git://$1:9419/project.git" "$work/$2" &&
		git -C "$work/$2" fsck --no-progress && diff -r -x .git "$work/source" "$work/$2"
}

push_and_fetch() {
	data a/new 500000
	git -C "$work/a" add new && git -C "$work/a" commit -q -m two &&
		client git -C "$work/a" push -q origin main &&
		client git -C "$work/b" pull -q --ff-only origin main && cmp "$work/a/new" "$work/b/new" &&
		[ "$(git -C "$work/served/project.git" rev-parse main)" = "$(git -C "$work/a" rev-parse main)" ]
}

plan 7
network
check "a repository" repository
check "git daemon starts" serve 9419 git daemon --reuseaddr --export-all --enable=receive-pack \
	--base-path="$work/served" --port=9419 "$work/served"
check "clone" clone $SERVER a
check "clone, IPv6" clone "[$SERVER6]" b
check "push and fetch" push_and_fetch
check "carried by protocol $PROTO" carried 5000000
check "git daemon stops" stop
finish
