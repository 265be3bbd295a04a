// A session of imapflow with everything that it does. Any difference from what it should see ends it with an error.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { ImapFlow } from 'imapflow';

const connect = async (options) => {
    const client = new ImapFlow({
        host: '127.0.0.1',
        port: Number(process.env.IMAPS),
        secure: true,
        tls: { rejectUnauthorized: false },
        auth: { user: 'u1', pass: 'pass' },
        logger: false,
        ...options,
    });
    client.on('error', (err) => { throw err; });
    await client.connect();
    return client;
};

// heard lets a client idle while something is done elsewhere, and returns what it is told.
const heard = async (client, event, action) => {
    const news = once(client, event);
    const idle = client.idle();
    await action();
    const [data] = await news;
    await client.noop();
    await idle;
    return data;
};

const letter = (n, body = `This is letter ${n}.`) => Buffer.from(
    `From: Anna <anna@example.org>\r\nTo: u1@demo.test\r\nSubject: =?utf-8?q?letter_${n}_=C3=BC?=\r\nMessage-ID: <flow.${n}@example.org>\r\n` +
    'Date: Tue, 3 Nov 2026 09:15:00 +0100\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n' +
    `--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${body}\r\n--b\r\nContent-Type: application/octet-stream; name=f.bin\r\n` +
    'Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=f.bin\r\n\r\nAAECAwQFBgc=\r\n--b--\r\n');

// In the clear with STARTTLS, and no compression; in TLS, with it.
for (const options of [{ port: Number(process.env.IMAP), secure: false, disableCompression: true }, { qresync: true }]) {
    const client = await connect(options);
    assert.ok(client.authenticated && client.usable);
    assert.equal(client.secureConnection, true);

    const tree = await client.list({ statusQuery: { messages: true, unseen: true, uidNext: true, highestModseq: true } });
    const uses = Object.fromEntries(tree.filter((m) => m.specialUse).map((m) => [m.specialUse, m.path]));
    assert.equal(uses['\\Sent'], 'Sent');
    assert.equal(uses['\\Trash'], 'Trash');
    assert.equal(uses['\\Inbox'], 'INBOX');
    assert.ok(tree.every((m) => m.status && m.status.uidNext >= 1));

    const box = 'Entwürfe & mehr/台北';
    assert.equal((await client.mailboxCreate(box)).created, true);
    await client.mailboxSubscribe(box);
    assert.equal((await client.mailboxCreate(box)).created, false);

    // Something is there, then more comes by another connection while this one listens.
    const first = await client.append(box, letter(1), ['\\Seen', '$Forwarded'], new Date('2020-02-03T04:05:06Z'));
    assert.equal(first.uid, 1);
    const lock = await client.getMailboxLock(box);
    try {
        assert.equal(client.mailbox.exists, 1);
        assert.ok(client.mailbox.highestModseq > 0n && client.mailbox.mailboxId);
        const other = await connect({});
        for (let n = 2; n <= 5; n++) {
            const event = await heard(client, 'exists', () => other.append(box, letter(n), []));
            assert.equal(event.count, n);
        }

        const all = [];
        for await (const m of client.fetch('1:*', { uid: true, flags: true, envelope: true, bodyStructure: true, internalDate: true, size: true, threadId: true, headers: ['subject'], source: true })) {
            all.push(m);
        }
        assert.deepEqual(all.map((m) => m.uid), [1, 2, 3, 4, 5]);
        assert.equal(all[0].envelope.subject, 'letter 1 ü');
        assert.deepEqual([...all[0].flags].filter((f) => f !== '\\Recent').sort(), ['$Forwarded', '\\Seen']);
        assert.equal(all[0].internalDate.toISOString(), '2020-02-03T04:05:06.000Z');
        assert.equal(all[1].bodyStructure.childNodes.length, 2);
        assert.ok(all[0].emailId && all[0].threadId && new Set(all.map((m) => m.emailId)).size === 5);
        assert.equal(all[4].source.toString(), letter(5).toString());
        assert.equal(all[4].size, letter(5).length);

        const { meta, content } = await client.download('2', '2');
        assert.equal(meta.filename, 'f.bin');
        const chunks = [];
        for await (const c of content) { chunks.push(c); }
        assert.deepEqual(Buffer.concat(chunks), Buffer.from([0, 1, 2, 3, 4, 5, 6, 7]));

        assert.deepEqual(await client.search({ subject: 'letter 3' }, { uid: true }), [3]);
        assert.deepEqual(await client.search({ from: 'anna@example.org', not: { seen: true } }), [2, 3, 4, 5]);
        assert.deepEqual(await client.search({ body: 'letter 4' }), [4]);
        assert.deepEqual(await client.search({ emailId: all[1].emailId }), [2]);

        // Flags, by both, and what has changed since.
        const since = client.mailbox.highestModseq;
        await other.mailboxOpen(box);
        await heard(client, 'flags', () => other.messageFlagsAdd('2:3', ['\\Flagged', 'Later'], { uid: true }));
        const news = [];
        for await (const m of client.fetch('1:*', { uid: true, flags: true }, { changedSince: since })) { news.push(m.uid); }
        assert.deepEqual(news, [2, 3]);
        await client.messageFlagsRemove('3', ['\\Flagged']);
        assert.deepEqual(await client.search({ flagged: true }), [2]);
        // A condition that does not hold any more.
        assert.ok(await client.messageFlagsSet('2', ['\\Seen'], { unchangedSince: since }) !== undefined);
        assert.deepEqual(await client.search({ flagged: true }), [2]);

        const copied = await client.messageCopy('1:2', 'Archive');
        assert.equal(copied.uidMap.size, 2);
        await heard(client, 'expunge', async () => {
            const moved = await other.messageMove('1', 'Trash', { uid: true });
            assert.equal(moved.uidMap.size, 1);
        });
        assert.equal(await client.messageDelete('1:*'), true);
        assert.deepEqual(await client.search({ all: true }), []);
        await other.logout();
    } finally {
        lock.release();
    }
    await client.mailboxRename(box, 'neu');
    assert.equal((await client.status('neu', { messages: true, uidNext: true })).messages, 0);
    assert.ok(await client.getQuota('INBOX') !== undefined);
    await client.mailboxDelete('neu');
    await client.mailboxDelete('Entwürfe & mehr').catch(() => {});
    await client.logout();
}
