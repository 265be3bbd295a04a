"""imaplib: a working day on u3, with a second session that watches."""
import imaplib, os, ssl, time

anyone = ssl.create_default_context()
anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE


def ok(result):
    status, data = result
    assert status == "OK", result
    return data


def login(c):
    ok(c.login("u3", "pass"))
    return c


a = login(imaplib.IMAP4("127.0.0.1", int(os.environ["IMAP"])))
b = imaplib.IMAP4("127.0.0.1", int(os.environ["IMAP"]))
b.starttls(ssl_context=anyone)
login(b)
with imaplib.IMAP4_SSL("127.0.0.1", int(os.environ["IMAPS"]), ssl_context=anyone) as c:
    ok(c.authenticate("PLAIN", lambda _: b"\0u3\0pass"))

capabilities = ok(a.capability())[0].decode().upper().split()
for name in "IMAP4REV1", "IMAP4REV2", "IDLE", "UIDPLUS", "MOVE", "NAMESPACE", "ENABLE", "UNSELECT", "ESEARCH", "SPECIAL-USE":
    assert name in capabilities, (name, capabilities)

text = b"From: a@example.org\r\nSubject: %d\r\n\r\nletter %d\r\n"
for n in range(20):
    ok(a.append("INBOX", r"(\Seen $Label1)" if n % 2 else None, imaplib.Time2Internaldate(time.time()), text % (n, n)))
assert ok(a.select("INBOX")) == [b"20"]
assert ok(b.select("INBOX")) == [b"20"]
assert len(ok(a.search(None, "UNSEEN"))[0].split()) == 10
assert len(ok(a.search(None, "KEYWORD", "$Label1"))[0].split()) == 10
assert ok(a.search(None, "SUBJECT", "19"))[0] == b"20"
assert ok(a.search(None, "TEXT", '"letter 7"'))[0] == b"8"

ok(a.store("1:5", "+FLAGS", r"(\Flagged)"))
ok(b.noop())
assert len(ok(b.search(None, "FLAGGED"))[0].split()) == 5

ok(a.create("Projects/2026"))
ok(a.subscribe("Projects/2026"))
assert any(b"Projects/2026" in line for line in ok(a.lsub()))
ok(a.uid("COPY", "1:3", "Projects/2026"))
ok(a.uid("MOVE", "4:5", "Projects/2026"))
assert ok(b.status("Projects/2026", "(MESSAGES UNSEEN)"))[0].endswith(b"(MESSAGES 5 UNSEEN 3)"), ok(b.status("Projects/2026", "(MESSAGES UNSEEN)"))
ok(b.noop())
assert ok(b.search(None, "ALL"))[0].split()[-1] == b"18"

ok(a.store("1:2", "+FLAGS.SILENT", r"(\Deleted)"))
a.response("EXPUNGE")  # imaplib keeps those that MOVE brought
assert len(ok(a.expunge())) == 2
ok(b.noop())
assert ok(b.search(None, "ALL"))[0].split()[-1] == b"16"

data = ok(a.fetch("1", "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY.PEEK[])"))
assert data[0][1].endswith(b"letter 2\r\n"), data
assert b"ENVELOPE" in data[0][0] + data[-1] and b'"TEXT" "PLAIN"' in (data[0][0] + data[-1]).upper(), data

ok(a.rename("Projects/2026", "Archive/2026"))
ok(a.select("Archive/2026"))
assert len(ok(a.search(None, "ALL"))[0].split()) == 5
ok(a.close())
ok(a.delete("Archive/2026"))
status, _ = a.select("Archive/2026")
assert status == "NO", status
ok(b.unselect())
a.logout()
b.logout()
