// nodemailer: what u1 sends by both doors, with attachments and names that are not ASCII, on one connection and on several.
import nodemailer from "nodemailer";

for (const [port, secure, method] of [[process.env.SUBMISSIONS, true, "PLAIN"], [process.env.SUBMISSION, false, "LOGIN"]]) {
	const transport = nodemailer.createTransport({
		host: "127.0.0.1", port, secure, requireTLS: true, authMethod: method, pool: true, maxConnections: 2,
		auth: { user: "u1", pass: "pass" }, tls: { rejectUnauthorized: false },
	});
	await transport.verify();
	const letters = [1, 2, 3].map((n) => transport.sendMail({
		from: { name: "Zoë", address: "u1@demo.test" }, to: "Käthe <u2@demo.test>", bcc: "u3@demo.test", subject: `nodemailer ${method} ${n}: Grüße`,
		text: "Grüße aus Köln.\n.\n..\n", html: "<p>Grüße", attachments: [{ filename: "plän.txt", content: "x".repeat(100000) }],
		dsn: { id: `nodemailer-${n}`, return: "headers", notify: ["failure", "delay"], recipient: "u1@demo.test" },
	}));
	for (const info of await Promise.all(letters)) {
		if (info.accepted.length !== 2 || info.rejected.length !== 0) throw new Error(JSON.stringify(info));
	}
	const strangers = await transport.sendMail({ from: "somebody@else.test", to: "u2@demo.test", text: "x" }).catch((e) => e);
	if (!/^55\d/.test(strangers.response ?? "")) throw new Error(`sent as somebody else: ${strangers.response}`);
	transport.close();
}
const wrong = await nodemailer.createTransport({
	host: "127.0.0.1", port: process.env.SUBMISSIONS, secure: true, auth: { user: "u1", pass: "wrong" }, tls: { rejectUnauthorized: false },
}).verify().catch((e) => e);
if (wrong.responseCode !== 535) throw new Error(`a wrong password: ${wrong}`);
