package pop3d_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"restante/internal/directory"
	"restante/internal/proto/addr"
	"restante/internal/proto/pop3wire"
	"restante/internal/proto/sasl"
	"restante/internal/serve/pop3d"
	"restante/internal/store"
	"restante/internal/store/retention"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestScenes plays testdata/*.txt, transcripts of several connections:
//
//	! what happens elsewhere: deliver, file (into a mailbox, whose spaces are written _), fill, expunge, double, subjects, wait, stop, password, disable, remove, delay TIME, other KEEP WAIT-FOR,
//	  policy KEEP WAIT-FOR, retention DAYS
//	A: connect, tls, starttls, drop, scram NAME PASSWORD [plus]
//	A> a line that A sends; A>> one that is sent together with what follows
//	A< what A receives until all is quiet; "A< (closed)" is the end
//
// Ids are shown as $1, $2 in the order in which they come up. A file whose
// name begins with "strict" has no passwords in the clear; one whose name begins with "tokens" has tokens and no PLAIN, with "apop" APOP.
func TestScenes(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var got string
			synctest.Test(t, func(t *testing.T) { got = play(t, file, string(want)) })
			if *update {
				err = os.WriteFile(file, []byte(got), 0o644)
			} else if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// scene is a transcript being played.
type scene struct {
	*house
	conns map[string]*actor
	order []string
	ids   map[string]string
	out   strings.Builder
}

// actor is one client.
type actor struct {
	net.Conn
	corked string
	closed bool
}

func play(t *testing.T, file, script string) string {
	strict := strings.HasPrefix(filepath.Base(file), "strict")
	s := &scene{
		house: newHouseWith(t, pop3d.Options{Plaintext: !strict, MaxFailures: 3, Nonce: func() string { return "1896.697170952" }}, nil, logins(file)),
		conns: make(map[string]*actor),
		ids:   make(map[string]string),
	}
	for _, line := range strings.Split(strings.TrimSuffix(script, "\n"), "\n") {
		who, what, ok := strings.Cut(line, " ")
		switch {
		case strings.HasSuffix(who, "<"):
			continue // what is received is written anew
		case line == "" || who == "#":
			fmt.Fprintln(&s.out, line)
			continue
		case !ok:
			t.Fatalf("%s: %q", file, line)
		}
		fmt.Fprintln(&s.out, line)
		switch {
		case who == "!":
			s.elsewhere(what)
		case strings.HasSuffix(who, ">>"):
			s.actor(who[:len(who)-2]).corked += what + "\r\n"
			continue
		case strings.HasSuffix(who, ">"):
			a := s.actor(who[:len(who)-1])
			if _, err := io.WriteString(a, a.corked+what+"\r\n"); err != nil {
				t.Errorf("%s: %v", line, err)
			}
			a.corked = ""
		default:
			s.act(strings.TrimSuffix(who, ":"), strings.Fields(what))
		}
		s.gather()
	}
	for _, a := range s.conns {
		a.Close()
	}
	s.stop()
	return s.out.String()
}

func (s *scene) actor(name string) *actor {
	s.t.Helper()
	a := s.conns[name]
	if a == nil {
		s.t.Fatalf("%s is not connected", name)
	}
	return a
}

func (s *scene) act(name string, words []string) {
	s.t.Helper()
	switch words[0] {
	case "connect":
		if s.conns[name] == nil {
			s.order = append(s.order, name)
		}
		s.conns[name] = &actor{Conn: s.dial()}
	case "starttls":
		a := s.actor(name)
		a.Conn = tls.Client(a.Conn, s.tls)
		s.must(a.Conn.(*tls.Conn).Handshake())
	case "drop":
		s.actor(name).Close()
		s.actor(name).closed = true
	case "scram":
		s.scram(s.actor(name), words[1], words[2], len(words) > 3)
	default:
		s.t.Fatalf("%s: %q", name, words)
	}
}

// scram logs in and shows only how that ended: all else is random.
func (s *scene) scram(a *actor, user, password string, plus bool) {
	client := &sasl.ScramClient{Hash: sasl.SHA256, User: user, Password: password}
	mechanism := sasl.ScramSHA256
	if plus {
		mechanism = sasl.ScramSHA256Plus
		state := a.Conn.(*tls.Conn).ConnectionState()
		data, err := state.ExportKeyingMaterial("EXPORTER-Channel-Binding", []byte{}, 32)
		s.must(err)
		client.Binding, client.Data = "tls-exporter", data
	}
	r := bufio.NewReader(a)
	fmt.Fprintf(a, "AUTH %s\r\n", mechanism)
	for {
		line, err := pop3wire.ReadLine(r, pop3wire.MaxReply)
		s.must(err)
		challenge, ok := strings.CutPrefix(string(line), "+ ")
		if !ok {
			fmt.Fprintf(&s.out, "%s< %s\n", s.nameOf(a), line)
			return
		}
		decoded, err := pop3wire.DecodeResponse([]byte(challenge))
		s.must(err)
		if len(decoded) == 0 {
			decoded = nil
		}
		response, err := client.Next(decoded)
		s.must(err)
		a.Write(pop3wire.AppendChallenge(nil, response)[2:])
	}
}

func (s *scene) nameOf(a *actor) string {
	for name, other := range s.conns {
		if a == other {
			return name
		}
	}
	return "?"
}

func (s *scene) elsewhere(what string) {
	s.t.Helper()
	words := strings.Fields(what)
	number := func(i int) int {
		n, err := strconv.Atoi(words[i])
		s.must(err)
		return n
	}
	switch words[0] {
	case "deliver":
		text, err := strconv.Unquote(strings.TrimPrefix(what, "deliver "+words[1]+" "))
		s.must(err)
		s.deliver(words[1], text)
	case "file":
		path, rest, _ := strings.Cut(strings.TrimPrefix(what, "file "+words[1]+" "), " ")
		text, err := strconv.Unquote(rest)
		s.must(err)
		s.file(words[1], strings.ReplaceAll(path, "_", " "), text)
	case "fill":
		s.fill(words[1], number(2))
	case "expunge":
		s.expunge(words[1], number(2), number(3))
	case "double":
		s.double(words[1], number(2))
	case "subjects":
		fmt.Fprintln(&s.out, strings.TrimRight("!< "+s.subjects(words[1]), " "))
	case "password":
		c, err := s.dir.Derive(s.t.Context(), words[2])
		s.must(err)
		s.must(s.dir.SetPassword(s.t.Context(), addr.Address{Local: words[1], Domain: domain}, c))
	case "disable":
		s.must(s.dir.SetAccess(s.t.Context(), addr.Address{Local: words[1], Domain: domain}, directory.NoLogin))
	case "remove":
		s.must(s.dir.RemoveAccount(s.t.Context(), addr.Address{Local: words[1], Domain: domain}))
	case "delay":
		d, err := time.ParseDuration(words[1])
		s.must(err)
		s.policy.LoginDelay = d
	case "other":
		s.other(words[1:])
	case "policy":
		p, err := (retention.Rule{Keep: words[1], WaitFor: words[2]}).Apply(retention.Default())
		s.must(err)
		s.policy, s.others = p, nil
	case "retention":
		s.open("u1", func(a *store.Account, inbox *store.MailboxView) {
			_, err := a.Update(s.t.Context(), store.Origin{}, func(tx *store.Tx) error {
				return tx.SetRetention(inbox.ID(), &store.Retention{For: time.Duration(number(1)) * 24 * time.Hour})
			})
			s.must(err)
		})
	case "wait":
		d, err := time.ParseDuration(words[1])
		s.must(err)
		<-time.After(d)
	case "stop":
		s.stop()
	default:
		s.t.Fatalf("! %s", what)
	}
}

// other gives the accounts another POP device, whose rule is "keep wait_for".
func (s *scene) other(words []string) {
	rule := retention.Rule{Keep: words[0], WaitFor: words[1]}
	p, err := rule.Apply(retention.Default())
	s.must(err)
	s.others = append(s.others, store.POPDevice{ID: directory.MainDevice + 1 + store.DeviceID(len(s.others)), Policy: p})
}

// quiet is longer than any wait of the server's that is not a time-out.
const quiet = 3 * time.Second

// gather writes what every connection has received.
func (s *scene) gather() {
	synctest.Wait()
	for _, name := range s.order {
		a := s.conns[name]
		if a.closed {
			continue
		}
		a.SetReadDeadline(time.Now().Add(quiet))
		got, err := io.ReadAll(a)
		a.SetReadDeadline(time.Time{})
		for line := range strings.Lines(string(got)) {
			line = s.hideIDs(strings.TrimSuffix(line, "\r\n"))
			fmt.Fprintln(&s.out, strings.TrimRight(name+"< "+line, " "))
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			fmt.Fprintf(&s.out, "%s< (closed)\n", name)
			a.closed = true
		}
	}
}

func (s *scene) hideIDs(line string) string {
	return regexp.MustCompile(`\b[0-9a-v]{23}\b`).ReplaceAllStringFunc(line, func(id string) string {
		if s.ids[id] == "" {
			s.ids[id] = fmt.Sprintf("$%d", len(s.ids)+1)
		}
		return s.ids[id]
	})
}
