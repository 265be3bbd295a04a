package keys

// Queued is the row q: a message on its way to other hosts. Its body is shared like that of any other message.
type Queued struct {
	Blob      BlobID
	BlobSize  uint64
	Prepend   []byte // fields that stand before the body, CRLF line ends
	Kind      uint8
	Account   AccountID // whose message it is; 0: the server's own
	Device    DeviceID
	Mail      string // the argument of MAIL that it came with, or is sent with
	MessageID string
	Accepted  int64 // when it came, milliseconds; so are all times here
	Expires   int64 // then the recipients that are left have failed
	Warn      int64 // then the sender is told that it takes time; 0: no more
	Deadline  int64 // DELIVERBY; 0: none
	Class     uint8
	Held      bool
	Note      string // why it is held, for people
	To        []QueuedTo
	Unknown   []byte
}

// QueuedTo is a recipient within the row q.
type QueuedTo struct {
	Rcpt     string // the argument of RCPT
	State    uint8
	Attempts uint32
	Next     int64 // of waiting ones, milliseconds
	Last     int64 // last attempt; 0: none yet
	Host     string
	Reply    string // what was answered or went wrong in the last attempt
	Source   string // the address that this one was made of, where that is another
	Unknown  []byte
}

const queuedVersion = 1

const (
	queuedBlob = iota + 1
	queuedBlobSize
	queuedPrepend
	queuedKind
	queuedAccount
	queuedDevice
	queuedMail
	queuedMessageID
	queuedAccepted
	queuedExpires
	queuedWarn
	queuedDeadline
	queuedClass
	queuedHeld
	queuedNote
	queuedTo
)

const (
	queuedToRcpt = iota + 1
	queuedToState
	queuedToAttempts
	queuedToNext
	queuedToLast
	queuedToHost
	queuedToReply
	queuedToSource
)

// QueueKey is the key of a message in the queue.
func QueueKey(id QueueID) []byte { return be64(start(TableQueue, 8), id) }

// QueueOrderKey is the key that says when a message in the queue is to be tried; due is in milliseconds.
func QueueOrderKey(class uint8, due uint64, id QueueID) []byte {
	return be64(be64(append(start(TableQueueOrder, 17), class), due), id)
}

// QueueOrderOf splits the key.
func QueueOrderOf(key []byte) (class uint8, due uint64, id QueueID, err error) {
	if len(key) != 18 || Table(key[0]) != TableQueueOrder {
		return 0, 0, 0, ErrCorrupt
	}
	r := fixed{key[2:]}
	return key[1], r.u64(), QueueID(r.u64()), nil
}

// Encode writes the row.
func (q *Queued) Encode() []byte {
	w := newFields(queuedVersion, 128+len(q.Prepend)+len(q.Mail)+128*len(q.To))
	w.uint(queuedBlob, uint64(q.Blob))
	w.uint(queuedBlobSize, q.BlobSize)
	w.bytes(queuedPrepend, q.Prepend)
	w.uint(queuedKind, uint64(q.Kind))
	w.uint(queuedAccount, uint64(q.Account))
	w.uint(queuedDevice, uint64(q.Device))
	w.string(queuedMail, q.Mail)
	w.string(queuedMessageID, q.MessageID)
	w.int(queuedAccepted, q.Accepted)
	w.int(queuedExpires, q.Expires)
	w.int(queuedWarn, q.Warn)
	w.int(queuedDeadline, q.Deadline)
	w.uint(queuedClass, uint64(q.Class))
	w.bool(queuedHeld, q.Held)
	w.string(queuedNote, q.Note)
	for i := range q.To {
		w.bytes(queuedTo, q.To[i].encode())
	}
	return append(w.b, q.Unknown...)
}

func (t *QueuedTo) encode() []byte {
	w := newFields(queuedVersion, 32+len(t.Rcpt)+len(t.Host)+len(t.Reply))
	w.string(queuedToRcpt, t.Rcpt)
	w.uint(queuedToState, uint64(t.State))
	w.uint(queuedToAttempts, uint64(t.Attempts))
	w.int(queuedToNext, t.Next)
	w.int(queuedToLast, t.Last)
	w.string(queuedToHost, t.Host)
	w.string(queuedToReply, t.Reply)
	w.string(queuedToSource, t.Source)
	return append(w.b, t.Unknown...)
}

// DecodeQueued reads the row. Byte slices share b's memory.
func DecodeQueued(b []byte) (Queued, error) {
	var q Queued
	r := readFields(queuedVersion, b)
	for {
		tag, v, ok := r.next()
		if !ok {
			return q, r.err
		}
		switch tag {
		case queuedBlob:
			q.Blob = BlobID(r.uint(v))
		case queuedBlobSize:
			q.BlobSize = r.uint(v)
		case queuedPrepend:
			q.Prepend = v
		case queuedKind:
			q.Kind = uint8(r.uint(v))
		case queuedAccount:
			q.Account = AccountID(r.uint(v))
		case queuedDevice:
			q.Device = DeviceID(r.uint(v))
		case queuedMail:
			q.Mail = string(v)
		case queuedMessageID:
			q.MessageID = string(v)
		case queuedAccepted:
			q.Accepted = r.int(v)
		case queuedExpires:
			q.Expires = r.int(v)
		case queuedWarn:
			q.Warn = r.int(v)
		case queuedDeadline:
			q.Deadline = r.int(v)
		case queuedClass:
			q.Class = uint8(r.uint(v))
		case queuedHeld:
			q.Held = r.uint(v) != 0
		case queuedNote:
			q.Note = string(v)
		case queuedTo:
			q.To = append(q.To, decodeQueuedTo(v, r))
		default:
			q.Unknown = keep(q.Unknown, tag, v)
		}
	}
}

func decodeQueuedTo(b []byte, outer *fieldReader) (t QueuedTo) {
	r := readFields(queuedVersion, b)
	for {
		tag, v, ok := r.next()
		if !ok {
			if r.err != nil {
				outer.err = r.err
			}
			return t
		}
		switch tag {
		case queuedToRcpt:
			t.Rcpt = string(v)
		case queuedToState:
			t.State = uint8(r.uint(v))
		case queuedToAttempts:
			t.Attempts = uint32(r.uint(v))
		case queuedToNext:
			t.Next = r.int(v)
		case queuedToLast:
			t.Last = r.int(v)
		case queuedToHost:
			t.Host = string(v)
		case queuedToReply:
			t.Reply = string(v)
		case queuedToSource:
			t.Source = string(v)
		default:
			t.Unknown = keep(t.Unknown, tag, v)
		}
	}
}
