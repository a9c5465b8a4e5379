#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# PostgreSQL, run by an unprivileged user on data of its own, with psql and
# pgbench.

. "$(dirname "$0")/common.sh"
# Debian's folder; the programs in PATH are wrappers that want a cluster
for bin in /usr/lib/postgresql/*/bin; do :; done
need "$bin/postgres" "$bin/initdb" "$bin/psql" "$bin/pgbench"

nobody() {
	setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"
}

cluster() {
	mkdir "$work/db" && chown nobody:nogroup "$work/db" &&
		nobody "$bin/initdb" -D "$work/db" -U tester -A trust -N -E UTF8 --locale=C >"$work/initdb.log" 2>&1 || {
		sed 's/^/# /' "$work/initdb.log"
		return 1
	}
	printf 'host all all %s trust\n' 192.0.2.0/24 2001:db8::/64 >>"$work/db/pg_hba.conf"
}

psql() {
	client "$bin/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h "${host:-$SERVER}" -p 5433 -U tester -d postgres "$@"
}

copy_both_ways() {
	awk 'BEGIN { srand(1); for (i = 0; i < 40000; i++) printf "%d\t%d some text of row %d\n", i, rand() * 1e9, i }' \
		>"$work/rows"
	psql -c 'create table t (id int primary key, v text)' &&
		psql -c '\copy t from stdin' <"$work/rows" &&
		psql -c 'copy (select * from t order by id) to stdout' >"$work/back" && cmp "$work/rows" "$work/back"
}

ipv6() {
	[ "$(host=$SERVER6 psql -c 'select count(*) from t')" = 40000 ]
}

pgbench() {
	client "$bin/pgbench" -h $SERVER -p 5433 -U tester "$@" postgres
}

# Every transaction of each of the eight connections, and the sums agree
bench() {
	pgbench -i -q -s 1 >"$work/init.log" || return 1
	pgbench -n -c 8 -j 2 -t 25 >"$work/bench.log" || return 1
	grep -E 'transactions|tps|latency' "$work/bench.log" | sed 's/^/# /'
	grep -q 'actually processed: 200/200' "$work/bench.log" &&
		[ "$(psql -c 'select count(*) from pgbench_history')" = 200 ] &&
		[ "$(psql -c 'select (select sum(abalance) from pgbench_accounts) = (select sum(delta) from pgbench_history)')" = t ]
}

plan 7
network
check "initdb" cluster
check "postgres starts" serve 5433 setpriv --reuid=nobody --regid=nogroup --clear-groups "$bin/postgres" -D "$work/db" \
	-h '*' -p 5433 -k '' -c fsync=off -c full_page_writes=off -c autovacuum=off -c max_connections=20
check "40000 rows both ways" copy_both_ways
check "IPv6" ipv6
check "pgbench" bench
check "carried by protocol $PROTO" carried 5000000
check "postgres stops" stop
finish
