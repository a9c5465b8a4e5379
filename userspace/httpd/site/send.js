document.getElementById("opaque").addEventListener("click", async () => {
	const answer = await fetch("/form", {
		method: "POST",
		headers: { "Content-Type": "application/octet-stream", Accept: "application/json" },
		body: document.getElementById("octets").value,
	});
	document.getElementById("answer").textContent = `${answer.status}\n${await answer.text()}`;
});
