"""smtplib and imaplib: what u1 sends by both doors is there for u2, and once in Sent, though the program saves it there as well."""
import email.utils, imaplib, os, smtplib, ssl, time
from email.message import EmailMessage

anyone = ssl.create_default_context()
anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE


def letter(subject):
    m = EmailMessage()
    m["From"], m["To"], m["Subject"] = "Zoë <u1@demo.test>", "u2@demo.test", subject
    m["Date"], m["Message-ID"] = email.utils.localtime(), email.utils.make_msgid()
    m.set_content("Grüße\n.\n..\n")
    return m


def found(c, mailbox, subject):
    c.select(mailbox, readonly=True)
    return c.uid("SEARCH", "SUBJECT", '"%s"' % subject)[1][0].split()


def submit(c, name):
    c.login("u1", "pass")
    for word in "auth", "dsn", "futurerelease", "deliverby", "mt-priority", "binarymime":
        assert c.has_extn(word) or word == "auth", word
    m = letter(name)
    c.send_message(m, to_addrs=["u2@demo.test", "u3@demo.test"])
    try:
        c.sendmail("u2@demo.test", ["u3@demo.test"], "Subject: not me\r\n\r\n")
        raise AssertionError("u1 may send as u2")
    except smtplib.SMTPSenderRefused as e:
        assert e.smtp_code == 553, e
    i = imaplib.IMAP4_SSL("127.0.0.1", int(os.environ["IMAPS"]), ssl_context=anyone)
    i.login("u1", "pass")
    first = found(i, "Sent", name)
    assert len(first) == 1, first
    ok, said = i.append("Sent", "(\\Seen)", None, m.as_bytes(policy=m.policy.clone(linesep="\r\n")))
    assert ok == "OK" and b"APPENDUID" in said[0] and said[0].split(b"]")[0].split()[2] == first[0], (said, first)
    assert found(i, "Sent", name) == first
    for user in "u2", "u3":
        r = imaplib.IMAP4_SSL("127.0.0.1", int(os.environ["IMAPS"]), ssl_context=anyone)
        r.login(user, "pass")
        for _ in range(100):
            if found(r, "INBOX", name):
                break
            time.sleep(0.02)
        assert len(found(r, "INBOX", name)) == 1, user


with smtplib.SMTP_SSL("127.0.0.1", int(os.environ["SUBMISSIONS"]), context=anyone) as c:
    submit(c, "by the door in TLS")
with smtplib.SMTP("127.0.0.1", int(os.environ["SUBMISSION"])) as c:
    c.starttls(context=anyone)
    submit(c, "by STARTTLS")
with smtplib.SMTP("127.0.0.1", int(os.environ["SUBMISSION"])) as c:
    try:
        c.sendmail("u1@demo.test", ["u2@demo.test"], "Subject: nobody\r\n\r\n")
        raise AssertionError("sent without a login")
    except smtplib.SMTPSenderRefused as e:
        assert e.smtp_code == 530, e
