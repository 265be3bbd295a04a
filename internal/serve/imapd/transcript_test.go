package imapd_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"restante/internal/base/bus"
	"restante/internal/base/bus/bustest"
	"restante/internal/directory"
	"restante/internal/proto/addr"
	"restante/internal/proto/deflate"
	"restante/internal/proto/imapwire"
	"restante/internal/serve/imapd"
	"restante/internal/store"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata")

// TestTranscripts plays testdata/*.txt: conversations of several clients with one server. In a file,
//
//	A> text      is sent by client A as a line; A connects when it is first heard of. \r, \n, \x00 and \\ are escapes,
//	             {@name} and {@name+} stand for a literal with testdata/messages/name.eml, {#n} and {#n+} for one of n octets,
//	             {=} and {=+} for one of the rest of the line, $id1 for an id that the server gave
//	A>> text     the same, but nothing is read yet
//	A< text      is what A receives then, up to where the server waits. Ids are $id1, $id2 ... in the order in which they come
//	! time 6m    lets time pass; what then comes is expected behind it
//	! login A u1 connects and logs in
//	! select A INBOX, ! examine A INBOX
//	! put u1 INBOX name (\Seen) delivers a message
//	! fill u1 INBOX 100  delivers so many tiny messages at once
//	! quota u1 octets messages mailboxes   sets a quota
//	! close A    ends a connection
//	! deflate A  A compresses from now on, and expects it of the server; ! inflate A ends it (RFC 4978)
//	! strict     (first line) takes no passwords without TLS
//	! mechanisms NAME... (first line) lets people log in by these, and by the tokens of login_test.go
//	! without NAME... [client PATTERN NAME...]... switches capabilities off, for sessions from then on
//	! password u1 word, ! disable u1, ! remove u1 change an account
//	! limit 3, ! savelimit 3  (first line) MESSAGELIMIT, SAVELIMIT
//
// Each is played four times: with hints as they are, lost, doubled, and late. Nothing may be different: so what clients in IDLE
// receive is looked at only after some time.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		script, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for mode, wrap := range hintModes() {
			t.Run(name+"/"+mode, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newPlayer(t, wrap, firstLine(script))
					got := p.play(string(script))
					p.end()
					if *update {
						if mode == "as they are" {
							p.must(os.WriteFile(file, []byte(got), 0o666))
						}
						return
					}
					want, _ := os.ReadFile(file)
					if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
						t.Errorf("(-want +got)\n%s", diff)
					}
				})
			})
		}
	}
}

// hintModes are ways to carry hints, and how to end each.
func hintModes() map[string]func() (bus.Bus, func()) {
	nothing := func() {}
	return map[string]func() (bus.Bus, func()){
		"as they are": func() (bus.Bus, func()) { return bus.New(), nothing },
		"lost":        func() (bus.Bus, func()) { return &bustest.Dropping{Bus: bus.New()}, nothing },
		"doubled":     func() (bus.Bus, func()) { return bustest.Doubling{Bus: bus.New()}, nothing },
		"late": func() (bus.Bus, func()) {
			b := &bustest.Delaying{Bus: bus.New(), After: time.Minute}
			return b, b.Close
		},
	}
}

// player plays one transcript.
type player struct {
	*house
	clients map[string]*speaker
	order   []string // of clients
	ids     []string // that the server gave
	end     func()
}

// speaker is a client whose output gathers until it is looked at.
type speaker struct {
	conn net.Conn
	to   io.Writer       // conn, or what compresses for it
	from *deflate.Reader // of buf; nil without compression
	mu   sync.Mutex
	buf  bytes.Buffer
	gone bool
	done chan struct{}
}

// firstLine is the first line of a transcript, if it is one that says what house it is played in.
func firstLine(script []byte) string {
	line, _, _ := strings.Cut(string(script), "\n")
	line, _ = strings.CutPrefix(line, "! ")
	return line
}

func newPlayer(t *testing.T, wrap func() (bus.Bus, func()), first string) *player {
	o := plain()
	o.imap.AllowPlainLogin = first != "strict"
	o.logins = logins(first)
	_, _ = fmt.Sscanf(first, "limit %d", &o.imap.MessageLimit)
	_, _ = fmt.Sscanf(first, "savelimit %d", &o.imap.SaveLimit)
	o.imap.MaxAppend = 8 << 10
	o.imap.Administrators = []string{"boss@demo.test"}
	o.imap.Submitters = []string{"u2@demo.test"}
	o.imap.Metadata = map[string]string{
		"/shared/comment": "a demonstration", "/shared/admin": "mailto:boss@demo.test", "/shared/filters/values/everything": "ALL",
	}
	b, closeBus := wrap()
	o.store = store.Options{Bus: b}
	p := &player{house: newHouse(t, o), clients: make(map[string]*speaker)}
	p.end = func() {
		for _, s := range p.clients {
			s.conn.Close()
			<-s.done
		}
		closeBus()
		p.stop()
	}
	return p
}

// play returns the transcript with what the server really says.
func (p *player) play(script string) string {
	var out strings.Builder
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		if len(line) > 1 && line[1] == '<' {
			continue
		}
		out.WriteString(line + "\n")
		switch {
		case strings.HasPrefix(line, "! "):
			out.WriteString(p.directive(strings.Fields(line)[1:]))
			synctest.Wait() // whoever waits looks at what was done now, and not with what is done next
		case len(line) > 3 && line[1:4] == ">> ":
			p.say(line[:1], line[4:])
		case len(line) >= 2 && line[1] == '>':
			p.say(line[:1], strings.TrimPrefix(line[2:], " "))
			synctest.Wait()
			out.WriteString(p.heard(line[:1]))
		}
	}
	return strings.TrimSuffix(out.String(), "\n") + "\n"
}

func (p *player) directive(words []string) string {
	switch words[0] {
	case "strict", "mechanisms", "limit", "savelimit":
	case "without": // ! without NAME... [client PATTERN NAME...]
		var sw imapd.Switches
		to := &sw.Disable
		for i := 1; i < len(words); i++ {
			if words[i] == "client" {
				sw.Clients = append(sw.Clients, imapd.Client{Name: words[i+1]})
				to = &sw.Clients[len(sw.Clients)-1].Disable
				i++
				continue
			}
			*to = append(*to, words[i])
		}
		p.must(sw.Check())
		p.imap.SetSwitches(sw)
	case "password":
		c, err := p.dir.Derive(context.Background(), words[2])
		p.must(err)
		p.must(p.dir.SetPassword(context.Background(), addr.Address{Local: words[1], Domain: domain}, c))
	case "disable":
		p.must(p.dir.SetAccess(context.Background(), addr.Address{Local: words[1], Domain: domain}, directory.NoLogin))
	case "remove":
		p.must(p.dir.RemoveAccount(context.Background(), addr.Address{Local: words[1], Domain: domain}))
	case "time":
		d, err := time.ParseDuration(words[1])
		p.must(err)
		time.Sleep(d)
		synctest.Wait()
		var out string
		for _, name := range p.order {
			out += p.heard(name)
		}
		return out
	case "login":
		s := p.client(words[1])
		synctest.Wait()
		fmt.Fprintf(s.conn, "x LOGIN %s pass\r\n", words[2])
		synctest.Wait()
		s.take()
	case "select", "examine":
		s := p.client(words[1])
		fmt.Fprintf(s.conn, "x %s %s\r\n", words[0], words[2])
		synctest.Wait()
		s.take()
	case "put":
		p.put(words[1], words[2], p.message(words[3]), putOptions(words[4:]))
	case "fill":
		n, err := strconv.Atoi(words[3])
		p.must(err)
		p.putMany(words[1], words[2], store.AddOptions{}, slices.Repeat([]string{p.message("tiny")}, n)...)
	case "quota":
		p.quota(words[1], words[2:])
	case "close":
		s := p.clients[words[1]]
		delete(p.clients, words[1])
		s.conn.Close()
		<-s.done
	case "deflate":
		s := p.clients[words[1]]
		s.from, s.to = deflate.NewReader(&s.buf), flusher{s.conn}
	case "inflate":
		s := p.clients[words[1]]
		s.from, s.to = nil, s.conn
	default:
		p.t.Fatalf("unknown directive %q", words[0])
	}
	return ""
}

func (p *player) quota(who string, limits []string) {
	var n [3]uint64
	for i := range n {
		var err error
		n[i], err = strconv.ParseUint(limits[i], 10, 64)
		p.must(err)
	}
	a := p.open(who)
	defer a.Close()
	_, err := a.Update(context.Background(), store.Origin{}, func(tx *store.Tx) error {
		return tx.SetQuota(store.Quota{Octets: n[0], Messages: n[1], Mailboxes: n[2]})
	})
	p.must(err)
}

// putOptions reads flags in parentheses.
func putOptions(words []string) (o store.AddOptions) {
	for _, w := range words {
		switch w = strings.Trim(w, "()"); w {
		case `\Seen`:
			o.Flags |= store.Seen
		case `\Deleted`:
			o.Flags |= store.Deleted
		case `\Flagged`:
			o.Flags |= store.Flagged
		case `\Answered`:
			o.Flags |= store.Answered
		case `\Draft`:
			o.Flags |= store.Draft
		default:
			o.Keywords = append(o.Keywords, w)
		}
	}
	return o
}

func (p *player) message(name string) string {
	b, err := os.ReadFile(filepath.Join("testdata", "messages", name+".eml"))
	p.must(err)
	return strings.ReplaceAll(strings.ReplaceAll(string(b), "\r\n", "\n"), "\n", "\r\n")
}

func (p *player) client(name string) *speaker {
	s := p.clients[name]
	if s != nil {
		return s
	}
	s = &speaker{conn: p.dial(), done: make(chan struct{})}
	s.to = s.conn
	p.clients[name] = s
	p.order = append(p.order, name)
	go func() {
		defer close(s.done)
		buf := make([]byte, 32<<10)
		for {
			n, err := s.conn.Read(buf)
			s.mu.Lock()
			s.buf.Write(buf[:n])
			if err != nil {
				s.gone = err == io.EOF
			}
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return s
}

// flusher compresses each line for itself.
type flusher struct{ w io.Writer }

func (f flusher) Write(p []byte) (int, error) {
	w, err := flate.NewWriter(f.w, 6)
	if err != nil {
		return 0, err
	}
	if _, err := w.Write(p); err != nil {
		return 0, err
	}
	return len(p), w.Flush()
}

// take is what has been received since the last time.
func (s *speaker) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out string
	if s.from != nil {
		b, _ := io.ReadAll(s.from) // to the end of what there is
		out = string(b)
	}
	out += s.buf.String()
	s.buf.Reset()
	if s.gone {
		out += "(connection closed)\r\n"
		s.gone = false
	}
	return out
}

var literalFile = regexp.MustCompile(`\{([@#])([a-z0-9-]+)(\+?)\}`)

// say sends a line.
func (p *player) say(name, line string) {
	s := p.client(name)
	for i, id := range p.ids {
		line = strings.ReplaceAll(line, fmt.Sprintf("$id%d", i+1), id)
	}
	if _, err := io.WriteString(s.to, p.expand(line)+"\r\n"); err != nil {
		p.t.Logf("%s: %v", name, err)
	}
}

// expand puts in what a line of a transcript stands for.
func (p *player) expand(line string) string {
	line = escapes.Replace(line)
	if head, rest, ok := strings.Cut(line, "{="); ok {
		plus, text, _ := strings.Cut(rest, "}")
		return fmt.Sprintf("%s{%d%s}\r\n%s", head, len(text), plus, text)
	}
	return literalFile.ReplaceAllStringFunc(line, func(m string) string {
		parts := literalFile.FindStringSubmatch(m)
		var text string
		if parts[1] == "@" {
			text = p.message(parts[2])
		} else {
			n, err := strconv.Atoi(parts[2])
			p.must(err)
			text = strings.Repeat("x", n)
		}
		return fmt.Sprintf("{%d%s}\r\n%s", len(text), parts[3], text)
	})
}

// escapes leaves \Seen and its like as they are.
var escapes = strings.NewReplacer(`\\`, `\`, `\r`, "\r", `\n`, "\n", `\x00`, "\x00", `\xe9`, "\xe9")

// objectID is an id of RFC 8474, or a token of URLAUTH.
var objectID = regexp.MustCompile(`\b(?:[bt]?[0-9a-v]{23}|01[0-9a-f]{64})\b`)

// capabilities in response codes are left out: the answer to the command CAPABILITY, in login.txt, tells them.
var capabilities = regexp.MustCompile(`\[CAPABILITY [^]]*\]`)

// heard is what a client has received, a line each.
func (p *player) heard(name string) string {
	s := p.clients[name]
	if s == nil {
		return ""
	}
	text := objectID.ReplaceAllStringFunc(s.take(), func(id string) string {
		for i, known := range p.ids {
			if known == id {
				return fmt.Sprintf("$id%d", i+1)
			}
		}
		p.ids = append(p.ids, id)
		return fmt.Sprintf("$id%d", len(p.ids))
	})
	p.check(text)
	var out strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		line = strings.ReplaceAll(line, "\x00", `\x00`)
		line = capabilities.ReplaceAllString(line, "[CAPABILITY ...]")
		out.WriteString(strings.TrimRight(name+"< "+line, " ") + "\n")
	}
	return out.String()
}

// check reads all responses by the grammar.
func (p *player) check(text string) {
	text = strings.TrimSuffix(text, "(connection closed)\r\n")
	r := bufio.NewReader(strings.NewReader(text))
	for {
		_, err := imapwire.ReadResponse(r, 1<<20)
		if err == io.EOF {
			return
		}
		if err != nil {
			p.t.Errorf("no responses: %q: %v", text, err)
			return
		}
	}
}
