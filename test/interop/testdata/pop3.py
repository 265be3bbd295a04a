"""poplib: what smtp.py sent to u1, by POP3, STLS and TLS."""
import os, poplib, ssl
from email import message_from_bytes, policy

anyone = ssl.create_default_context()
anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE


def check(c, user="u1@demo.test"):
    c.user(user)
    c.pass_("pass")
    n, octets = c.stat()
    assert n == 5, n
    sizes = [int(line.split()[1]) for line in c.list()[1]]
    assert sum(sizes) == octets, (sizes, octets)
    ids = [line.split()[1] for line in c.uidl()[1]]
    assert len(set(ids)) == n and c.uidl(1).split()[2] == ids[0]
    for i in range(1, n + 1):
        _, lines, got = c.retr(i)
        text = b"\r\n".join(lines) + b"\r\n"
        assert len(text) == sizes[i - 1], (len(text), sizes[i - 1])
        m = message_from_bytes(text, policy=policy.default)
        header = c.top(i, 0)[1]
        assert header[-1] == b"" and b"" not in header[:-1], header
        if m["Subject"] != "utf8 sender":
            body, attachment = m.iter_parts()
            assert body.get_content().splitlines() == ["Grüße", ".", ".."], body.get_content()
            assert attachment.get_content() == bytes(range(256))
            assert attachment.get_filename() == "naïve.bin"
    return ids


c = poplib.POP3("127.0.0.1", int(os.environ["POP3"]))
for name in "UIDL", "TOP", "STLS", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE", "SASL", "USER", "UTF8", "LANG":
    assert name in c.capa(), (name, c.capa())
ids = check(c)
c.quit()

c = poplib.POP3("127.0.0.1", int(os.environ["POP3"]))
c.stls(context=anyone)
assert check(c, "u1") == ids
c.dele(1)
c.rset()
c.quit()

c = poplib.POP3_SSL("127.0.0.1", int(os.environ["POP3S"]), context=anyone)
assert check(c) == ids
c.dele(2)
c.close()  # no QUIT: nothing is deleted

c = poplib.POP3("127.0.0.1", int(os.environ["POP3"]))
assert check(c) == ids
c.dele(2)
c.quit()

c = poplib.POP3("127.0.0.1", int(os.environ["POP3"]))
c.user("u1")
c.pass_("pass")
assert [line.split()[1] for line in c.uidl()[1]] == ids[:1] + ids[2:]
c.quit()

c = poplib.POP3("127.0.0.1", int(os.environ["POP3"]))
c.user("u1")
try:
    c.pass_("wrong")
    raise AssertionError("a wrong password opened the maildrop")
except poplib.error_proto as e:
    assert b"[AUTH]" in e.args[0], e
