package imapd_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/store"
)

func TestTenThousandPipelinedCommands(t *testing.T) {
	h := newHouse(t, plain())
	for range 3 {
		h.put("u1", "INBOX", "x: y\r\n", store.AddOptions{})
	}
	c := h.login("u1")
	defer c.close()
	const n = 10_000
	var wg sync.WaitGroup
	wg.Go(func() {
		w := bufio.NewWriter(c.conn)
		fmt.Fprint(w, "s SELECT INBOX\r\n")
		for i := range n {
			switch i % 4 {
			case 0:
				fmt.Fprintf(w, "p%d NOOP\r\n", i)
			case 1:
				fmt.Fprintf(w, "p%d FETCH 1:* FLAGS\r\n", i)
			case 2:
				fmt.Fprintf(w, "p%d SEARCH {3+}\r\nALL\r\n", i) // BAD: a literal is no search key
			case 3:
				fmt.Fprintf(w, "p%d UID FETCH 2 (BODY.PEEK[] UID)\r\n", i)
			}
		}
		w.Flush()
	})
	c.until("s")
	for i := range n {
		all := c.until(fmt.Sprintf("p%d", i))
		last := all[len(all)-1]
		if want := map[bool]string{true: "BAD", false: "OK"}[i%4 == 2]; last.Name != want {
			t.Fatalf("%s, want %s", last.Raw, want)
		}
	}
	wg.Wait()
}

// TestHugeRequests asks for much with little.
func TestHugeRequests(t *testing.T) {
	h := newHouse(t, plain())
	for range 3 {
		h.put("u1", "INBOX", "Subject: x\r\n\r\nbody\r\n", store.AddOptions{})
	}
	c := h.login("u1")
	defer c.close()
	c.ok("SELECT INBOX")
	for _, tt := range []struct{ line, want string }{
		{"UID FETCH 1:4294967295 UID", "OK"},
		{"UID FETCH 4294967295:* UID", "OK"},
		{"UID SEARCH UID 1:4294967295", "OK"},
		{"FETCH 1:4294967295 UID", "BAD"},
		{"FETCH 4294967296 UID", "BAD"},
		{"UID STORE 1:4294967295 +FLAGS.SILENT (\\Seen)", "OK"},
		{"UID COPY 1:4294967295 INBOX", "OK"},
		{"UID FETCH " + strings.Repeat("1,", 20_000) + "1 UID", "OK"},
		{"UID FETCH " + strings.Repeat("1,", 40_000) + "1 UID", "BAD"},
		{"SEARCH " + strings.Repeat("(", 1000) + "ALL" + strings.Repeat(")", 1000), "NO"},
		{"SEARCH " + strings.Repeat("NOT ", 10_000) + "ALL", "NO"},
		{"SEARCH " + strings.Repeat("OR SEEN ", 200) + "ALL", "OK"},
		{"SEARCH " + strings.Repeat("BODY x ", 65) + "ALL", "NO"},
		{"SEARCH " + strings.Repeat("SUBJECT x ", 501) + "ALL", "NO"},
		{"SEARCH " + strings.Repeat("SEEN ", 9_000) + "ALL", "OK"},
		{"SEARCH " + strings.Repeat("SEEN ", 11_000) + "ALL", "NO"},
		{"FETCH 1 (" + strings.Repeat("UID ", 9_000) + "UID)", "OK"},
		{"FETCH 1 (" + strings.Repeat("UID ", 11_000) + "UID)", "NO"},
		{"FETCH 1 BODY[" + strings.Repeat("1.", 300) + "1]", "NO"},
		{"FETCH 1 BODY[]<18446744073709551615.1>", "BAD"},
		{"FETCH 1 BODY[]<9223372036854775807.9223372036854775807>", "OK"},
		{`LIST "" "` + strings.Repeat("*a", 3000) + `"`, "OK"},
		{`LIST "" "` + strings.Repeat("%", 60_000) + `"`, "OK"},
		{`LIST "" (` + strings.Repeat("a ", 70) + `a)`, "NO"},
		{"CREATE " + strings.Repeat("a/", 30) + "a", "NO"},
		{"CREATE " + strings.Repeat("a", 300), "NO"},
		{"STORE 1 +FLAGS (" + strings.Repeat("k", 300) + ")", "NO"},
		{"LOGIN " + strings.Repeat("x", 70_000) + " y", "BAD"},
		{"NOOP", "OK"},
	} {
		all := c.do("%s", tt.line)
		if last := all[len(all)-1]; last.Name != tt.want {
			t.Errorf("%.60s: %s, want %s", tt.line, last.Raw, tt.want)
		}
	}
}

// TestSlowReader: who does not read what he has asked for is in nobody's way, and is cut off in the end.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, plain())
		defer h.stop()
		big := "Subject: big\r\n\r\n" + strings.Repeat("0123456789abcdef\r\n", 30_000)
		for range 4 {
			h.put("u1", "INBOX", big, store.AddOptions{})
		}
		slow, other := h.login("u1"), h.login("u1")
		slow.ok("SELECT INBOX")
		slow.send("s FETCH 1:* BODY.PEEK[]\r\n")
		synctest.Wait() // it hangs in a write now
		other.ok("SELECT INBOX")
		other.ok("STORE 1:* +FLAGS (\\Deleted)")
		other.ok("EXPUNGE")
		began := time.Now()
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		n, err := io.Copy(io.Discard, slow.r)
		if err != nil || n > int64(2*len(big)) {
			t.Errorf("%d octets after %v, %v", n, time.Since(began), err)
		}
		other.ok("NOOP")
		slow.close()
		other.close()
	})
}

// TestLoginTimeout: who does not log in has to go, however busy.
func TestLoginTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, plain())
		defer h.stop()
		c := h.client()
		defer c.close()
		began := time.Now()
		var err error
		for err == nil {
			if _, err = io.WriteString(c.conn, "a NOOP\r\n"); err == nil {
				_, err = c.r.ReadString('\n')
			}
			time.Sleep(10 * time.Second)
		}
		if took := time.Since(began); took < 2*time.Minute || took > 4*time.Minute {
			t.Errorf("it took %v", took)
		}
	})
}

// TestDraining: at the end every session is told so, in IDLE and without.
func TestDraining(t *testing.T) {
	h := newHouse(t, plain())
	idle, waiting := h.login("u1"), h.login("u1")
	idle.ok("SELECT INBOX")
	idle.do("IDLE")
	h.stop()
	for _, c := range []*client{idle, waiting} {
		if res := c.read(); res.Name != "BYE" {
			t.Errorf("%s", res.Raw)
		}
		c.close()
	}
}

// TestIdleSessionsAreSmall bounds what a session in IDLE holds, and that it is one goroutine.
func TestIdleSessionsAreSmall(t *testing.T) {
	if testing.Short() {
		t.Skip()
	}
	h := newHouse(t, plain())
	for range 300 {
		h.put("u1", "INBOX", "x: y\r\n", store.AddOptions{})
	}
	const n = 500
	measure := func() (octets uint64, goroutines int) {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse, runtime.NumGoroutine()
	}
	h.login("u1").close()
	before, goroutinesBefore := measure()
	conns := make([]net.Conn, n)
	buf := make([]byte, 64<<10)
	for i := range conns {
		conns[i] = h.dial()
		if _, err := io.WriteString(conns[i], "a LOGIN u1 pass\r\nb SELECT INBOX\r\nc UID FETCH 1:* (FLAGS BODY.PEEK[HEADER])\r\nd IDLE\r\n"); err != nil {
			t.Fatal(err)
		}
		for tail := ""; !strings.HasSuffix(tail, "+ idling\r\n"); {
			k, err := conns[i].Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			if tail += string(buf[:k]); len(tail) > 100 {
				tail = tail[len(tail)-100:]
			}
		}
	}
	after, goroutinesAfter := measure()
	// The far end and the pipe between, which on a real machine are the kernel's, are counted in.
	if each := (after - before) / n; each > 40<<10 {
		t.Errorf("an idle session holds %d octets", each)
	} else {
		t.Logf("an idle session holds %d octets", each)
	}
	if each := float64(goroutinesAfter-goroutinesBefore) / n; each > 1.01 {
		t.Errorf("an idle session has %v goroutines", each)
	}
	h.put("u1", "INBOX", "x: y\r\n", store.AddOptions{})
	for _, c := range conns {
		if k, err := c.Read(buf); err != nil || !strings.HasPrefix(string(buf[:k]), "* 301 EXISTS\r\n") {
			t.Fatalf("%q, %v", buf[:k], err)
		}
		c.Close()
	}
}
