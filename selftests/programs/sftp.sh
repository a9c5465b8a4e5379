#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# OpenSSH: files by sftp both ways, a command, and a port forwarded. Keys and
# server are the test's own; sshd's user is given to it alone where there is none.

. "$(dirname "$0")/common.sh"
sshd=$(PATH=/usr/sbin:/sbin:$PATH command -v sshd)
[ -n "$sshd" ] || skip_all "there is no sshd here"
need ssh sftp ssh-keygen

cat >"$work/sshd_config" <<END
Port 2222
ListenAddress 0.0.0.0
ListenAddress ::
HostKey $work/host
AuthorizedKeysFile $work/authorized
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
PidFile none
TCPKeepAlive yes
Subsystem sftp internal-sftp
END

cat >"$work/sshd" <<END
#!/bin/sh
if ! grep -q '^sshd:' /etc/passwd; then
	{ cat /etc/passwd; echo sshd:x:64999:65534::/run/sshd:/usr/sbin/nologin; } >$work/passwd
	mount --bind $work/passwd /etc/passwd || exit
fi
mount -t tmpfs -o mode=755 run /run && mkdir /run/sshd || exit
exec $sshd -D -e -f $work/sshd_config
END
chmod 755 "$work/sshd"

options=(-F none -i "$work/user" -o "UserKnownHostsFile=$work/known" -o GlobalKnownHostsFile=none -o BatchMode=yes
	-o IdentitiesOnly=yes -o ConnectTimeout=$LIMIT -o User=root)

keys() {
	ssh-keygen -q -t ed25519 -N '' -f "$work/host" &&
		ssh-keygen -q -t ed25519 -N '' -f "$work/user" &&
		cp "$work/user.pub" "$work/authorized" &&
		printf '[%s]:2222 %s\n' $SERVER "$(cat "$work/host.pub")" $SERVER6 "$(cat "$work/host.pub")" >"$work/known"
}

both_ways() { # HOST
	rm -f "$work/there" "$work/back"
	printf '%s\n' "put $work/file $work/there" "get $work/there $work/back" |
		client sftp -q -P 2222 "${options[@]}" -b - "$1" >/dev/null &&
		cmp "$work/file" "$work/there" && cmp "$work/file" "$work/back"
}

# What goes in at one end comes back at the other
a_command() {
	client ssh -p 2222 "${options[@]}" $SERVER 'sha256sum && exit 7' <"$work/file" >"$work/sum"
	[ $? = 7 ] && [ "$(cut -d' ' -f1 "$work/sum")" = "$(sha256sum <"$work/file" | cut -d' ' -f1)" ]
}

plan 6
network
data file 2000000
check "keys" keys
check "sshd starts" serve 2222 unshare -m --propagation private "$work/sshd"
check "sftp both ways" both_ways $SERVER
check "sftp both ways, IPv6" both_ways "[$SERVER6]"
check "a command" a_command 2>"$work/expected"
check "carried by protocol $PROTO" carried 10000000
kill "$server_pid"
finish
