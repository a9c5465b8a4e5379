#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Node: its HTTP server, and its fetch.

. "$(dirname "$0")/common.sh"
need node
node -e 'process.exit(typeof fetch === "function" ? 0 : 1)' || skip_all "this node has no fetch"

cat >"$work/server.js" <<'END'
const http = require("http"), crypto = require("crypto"), fs = require("fs");
const file = fs.readFileSync(process.argv[2]);
http.createServer((request, response) => {
	if (request.method === "POST") {
		const hash = crypto.createHash("sha256");
		request.on("data", (part) => hash.update(part));
		request.on("end", () => response.end(hash.digest("hex")));
	} else {
		response.end(file);
	}
}).listen(8082, "::");
END

cat >"$work/client.js" <<'END'
const crypto = require("crypto"), fs = require("fs");
const [file, ...urls] = process.argv.slice(2);
const sum = (data) => crypto.createHash("sha256").update(data).digest("hex");
const data = fs.readFileSync(file);
async function get(url) {
	const answer = await fetch(url);
	if (!answer.ok || sum(Buffer.from(await answer.arrayBuffer())) !== sum(data))
		throw new Error(url + " differs");
}
async function post(url) {
	const answer = await fetch(url, { method: "POST", body: data });
	if (await answer.text() !== sum(data))
		throw new Error(url + " got something else");
}
(async () => {
	for (const url of urls) {
		await get(url);
		await post(url);
		await Promise.all(Array.from({ length: 10 }, () => get(url)));
	}
	console.log("done");
})().catch((error) => {
	console.error(error);
	process.exit(1);
});
END

fetched() {
	client node "$work/client.js" "$work/file" http://$SERVER:8082/ "http://[$SERVER6]:8082/" >"$work/out" &&
		grep -qx done "$work/out"
}

plan 4
network
data file 1000000
check "node serves" serve 8082 node "$work/server.js" "$work/file"
check "fetch, IPv4 and IPv6" fetched
check "carried by protocol $PROTO" carried 24000000
check "node stops" stop
finish
