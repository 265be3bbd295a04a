package keys

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"restante/internal/proto/mime"
)

var update = flag.Bool("update", false, "rewrite golden files: only together with a migration")

// golden compares bytes with a file of hex, 32 octets a line.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".hex")
	var b bytes.Buffer
	for i := 0; i < len(got); i += 32 {
		fmt.Fprintln(&b, hex.EncodeToString(got[i:min(i+32, len(got))]))
	}
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, b.Bytes()) {
		t.Errorf("%s: the format on disk has changed: that needs a new version and a migration\ngot:\n%swant:\n%s", name, b.Bytes(), want)
	}
}

// roundTrip checks that a record comes back equal and has the golden bytes.
func roundTrip[T any](t *testing.T, name string, v T, encode func(*T) []byte, decode func([]byte) (T, error)) {
	t.Helper()
	b := encode(&v)
	golden(t, name, b)
	got, err := decode(b)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if !reflect.DeepEqual(got, v) {
		t.Errorf("%s:\ngot  %+v\nwant %+v", name, got, v)
	}
	for i := range b { // nothing that is cut short may pass for whole or panic
		if got, err := decode(b[:i]); err == nil && reflect.DeepEqual(got, v) {
			t.Errorf("%s: %d of %d octets decode to the whole record", name, i, len(b))
		}
	}
}

func TestKeys(t *testing.T) {
	hash := [32]byte{31: 9}
	for name, k := range map[string][]byte{
		"store": StoreKey("schema"), "account": OfAccount(TableAccount, 1), "mailbox": OfMailbox(TableMailbox, 1, 2),
		"counters": OfMailbox(TableCounters, 1, 2), "keyword": KeywordKey(1, 3), "page": PageKey(1, 2, 4), "counts": CountsKey(1, 2, 4),
		"message": OfMessage(TableMessage, 1, 5), "members": OfMessage(TableMembers, 1, 5), "change": ChangeKey(1, 6),
		"vanished": VanishedKey(1, 2, 6), "cut": CutKey(1, 2), "subscription": SubscriptionKey(1, "INBOX"), "removed": RemovedKey(1, 7, 5, 2),
		"delivered": DeliveredKey(1, 8, "a@b"), "thread": ThreadKey(1, [16]byte{15: 9}), "due": DueKey(7, 1, 1, 2, 5),
		"chunk": ChunkKey(10, 11), "blob": BlobKey(TableBlob, 10), "hash": HashKey(12, hash),
		"reference": ReferenceKey(10, RefMessage, 1, 5), "candidate": CandidateKey(7, 10), "row": RowKey(TableUser, "a@b"),
		"uidl": OfMessage(TableUIDL, 1, 5), "uidl-owner": UIDLOwnerKey(1, "000000015c8e1f2a"), "imported": ImportedKey(1, [16]byte{15: 9}),
		"device": DeviceKey(1, 3), "device-taken": DeviceTakenKey(1, 3), "taken": TakenKey(1, 3, 1<<42),
		"metadata": MetadataKey(1, 2, 13, "/comment"), "queue": QueueKey(8), "queue-order": QueueOrderKey(2, 7, 8), "sizes": SizesKey(1, 1<<42),
	} {
		golden(t, "key-"+name, k)
	}
}

func TestKeysComeApart(t *testing.T) {
	if a, m, p, err := PageOf(PageKey(1, 2, 3)); a != 1 || m != 2 || p != 3 || err != nil {
		t.Error("page", a, m, p, err)
	}
	if m, err := MailboxOf(VanishedKey(1, 2, 3)); m != 2 || err != nil {
		t.Error("mailbox", m, err)
	}
	if a, m, c, err := CountsOf(CountsKey(1, 2, 3)); a != 1 || m != 2 || c != 3 || err != nil {
		t.Error("counts", a, m, c, err)
	}
	if b, k, o, id, err := ReferenceOf(ReferenceKey(4, 5, 6, 7)); b != 4 || k != 5 || o != 6 || id != 7 || err != nil {
		t.Error("reference", b, k, o, id, err)
	}
	if a, tm, m, x, err := RemovedOf(RemovedKey(1, 2, 3, 4)); a != 1 || tm != 2 || m != 3 || x != 4 || err != nil {
		t.Error("removed", a, tm, m, x, err)
	}
	if d, a, k, x, m, err := DueOf(DueKey(1, 2, 3, 4, 5)); d != 1 || a != 2 || k != 3 || x != 4 || m != 5 || err != nil {
		t.Error("due", d, a, k, x, m, err)
	}
	if a, d, p, err := TakenOf(TakenKey(1, 2, 3)); a != 1 || d != 2 || p != 3 || err != nil {
		t.Error("taken", a, d, p, err)
	}
	if a, x, u, e, err := MetadataOf(MetadataKey(1, 2, 3, "/e")); a != 1 || x != 2 || u != 3 || e != "/e" || err != nil {
		t.Error("metadata", a, x, u, e, err)
	}
	if c, d, q, err := QueueOrderOf(QueueOrderKey(1, 2, 3)); c != 1 || d != 2 || q != 3 || err != nil {
		t.Error("queue order", c, d, q, err)
	}
	for _, f := range []func([]byte) error{
		func(b []byte) error { _, _, _, err := QueueOrderOf(b); return err },
		func(b []byte) error { _, _, _, err := TakenOf(b); return err },
		func(b []byte) error { _, _, _, _, err := MetadataOf(b); return err },
		func(b []byte) error { _, _, _, err := PageOf(b); return err },
		func(b []byte) error { _, _, _, err := CountsOf(b); return err },
		func(b []byte) error { _, _, _, _, err := ReferenceOf(b); return err },
		func(b []byte) error { _, _, _, _, err := RemovedOf(b); return err },
		func(b []byte) error { _, _, _, _, _, err := DueOf(b); return err },
		func(b []byte) error { _, err := Tail64(b); return err },
		func(b []byte) error { _, err := Tail32(b); return err },
		func(b []byte) error { _, err := AccountOf(b); return err },
		func(b []byte) error { _, err := MailboxOf(b); return err },
	} {
		if f([]byte("xyz")) == nil {
			t.Error("a key that is too short passed")
		}
	}
}

func TestRecords(t *testing.T) {
	roundTrip(t, "account", Account{
		ModSeq: 1, Epoch: 2, CommitID: [16]byte{1, 2}, Tenant: 3, Seed: [6]byte{4}, Incarnation: 5, NextMessage: 6, NextMailbox: 7,
		UIDValidity: 8, Messages: 9, Used: 10, Limit: 11, Removed: 12, Horizon: 13, WrappedKey: []byte("key"),
		MaxMessages: 14, MaxMailboxes: 15, Annotated: 300, FullSince: 1 << 40, Warned: 95, Unknown: []byte{104, 1, 9},
	}, (*Account).Encode, DecodeAccount)
	roundTrip(t, "mailbox", Mailbox{
		Name: "Entwürfe", Parent: 1, Role: RoleDrafts, UIDValidity: 2, Created: 3, ModSeq: 4, NoSelect: true,
		ACL: []byte{1}, Retention: []byte{2}, Unknown: []byte{100, 1, 7},
	}, (*Mailbox).Encode, DecodeMailbox)
	roundTrip(t, "counters", Counters{
		UIDNext: 1, HighestModSeq: 2, Messages: 3, Unseen: 4, Deleted: 5, FirstUnseen: 6, RecentFloor: 7, Bytes: 8,
	}, (*Counters).Encode, DecodeCounters)
	roundTrip(t, "blob", Blob{State: BlobLive, Location: LocationHere, Chunks: 2, Size: 70000, Tenant: 3, Hash: [32]byte{1, 2, 3}},
		(*Blob).Encode, DecodeBlob)
	roundTrip(t, "removed", Removed{
		UID: 1, Flags: Seen | Flagged, Zone: -90, Keywords: []uint16{1, 300}, Role: RoleTrash, Path: "Trash/old", Internal: -5, Saved: 6,
		Until: 7, Size: 8, Blob: 9, Thread: 10, Device: 11, Protocol: 3, ModSeq: 12, Unknown: []byte{101, 2, 1, 2},
	}, (*Removed).Encode, DecodeRemoved)
	roundTrip(t, "change", Change{
		Time: 1, CommitID: [16]byte{9}, Device: 2, Protocol: 3, Unknown: []byte{102, 0},
		Items: []Item{
			{Class: ClassMessage, Kind: Moved, Mailbox: 1, From: 2, UIDs: []Range{{5, 9}, {11, 11}}, Old: []Range{{1, 6}}, Messages: []MessageID{3, 1, 1 << 48}},
			{Class: ClassMessage, Kind: Updated, Mailbox: 1, UIDs: []Range{{1, 1<<32 - 1}}, Added: Seen, Cleared: Draft},
			{Class: ClassMailbox, Kind: Created, Mailbox: 4, Name: "a/b"},
		},
	}, (*Change).Encode, DecodeChange)
	roundTrip(t, "change-2", Change{Items: []Item{
		{Class: ClassAccount, Kind: Updated}, {Class: ClassMetadata, Kind: Destroyed, Mailbox: 1, User: 2, Name: "/comment"},
	}}, (*Change).Encode, DecodeChange)
	roundTrip(t, "change-3", Change{Items: []Item{
		{Class: ClassMessage, Kind: Created, Mailbox: 1, Messages: []MessageID{5}, Queue: 1 << 63, Again: true},
		{Class: ClassMessage, Kind: Updated, Mailbox: 1, Messages: []MessageID{5}, Set: []uint16{1, 300}, Unset: []uint16{0}},
	}}, (*Change).Encode, DecodeChange)
	roundTrip(t, "annotation", Annotation{Value: []byte("a\x00b"), ModSeq: 300, Unknown: []byte{105, 1, 2}}, (*Annotation).Encode, DecodeAnnotation)
	roundTrip(t, "members", []Member{{1, 2}, {3, 4}}, func(m *[]Member) []byte { return EncodeMembers(*m) }, DecodeMembers)
	roundTrip(t, "page", Page{Present: 1<<3 | 1<<63, Entries: []Entry{
		{UID: 64 + 3, Flags: Seen | Deleted, Zone: 330, Keywords: 1 << 63, ModSeq: 1, Message: 2, Blob: 3, Size: 4, Internal: -1, Saved: 1 << 40, Thread: 5, More: []uint16{64, 999}},
		{UID: 64 + 63, ModSeq: 6, Message: 7},
	}}, (*Page).Encode, func(b []byte) (Page, error) {
		p, err := DecodePage(1, b)
		if p == nil {
			return Page{}, err
		}
		return *p, err
	})
	roundTrip(t, "cut", Cut{Changes: 1, Vanished: 1 << 40}, (*Cut).Encode, DecodeCut)
	roundTrip(t, "counts", []uint8{63, 64, 64, 64, 0, 1}, func(c *[]uint8) []byte { return EncodeCounts(*c) }, DecodeCounts)
	roundTrip(t, "device", Device{First: 1, Last: 2, Protocol: 4, Client: "fetchmail 6.4", Address: "192.0.2.1", TLS: "TLS 1.3", Logins: 5, POP: 3, Unknown: []byte{104, 1, 1}},
		(*Device).Encode, DecodeDevice)
	roundTrip(t, "taken", TakenPage{Present: 1 | 1<<63, Times: []int64{1, 1 << 40}}, (*TakenPage).Encode, DecodeTakenPage)
	roundTrip(t, "sizes", SizesPage{Present: 1 | 1<<63, Sizes: []Sized{{1, 2}, {1 << 40, 1<<63 | 3}}}, (*SizesPage).Encode, DecodeSizesPage)
	golden(t, "retention", Retention{Seconds: 86400, Flagged: true}.Encode())
	golden(t, "id", EncodeID(MessageID(1<<48|7)))
}

// TestOldRecords reads what earlier versions have written.
func TestOldRecords(t *testing.T) {
	text, err := os.ReadFile("testdata/account-1.hex")
	if err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(string(bytes.ReplaceAll(text, []byte("\n"), nil)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeAccount(b)
	want := Account{
		ModSeq: 1, Epoch: 2, CommitID: [16]byte{1, 2}, Tenant: 3, Seed: [6]byte{4}, Incarnation: 5, NextMessage: 6, NextMailbox: 7,
		UIDValidity: 8, Messages: 9, Used: 10, Limit: 11, Removed: 12, Horizon: 13, WrappedKey: []byte("key"),
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestMessageRecord(t *testing.T) {
	text := "From: =?utf-8?q?J=C3=B6?= <j@example.org>, list: a@b, c@d;\r\nTo: x@y\r\nSubject: s\r\nMessage-ID: <m@x>\r\nIn-Reply-To:\r\n" +
		"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Language: de, en\r\nContent-ID: <i>\r\n\r\nHello\r\n" +
		"--b\r\nContent-Type: message/rfc822\r\nContent-Disposition: attachment; filename=\"f.eml\"\r\nContent-Description: d\r\n\r\nSubject: inner\r\nContent-Location: l\r\n\r\nx\r\n--b--\r\n"
	p := mime.Parse([]byte(text))
	m := Message{
		Blob: 1, BlobSize: uint64(len(text)), Header: p.Header, Preview: p.Preview, Attachment: true, HeaderCut: true,
		Envelope: p.Envelope(), Structure: &p.Root, WrappedKey: []byte{1}, Source: []byte{2}, Unknown: []byte{103, 1, 1},
	}
	record := m.EncodeContent(MaxMessageRecord)
	golden(t, "message", record)
	got, err := DecodeMessage(AppendPrepend(record, []byte("Return-Path: <>\r\n")), WantAll)
	if err != nil {
		t.Fatal(err)
	}
	m.Prepend = []byte("Return-Path: <>\r\n")
	root := p.Root
	root.Envelope = nil // stands apart
	m.Structure = &root
	if !reflect.DeepEqual(got, m) {
		t.Errorf("got  %+v\nwant %+v", got, m)
	}
	if small := m.EncodeContent(len(m.Header) + 100); len(small) > len(m.Header)+150 {
		t.Errorf("a record with no room has %d octets", len(small))
	}
}

func FuzzRecords(f *testing.F) {
	for _, name := range []string{"account", "account-1", "mailbox", "counters", "blob", "removed", "change", "change-3", "sizes", "members", "page", "counts", "message", "device", "taken", "annotation", "queued"} {
		text, err := os.ReadFile(filepath.Join("testdata", name+".hex"))
		if err != nil {
			f.Fatal(err)
		}
		b, err := hex.DecodeString(string(bytes.ReplaceAll(text, []byte("\n"), nil)))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		// Whatever is on a broken disk: an error, never a panic, and what decodes
		// encodes to something that decodes to the same.
		if v, err := DecodeChange(b); err == nil {
			once := v.Encode()
			if again, err := DecodeChange(once); err != nil || !bytes.Equal(again.Encode(), once) {
				t.Errorf("change %+v came back as %+v, %v", v, again, err)
			}
		}
		if v, err := DecodePage(3, b); err == nil {
			if again, err := DecodePage(3, v.Encode()); err != nil || len(again.Entries) != len(v.Entries) {
				t.Errorf("page came back different: %v", err)
			}
		}
		_, _ = DecodeMessage(b, WantAll)
		_, _ = DecodeRemoved(b)
		_, _ = DecodeMailbox(b)
		_, _ = DecodeMembers(b)
		_, _ = DecodeAccount(b)
		_, _ = DecodeCounters(b)
		_, _ = DecodeCut(b)
		_, _ = DecodeBlob(b)
		_, _ = DecodeRanges(b)
		_, _ = DecodeDevice(b)
		_, _ = DecodeRetention(b)
		if v, err := DecodeTakenPage(b); err == nil && !bytes.Equal(v.Encode(), b) {
			t.Error("taken marks came back different")
		}
		_, _ = DecodeAnnotation(b)
		if v, err := DecodeSizesPage(b); err == nil && len(v.Sizes) > 0 {
			if again, err := DecodeSizesPage(v.Encode()); err != nil || !reflect.DeepEqual(again, v) {
				t.Error("sizes came back different")
			}
		}
		if c, err := DecodeChange(b); err == nil {
			for i := range c.Items {
				for _, msg := range c.Items[i].Messages {
					if found, err := ChangeMentions(b, msg); !found || err != nil {
						t.Errorf("message %d is not found: %v", msg, err)
					}
				}
			}
		}
	})
}

// TestMessageDecoderForgets: a decoder that has read other records before reads a record as a new one does.
func TestMessageDecoderForgets(t *testing.T) {
	var d MessageDecoder
	for i := range 40 {
		list := strings.Repeat("a@b, ", i%7)
		text := fmt.Sprintf("From: x@y\r\nTo: %sc@d\r\nSubject: %d\r\nContent-Type: text/plain; charset=utf-8; a=1; b=%d\r\n\r\nHi\r\n", list, i, i)
		if i%3 == 0 {
			text = "To: a@b\r\n\r\n"
		}
		p := mime.Parse([]byte(text))
		m := Message{Blob: 1, BlobSize: uint64(len(text)), Header: p.Header, Envelope: p.Envelope(), Structure: &p.Root}
		record := m.EncodeContent(MaxMessageRecord)
		got, err := d.Decode(record, WantAll)
		want, _ := DecodeMessage(record, WantAll)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("record %d: %v\ngot  %+v\nwant %+v", i, err, got, want)
		}
	}
}

func TestQueuedGolden(t *testing.T) {
	roundTrip(t, "queued", Queued{
		Blob: 10, BlobSize: 11, Prepend: []byte("Received: x\r\n"), Kind: 1, Account: 2, Device: 3, Mail: "FROM:<a@b>", MessageID: "m@b", Accepted: 4,
		Expires: 5, Warn: 6, Deadline: 7, Class: 2, Held: true, Note: "n", To: []QueuedTo{
			{Rcpt: "TO:<c@d>", State: 3, Attempts: 4, Next: 5, Last: 6, Host: "mx.d", Reply: "550 no", Source: "l@b", Unknown: keep(nil, 99, []byte("t"))}, {Rcpt: "TO:<e@f>"},
		}, Unknown: keep(nil, 98, []byte("u")),
	}, (*Queued).Encode, DecodeQueued)
}
