const [page] = performance.getEntriesByType("navigation");
if (page && page.nextHopProtocol)
	document.getElementById("protocol").textContent = page.nextHopProtocol;

document.getElementById("range").addEventListener("click", async () => {
	const answer = await fetch("/linnet.svg", { headers: { Range: "bytes=0-9" }, cache: "no-store" });
	document.getElementById("part").textContent =
		`${answer.status} ${answer.headers.get("Content-Range")}: ${await answer.text()}`;
});
