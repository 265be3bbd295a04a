"""What others think of our messages: python3-dkim and python3-spf, asking the DNS of the test.

opinions.py PORT reads questions from standard input, one JSON object a line, and answers each with a line of JSON.
"""
import base64, json, sys
import dkim, dns.resolver, spf

resolver = dns.resolver.Resolver(configure=False)
resolver.nameservers, resolver.port, resolver.lifetime = ["127.0.0.1"], int(sys.argv[1]), 20
dns.resolver.default_resolver = resolver


def verify(message):
    """What becomes of each signature, with its algorithm."""
    message = base64.b64decode(message)
    d = dkim.DKIM(message)
    out = []
    count = sum(1 for name, _ in d.headers if name.lower() == b"dkim-signature")
    for i in range(count):
        d = dkim.DKIM(message)
        ok = d.verify(idx=i)
        out.append("%s %s" % (d.signature_fields[b"a"].decode(), "pass" if ok else "fail"))
    return out


def sign(message, selector, domain, key, algorithm, canon):
    """The field that signs a message."""
    c = tuple(x.encode() for x in canon.split("/"))
    field = dkim.sign(base64.b64decode(message), selector.encode(), domain.encode(), key.encode(), canonicalize=c, signature_algorithm=algorithm.encode())
    return base64.b64encode(field).decode()


def chain(message):
    """What becomes of a chain of seals (ARC), and how long it is."""
    cv, sets, reason = dkim.arc_verify(base64.b64decode(message))
    return "%s %d" % (cv.decode(), len(sets))


def seal(message, selector, domain, key, host):
    """The fields that seal a message which a host has checked."""
    fields = dkim.arc_sign(base64.b64decode(message), selector.encode(), domain.encode(), key.encode(), host.encode())
    return base64.b64encode(b"".join(fields)).decode()


def policy(ip, hello, sender):
    return spf.check2(i=ip, h=hello, s=sender, querytime=60)[0]


for line in sys.stdin:
    question = json.loads(line)
    print(json.dumps({"verify": verify, "sign": sign, "chain": chain, "seal": seal, "policy": policy}[question["ask"]](*question["of"])), flush=True)
