package app

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"restante/internal/config"
	"restante/internal/flow/queue"
	"restante/internal/proto/addr"
	"restante/internal/proto/smtpwire"
	"restante/internal/store"
)

// sinkVariable makes the test binary a sink: a process of its own, so that its work is not counted.
const sinkVariable = "RESTANTE_TEST_SINK"

// TestSink is no test: it takes all mail that comes and prints its address first.
func TestSink(t *testing.T) {
	if os.Getenv(sinkVariable) == "" {
		t.Skip("this is the other process of BenchmarkSend")
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(ln.Addr())
	go func() { // owner: the process, which ends with its standard input
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		go sink(conn) // owner: the process
	}
}

// sink is a session that takes everything.
func sink(conn net.Conn) {
	defer conn.Close()
	br, bw := bufio.NewReaderSize(conn, 64<<10), bufio.NewWriter(conn)
	fmt.Fprint(bw, "220 sink ESMTP\r\n")
	for {
		if br.Buffered() == 0 {
			bw.Flush()
		}
		line, err := br.ReadString('\n')
		if err != nil {
			return
		}
		verb, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch verb {
		case "EHLO":
			fmt.Fprint(bw, "250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n"+os.Getenv("RESTANTE_TEST_SINK_OFFERS")+"250 SIZE\r\n")
		case "DATA":
			fmt.Fprint(bw, "354 go on\r\n")
			bw.Flush()
			if _, err := smtpwire.NewDataReader(br, smtpwire.Limits{}).WriteTo(io.Discard); err != nil {
				return
			}
			fmt.Fprint(bw, "250 2.0.0 taken\r\n")
		case "BDAT":
			var n int64
			_, _ = fmt.Sscanf(line, "BDAT %d", &n)
			if _, err := io.CopyN(io.Discard, br, n); err != nil {
				return
			}
			fmt.Fprint(bw, "250 2.0.0 taken\r\n")
		case "QUIT":
			fmt.Fprint(bw, "221 bye\r\n")
			bw.Flush()
			return
		default:
			fmt.Fprint(bw, "250 2.0.0 ok\r\n")
		}
	}
}

// BenchmarkSend drains a queue of messages of 73 KB to one host on loopback; cpu-ms/op is what this process takes for each.
func BenchmarkSend(b *testing.B) {
	for _, offers := range []string{"", "250-CHUNKING\r\n"} {
		name := "DATA"
		if offers != "" {
			name = "BDAT"
		}
		b.Run(name, func(b *testing.B) { benchmarkSend(b, offers, traceMonth) })
	}
	b.Run("untraced", func(b *testing.B) { benchmarkSend(b, "", 0) })
}

func benchmarkSend(b *testing.B, offers string, keep config.Duration) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestSink$")
	cmd.Env = append(os.Environ(), sinkVariable+"=1", "RESTANTE_TEST_SINK_OFFERS="+offers)
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { in.Close(); _ = cmd.Wait() }()
	at, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	c := config.Default()
	c.Host, c.Data, c.Listen, c.Trace.Keep = "mail.example.org", b.TempDir(), config.Listen{}, keep
	c.Send.Transport = []config.Transport{{Domains: []string{"*"}, Host: strings.TrimSpace(at)}}
	s, err := Start(b.Context(), c, Options{Version: "1.0"})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	fill(b, s, b.N)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	before := used(b)
	b.ResetTimer()
	ended := make(chan struct{})
	go func() { // owner: below
		defer close(ended)
		var all sync.WaitGroup
		all.Go(func() { s.trace.Run(ctx) })
		_ = s.send(ctx)
		all.Wait()
	}()
	for left := 1; left > 0; {
		<-time.After(10 * time.Millisecond)
		left = 0
		if err := s.store.Queue(ctx, 0, func(*store.Queued) error { left++; return store.ErrStop }); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64((used(b)-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
	cancel()
	<-ended
}

// used is the processor time of this process.
func used(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// fill queues messages of 73 KB, each with a body of its own.
func fill(b *testing.B, s *Server, n int) {
	from, _ := addr.Parse("a@example.org")
	to, _ := addr.Parse("b@there.test")
	line := strings.Repeat("the quick brown fox jumps over the lazy dog ", 2)[:74] + "\r\n"
	for i := range n {
		w, err := s.store.NewBody(b.Context(), store.BodyOptions{})
		if err != nil {
			b.Fatal(err)
		}
		fmt.Fprintf(w, "Subject: %d\r\n\r\n", i)
		for l := range 73 << 10 / 76 {
			fmt.Fprintf(w, "%d %d %s", i, l, line)
		}
		body, err := w.Finish(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		o := queue.Outgoing{Kind: store.QueueSubmitted, Mail: smtpwire.Mail{From: from}, Body: body, To: []queue.Recipient{{Rcpt: smtpwire.Rcpt{To: to}}}}
		if _, err := s.front().Enqueue(b.Context(), o); err != nil {
			b.Fatal(err)
		}
	}
}
