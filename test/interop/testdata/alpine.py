"""alpine, on a terminal of its own: it reads, marks, saves, deletes, expunges and searches as somebody at the keyboard does."""
import fcntl, imaplib, os, pty, re, select, shutil, struct, sys, tempfile, termios, time

port, home = os.environ["IMAP"], tempfile.mkdtemp()


def letter(n):
    return (b"From: Anna <anna@example.org>\r\nTo: u1@demo.test\r\nSubject: letter %d\r\nDate: Tue, 3 Nov 2026 09:15:00 +0100\r\n"
            b"Message-ID: <alpine.%d@example.org>\r\n\r\nThis is the text of %d.\r\n" % (n, n, n))


m = imaplib.IMAP4("127.0.0.1", int(port))
m.login("u1", "pass")
for n in range(1, 6):
    assert m.append("INBOX", None, None, letter(n))[0] == "OK"

with open(home + "/rc", "w") as f:
    here = "{127.0.0.1:%s/notls/user=u1}" % port
    f.write("user-domain=demo.test\nuser-id=u1\ninbox-path=%sINBOX\nfolder-collections=Mail %s[]\ndefault-fcc=\nsmtp-server=127.0.0.1:1\n" % (here, here)
            + "feature-list=disable-password-file-saving,disable-password-caching,quit-without-confirm,expunge-without-confirm,expunge-without-confirm-everywhere\n"
            + "last-time-prune-questioned=130.1\nlast-version-used=9.99z\nsort-key=arrival\n")

pid, fd = pty.fork()
if pid == 0:
    os.environ.update(HOME=home, TERM="xterm", LC_ALL="C.UTF-8")
    os.execvp("alpine", ["alpine", "-p", home + "/rc", "-i"])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))

seen = ""


def until(what):
    """reads what alpine draws until something stands there."""
    global seen
    end = time.monotonic() + 30
    while not re.search(what, seen):
        if not select.select([fd], [], [], max(end - time.monotonic(), 0))[0]:
            sys.exit("no %r in %r" % (what, seen[-3000:]))
        try:
            drawn = os.read(fd, 65536).decode("utf-8", "replace")
        except OSError:
            sys.exit("alpine has ended: %r" % seen[-3000:])
        seen += re.sub(r"\x1b(\[[0-9;?]*[a-zA-Z]|[()][A-Z0-9]|[=>])", "", drawn)
    seen = seen[re.search(what, seen).end():]


def press(keys, then):
    os.write(fd, keys.encode())
    until(then)


def subjects(mailbox):
    m.select(mailbox, readonly=True)
    data = m.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
    return [int(d[1].split()[-1]) for d in data if isinstance(d, tuple)]


until("ENTER PASSWORD")
press("pass\r", "letter 5")
press("\r", "the text of 1")  # view the first unseen one
press("d", "the text of 2")  # delete it, which goes on to the next
press("s", "to folder")  # save that one
for c in "Archive":
    press(c, c)
press("\r", "opied to|Saving +DONE")  # one or the other stays on the screen, as time goes
press("i", "letter 5")  # back to the index
press("x", "xpunged")
press("q", "lpine finished")
assert subjects("INBOX") == [3, 4, 5], subjects("INBOX")
assert subjects("Archive") == [2], subjects("Archive")
assert m.search(None, "SEEN")[1] == [b"1"], m.search(None, "SEEN")
shutil.rmtree(home)
