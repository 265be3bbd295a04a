"""smtplib: SMTP, STARTTLS and LMTP into u1 and u2."""
import os, smtplib, ssl
from email.message import EmailMessage

anyone = ssl.create_default_context()
anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE


def letter(subject):
    m = EmailMessage()
    m["From"], m["To"], m["Subject"] = "Zoë <zoe@example.org>", "u1@demo.test", subject
    m.set_content("Grüße\n.\n..\n")
    m.add_attachment(bytes(range(256)), maintype="application", subtype="octet-stream", filename="naïve.bin")
    return m


with smtplib.SMTP("127.0.0.1", int(os.environ["SMTP"])) as c:
    c.ehlo("client.example")
    for name in "pipelining", "size", "8bitmime", "smtputf8", "chunking", "enhancedstatuscodes", "starttls":
        assert c.has_extn(name), name
    c.send_message(letter("plain smtp"))
    refused = c.send_message(letter("one of two"), to_addrs=["u1@demo.test", "nobody@demo.test"])
    assert list(refused) == ["nobody@demo.test"] and refused["nobody@demo.test"][0] == 550, refused
    try:
        c.sendmail("a@example.org", ["x@elsewhere.example"], "Subject: no\r\n\r\n")
        raise AssertionError("relayed")
    except smtplib.SMTPRecipientsRefused as e:
        assert e.recipients["x@elsewhere.example"][0] == 550, e

with smtplib.SMTP("127.0.0.1", int(os.environ["SMTP"])) as c:
    c.starttls(context=anyone)
    c.ehlo("client.example")
    assert not c.has_extn("starttls")
    c.send_message(letter("over tls"))
    c.sendmail("zoë@example.org", ["u1@demo.test"], "Subject: utf8 sender\r\n\r\nx\r\n".encode(), mail_options=["SMTPUTF8", "BODY=8BITMIME"])

with smtplib.LMTP("127.0.0.1", int(os.environ["LMTP"])) as c:
    c.ehlo("client.example")
    for user in "u1@demo.test", "u2@demo.test":  # smtplib reads one reply for all recipients, LMTP gives each its own
        c.send_message(letter("lmtp"), to_addrs=[user])
