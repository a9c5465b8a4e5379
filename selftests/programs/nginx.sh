#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# nginx: files by sendfile, keep-alive, an upload, and itself as a proxy; curl.

. "$(dirname "$0")/common.sh"
need nginx curl

cat >"$work/nginx.conf" <<END
daemon off;
user root;
worker_processes 2;
pid $work/nginx.pid;
error_log $work/error.log;
events { worker_connections 256; }
http {
	access_log off;
	log_format completion '\$uri "\$request_completion" \$body_bytes_sent';
	sendfile on;
	tcp_nopush on;
	tcp_nodelay on;
	client_body_temp_path $work/body;
	proxy_temp_path $work/proxy;
	fastcgi_temp_path $work/fastcgi;
	uwsgi_temp_path $work/uwsgi;
	scgi_temp_path $work/scgi;
	client_max_body_size 100m;
	server {
		listen 8080 reuseport so_keepalive=30m::10 backlog=64;
		listen [::]:8080 ipv6only=on deferred;
		root $work/www;
		location /huge {
			access_log $work/huge.log completion;
		}
		location /upload/ {
			dav_methods PUT;
			create_full_put_path on;
		}
	}
	upstream files {
		server 127.0.0.1:8080;
		keepalive 4;
	}
	server {
		listen 8081;
		location / {
			proxy_pass http://files;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_buffering off;
		}
	}
}
END

url=http://$SERVER:8080

get() { # URL FILE
	client curl -sS -g --fail -o "$work/got" "$1/$2" && cmp "$work/got" "$work/www/$2"
}

# All on one connection
many() {
	local i args=()

	for i in {1..50}; do
		args+=(-o "$work/got.$i" "$url/small")
	done
	client curl -sS --fail -w '%{num_connects}\n' "${args[@]}" >"$work/connects" || return 1
	for i in {1..50}; do
		cmp "$work/got.$i" "$work/www/small" || return 1
	done
	[ "$(awk '{ n += $1 } END { print n }' "$work/connects")" = 1 ]
}

parallel() {
	local i args=()

	for i in {1..20}; do
		args+=(-o "$work/got.$i" "$url/middle")
	done
	client curl -sS --fail -Z --parallel-max 20 --parallel-immediate "${args[@]}" || return 1
	for i in {1..20}; do
		cmp "$work/got.$i" "$work/www/middle" || return 1
	done
}

range() {
	client curl -sS --fail -r 1000-70999 -o "$work/got" "$url/large" &&
		cmp "$work/got" <(tail -c +1001 "$work/www/large" | head -c 70000)
}

upload() {
	client curl -sS --fail -T "$work/www/large" "$url/upload/large" &&
		cmp "$work/www/upload/large" "$work/www/large"
}

# The client leaves in the middle of a file that no buffers hold; the server
# notices and goes on serving
leave() {
	local rc

	client curl -sS "$url/huge" 2>/dev/null | head -c 100000 >"$work/part"
	rc=${PIPESTATUS[0]}
	if [ "$rc" != 23 ]; then # it could not write what it read
		echo "# curl's status is $rc"
		return 1
	fi
	cmp "$work/part" <(head -c 100000 "$work/www/huge") &&
		await grep -q '^/huge "" [0-9]*$' "$work/huge.log" && get "$url" small
}

# New workers take the listeners over
reload() {
	kill -HUP "$server_pid" && get "$url" middle
}

plan 13
network
mkdir "$work/www"
data www/small 100
data www/middle 100000
data www/large 4000000
data www/huge 100000
truncate -s 200M "$work/www/huge"
check "nginx starts" serve 8080 nginx -c "$work/nginx.conf" -p "$work"
check "a small file" get "$url" small
check "a large file" get "$url" large
check "a large file, IPv6" get "http://[$SERVER6]:8080" large
check "a part of it" range
check "50 requests on one connection" many
check "20 connections at once" parallel
check "an upload" upload
check "through nginx as a proxy" get http://$SERVER:8081 large
check "a client leaves" leave
check "a reload" reload
check "carried by protocol $PROTO" carried 18000000
check "nginx stops" stop
finish
