// Package crash kills the real server while 64 clients deliver mail, a third of
// them by submission and the queue, and others read it, again and again in one data folder, and holds it to its word: what
// was answered by 250 is there, once for each recipient; what a reader saw
// under a UID is under it; and every record agrees with every other.
//
// A killed process loses nothing that the kernel holds, so this tests order and
// recovery; what a power cut loses is tested in internal/store on a file system in
// memory that forgets what was not synced.
//
// The tests need the built binary: make crash.
package crash

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"restante/test/client"
	"restante/test/corpus"
	"restante/test/demo"
)

const (
	accounts  = 8
	deliverer = 64
	readers   = 6 // of each protocol
)

// copyOf is one message in one account.
type copyOf struct{ id, user string }

// place is where a reader sees a message.
type place struct {
	user string
	uid  int64
}

// record is what the clients were told.
type record struct {
	sync.Mutex
	promised map[copyOf]bool
	seen     map[place]string // -> message id
	read     int              // messages read by POP3
}

// TestKill is 20 rounds, or RESTANTE_ROUNDS.
func TestKill(t *testing.T) {
	rounds := 20
	if text := os.Getenv("RESTANTE_ROUNDS"); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	s := demo.Start(t, accounts)
	told := &record{promised: map[copyOf]bool{}, seen: map[place]string{}}
	checked := &check{next: map[string]int64{}, found: map[copyOf]int{}, at: map[place]string{}}
	for round := range rounds {
		before := len(told.promised)
		disaster(t, s, round, told)
		out, err := s.Run(t.Context(), "verify")
		if err != nil {
			t.Fatalf("round %d: verify: %v\n%s", round, err, out)
		}
		if err := s.Restart(); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		drain(t, s)
		checked.run(t, s, told)
		t.Logf("round %d: %d more promised copies, %d messages seen by IMAP, %d read by POP3; up again in %v",
			round, len(told.promised)-before, len(told.seen), told.read, s.Startup.Round(time.Millisecond))
		if t.Failed() {
			t.FailNow()
		}
	}
	if len(told.promised) < rounds*deliverer {
		t.Errorf("only %d copies were promised in %d rounds: the test did not test much", len(told.promised), rounds)
	}
}

// disaster lets the clients work for a while and kills the server under them.
func disaster(t *testing.T, s *demo.Server, round int, told *record) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	begun := make(chan bool, deliverer)
	for worker := range deliverer {
		clients.Go(func() { deliverAll(ctx, s, fmt.Sprintf("r%d.w%d", round, worker), doors()[worker%3], told, begun) })
	}
	for reader := range readers {
		clients.Go(func() { watch(ctx, s, user(reader%accounts), told) })
		clients.Go(func() { collect(ctx, s, user((reader+3)%accounts), told) })
	}
	for range deliverer { // all have something in the works
		<-begun
	}
	<-time.After(time.Duration(100+rand.IntN(500)) * time.Millisecond)
	s.Kill()
	stop()
	clients.Wait()
}

func user(n int) string { return "u" + strconv.Itoa(n+1) }

// door is a way in.
type door struct {
	port int
	dial func(addr string) (*client.Mailer, error)
}

func doors() []door {
	return []door{{demo.LMTP, client.DialLMTP}, {demo.SMTP, client.DialSMTP}, {demo.Submission, dialSubmission}}
}

// dialSubmission connects and logs in as the sender.
func dialSubmission(addr string) (*client.Mailer, error) {
	m, err := client.DialSMTP(addr)
	if err != nil {
		return nil, err
	}
	login := base64.StdEncoding.EncodeToString([]byte("\x00" + user(0) + "\x00" + demo.Password))
	if r, err := m.Command("AUTH PLAIN " + login); err != nil || !r.OK() {
		m.Close()
		return nil, fmt.Errorf("AUTH: %v %w", r, err)
	}
	return m, nil
}

// sender is who sends it all.
const sender = "u1@" + demo.Domain

// drain waits until all that was in the queue has been brought to its mailboxes.
func drain(t *testing.T, s *demo.Server) {
	t.Helper()
	for until := time.Now().Add(time.Minute); ; <-time.After(50 * time.Millisecond) {
		text, err := s.Run(t.Context(), "queue", "list")
		if err != nil {
			t.Fatalf("queue list: %v\n%s", err, text)
		}
		if strings.TrimSpace(text) == "none" {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("after a minute there still waits:\n%s", text)
		}
	}
}

// deliverAll sends messages to some of the accounts until the server is gone, and
// notes what it was promised.
func deliverAll(ctx context.Context, s *demo.Server, name string, in door, told *record, begun chan<- bool) {
	first := sync.OnceFunc(func() { begun <- true })
	defer first()
	m, err := in.dial(s.Addr(in.port))
	if err != nil {
		return
	}
	defer m.Close()
	for n := 0; ctx.Err() == nil; n++ {
		id := fmt.Sprintf("%s.m%d", name, n)
		var users, rcpts []string
		for _, i := range rand.Perm(accounts)[:1+rand.IntN(4)] {
			users, rcpts = append(users, user(i)), append(rcpts, user(i)+"@"+demo.Domain)
		}
		if n > 0 {
			first()
		}
		replies, err := m.Send(sender, rcpts, bytes.Replace(message(id), []byte("anna@example.org"), []byte(sender), 1))
		if err != nil {
			return
		}
		told.Lock()
		for i, r := range replies {
			if r.OK() {
				told.promised[copyOf{id, users[i]}] = true
			}
		}
		told.Unlock()
	}
}

// message makes a message of a size that mail has: mostly small, now and then beyond
// a megabyte.
func message(id string) []byte {
	size := 500 + rand.IntN(20_000)
	switch rand.IntN(100) {
	case 0:
		size = 1_200_000
	case 1, 2, 3, 4, 5:
		size = 100_000 + rand.IntN(200_000)
	}
	return append([]byte("X-Crash: "+id+"\r\n"), corpus.Text("crash "+id, size, rand.Uint64())...)
}

// watch reads new messages of a mailbox by IMAP as they come.
func watch(ctx context.Context, s *demo.Server, user string, told *record) {
	c, err := client.DialIMAP(s.Addr(demo.IMAP), user, demo.Password)
	if err != nil {
		return
	}
	defer c.Close()
	next := int64(1)
	for ctx.Err() == nil {
		if _, err := c.Do("SELECT INBOX"); err != nil {
			return
		}
		err := fetchIDs(c, next, func(uid int64, id string) {
			next = max(next, uid+1)
			told.Lock()
			told.seen[place{user, uid}] = id
			told.Unlock()
		})
		if err != nil {
			return
		}
	}
}

// fetchIDs yields the messages of the selected mailbox from a UID on.
func fetchIDs(c *client.IMAP, from int64, yield func(uid int64, id string)) error {
	pattern := regexp.MustCompile(`(?i)X-Crash: (\S+)`)
	return c.Each(func(r client.Response) error {
		uid := r.Number("UID")
		if uid < from || len(r.Literals) != 1 { // "*" is the last message, however old
			return nil
		}
		m := pattern.FindSubmatch(r.Literals[0])
		if m == nil {
			return fmt.Errorf("UID %d has no X-Crash field: %q", uid, r.Literals[0])
		}
		yield(uid, string(m[1]))
		return nil
	}, "UID FETCH %d:* (UID BODY.PEEK[HEADER.FIELDS (X-CRASH)])", from)
}

// collect reads the newest messages of a maildrop by POP3.
func collect(ctx context.Context, s *demo.Server, user string, told *record) {
	for ctx.Err() == nil {
		p, err := client.DialPOP3(s.Addr(demo.POP3), user, demo.Password)
		if err != nil {
			if strings.Contains(err.Error(), "IN-USE") {
				continue
			}
			return
		}
		sizes, err := p.List()
		for n := len(sizes); err == nil && n > max(0, len(sizes)-5); n-- {
			var text []byte
			if text, err = p.Retr(n); err == nil && int64(len(text)) == sizes[n-1] {
				told.Lock()
				told.read++
				told.Unlock()
			}
		}
		if err == nil {
			err = p.Quit()
		}
		p.Close()
		if err != nil {
			return
		}
	}
}

// check is what the server holds, as far as it has been looked at.
type check struct {
	next  map[string]int64
	found map[copyOf]int
	at    map[place]string
}

// run looks at what is new since the last round and holds it against what the
// clients were told.
func (k *check) run(t *testing.T, s *demo.Server, told *record) {
	t.Helper()
	for n := range accounts {
		user := user(n)
		c, err := client.DialIMAP(s.Addr(demo.IMAP), user, demo.Password)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Do("EXAMINE INBOX"); err != nil {
			t.Fatal(err)
		}
		err = fetchIDs(c, k.next[user]+1, func(uid int64, id string) {
			k.next[user] = max(k.next[user], uid)
			k.found[copyOf{id, user}]++
			k.at[place{user, uid}] = id
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	for promise := range told.promised {
		if k.found[promise] == 0 {
			t.Errorf("%s was answered by 250 for %s and is not there", promise.id, promise.user)
		}
	}
	for found, times := range k.found {
		if times > 1 {
			t.Errorf("%s is %d times in %s", found.id, times, found.user)
		}
	}
	for where, id := range told.seen {
		if k.at[where] != id {
			t.Errorf("%s: a reader saw %s under UID %d, where now %q is", where.user, id, where.uid, k.at[where])
		}
	}
}
