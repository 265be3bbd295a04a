package imapd_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"restante/internal/store"
)

const benchMessages = 100_000

// benchHouse is a house whose u1 has many messages in INBOX.
func benchHouse(b *testing.B, o houseOptions, n int, message func(i int) string) *house {
	h := newHouse(b, o)
	const batch = 500
	for i := 0; i < n; i += batch {
		var texts []string
		for j := i; j < min(i+batch, n); j++ {
			texts = append(texts, message(j))
		}
		h.putMany("u1", "INBOX", store.AddOptions{Flags: store.Seen}, texts...)
	}
	return h
}

func typical(i int) string {
	return strings.ReplaceAll(fmt.Sprintf(`Return-Path: <sender%[1]d@example.org>
Received: from mx.example.org (mx.example.org [192.0.2.%[2]d]) by mail.demo.test with ESMTPS id abc%[1]d; Tue, 3 Mar 2020 10:00:00 +0100
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=2020; h=from:to:subject:date:message-id;
 bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=aGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8gd29ybGQ
Message-ID: <message.%[1]d@example.org>
Date: Tue, 3 Mar 2020 10:00:00 +0100
From: Sender Number %[1]d <sender%[1]d@example.org>
To: u1@demo.test
Cc: somebody.else@example.net
Subject: A typical message, number %[1]d
References: <message.1@example.org> <message.2@example.org>
In-Reply-To: <message.2@example.org>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Hello, this is message %[1]d.
`, i, i%250), "\n", "\r\n")
}

// benchClient sends a command again and again and throws the answers away.
type benchClient struct {
	*client
	n int
}

func (c *benchClient) run(command string) (octets int) {
	c.n++
	tag := fmt.Sprintf("b%d", c.n)
	c.send("%s", tag+" "+command+"\r\n")
	end := []byte("\r\n" + tag + " ")
	var tail []byte
	for {
		buf, err := c.r.Peek(1)
		if err == nil {
			buf, err = c.r.Peek(c.r.Buffered())
		}
		if err != nil {
			c.t.Fatal(err)
		}
		octets += len(buf)
		if line := bytes.HasPrefix(buf, end[2:]) && octets == len(buf); line || bytes.Contains(append(tail, buf...), end) {
			text := string(append(tail, buf...))
			if !strings.Contains(text, tag+" OK") {
				c.t.Fatal(text[max(0, len(text)-200):])
			}
			c.r.Discard(len(buf))
			return octets
		}
		tail = append(tail[:0], buf[max(0, len(buf)-2*len(end)-64):]...)
		c.r.Discard(len(buf))
	}
}

func BenchmarkFetch(b *testing.B) { benchFetch(b, benchHouse(b, plain(), benchMessages, typical)) }

func benchFetch(b *testing.B, h *house) {
	c := &benchClient{client: h.login("u1")}
	c.r = bufio.NewReaderSize(c.conn, 256<<10)
	c.run("SELECT INBOX")
	for _, items := range []struct{ name, items string }{
		{"flags", "FLAGS"},
		{"uid-flags-size-date", "(UID FLAGS RFC822.SIZE INTERNALDATE)"},
		{"14-fields", "BODY.PEEK[HEADER.FIELDS (Date From To Cc Subject Message-ID References In-Reply-To MIME-Version Content-Type List-Id X-Priority Reply-To Sender)]"},
		{"header", "BODY.PEEK[HEADER]"},
		{"envelope-bodystructure", "(ENVELOPE BODYSTRUCTURE)"},
		{"preview", "PREVIEW"},
		{"body", "BODY.PEEK[]"},
		{"emailid", "(EMAILID THREADID)"},
	} {
		b.Run(items.name, func(b *testing.B) {
			measure(b, benchMessages, func() { c.run("FETCH 1:* " + items.items) })
		})
	}
	for _, search := range []string{"UNSEEN", "SUBJECT nowhere", "FROM 99999", "BODY nowhere", "UID 99990:* SEEN"} {
		b.Run("search/"+search, func(b *testing.B) {
			measure(b, benchMessages, func() { c.run("SEARCH " + search) })
		})
	}
	b.Run("select", func(b *testing.B) {
		measure(b, 0, func() { c.run("SELECT INBOX") })
	})
	b.Run("store", func(b *testing.B) {
		sign := map[bool]string{true: "+", false: "-"}
		on := false
		measure(b, benchMessages, func() {
			on = !on
			c.run("STORE 1:* " + sign[on] + "FLAGS.SILENT (\\Flagged)")
		})
	})
	b.Run("store-one", func(b *testing.B) {
		i := 0
		measure(b, 0, func() {
			i++
			c.run(fmt.Sprintf("STORE %d FLAGS (a%d)", i%1000+1, i%2))
		})
	})
	b.Run("noop", func(b *testing.B) {
		measure(b, 0, func() { c.run("NOOP") })
	})
	c.close()
}

// BenchmarkBigBodies fetches messages of 100 KB.
func BenchmarkBigBodies(b *testing.B) {
	const n = 500
	text := "Subject: big\r\n\r\n" + strings.Repeat("0123456789 the quick brown fox jumps over the lazy dog 0123456789 abc\r\n", 1400)
	h := benchHouse(b, plain(), n, func(i int) string { return fmt.Sprintf("X-Number: %d\r\n", i) + text })
	c := &benchClient{client: h.login("u1")}
	c.r = bufio.NewReaderSize(c.conn, 256<<10)
	c.run("SELECT INBOX")
	b.ReportAllocs()
	octets := 0
	for b.Loop() {
		octets += c.run("FETCH 1:* BODY.PEEK[]")
	}
	b.SetBytes(int64(octets / b.N))
	c.close()
}

// BenchmarkLogin is what a client costs that comes, looks and goes.
func BenchmarkLogin(b *testing.B) {
	h := newHouse(b, plain())
	h.put("u1", "INBOX", typical(1), store.AddOptions{})
	b.ReportAllocs()
	for b.Loop() {
		conn := h.dial()
		if _, err := io.WriteString(conn, "a LOGIN u1 pass\r\nb SELECT INBOX\r\nc LOGOUT\r\n"); err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, conn); err != nil {
			b.Fatal(err)
		}
		conn.Close()
	}
}

// cpu is the processor time that the process has used: on a machine that others use too, what a clock shows says little.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// measure runs f as often as the benchmark wants and reports processor time.
func measure(b *testing.B, messages int, f func()) {
	b.ReportAllocs()
	before := cpu()
	for b.Loop() {
		f()
	}
	used := cpu() - before
	b.ReportMetric(float64(used.Nanoseconds())/float64(b.N), "cpu-ns/op")
	if messages > 0 {
		b.ReportMetric(float64(b.N*messages)/used.Seconds(), "msg/cpu-s")
		b.ReportMetric(float64(b.N*messages)/b.Elapsed().Seconds(), "msg/s")
	}
}
