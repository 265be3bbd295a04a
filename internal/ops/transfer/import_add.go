package transfer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"restante/internal/store"
)

// againError is an error of a source that will yield the message once more.
type againError struct{ err error }

func (e *againError) Error() string { return e.err.Error() }
func (e *againError) Unwrap() error { return e.err }

// again says whether a source will yield the message once more.
func again(err error) bool {
	var e *againError
	return errors.As(err, &e)
}

// atLast is an error of a message that is not asked for any more.
func atLast(err error) error {
	var e *againError
	if errors.As(err, &e) {
		return e.err
	}
	return err
}

// take makes a message ready, unless it was added before.
func (im *importer) take(ctx context.Context, it *item) (err error) {
	var source store.SourceID
	had := it.had
	if !it.live {
		if source, err = im.source(it); err != nil {
			im.weights += it.weight
			return &itemError{it.where, err}
		}
		if had, err = im.a.Imported(ctx, source); err != nil {
			return err
		}
	}
	if had || im.o.DryRun {
		im.weights += it.weight
		im.before++
		return im.look(it, had)
	}
	octets := sha256.New()
	body, err := im.body(ctx, it, octets)
	if again(err) {
		return err
	}
	im.weights += it.weight
	if err != nil {
		return err
	}
	if it.live { // what it is may be known only now
		source = liveSource(it.name)
	}
	if it.octets {
		source = im.nth(liveSource(fmt.Sprintf("%s\x00%x", it.name, octets.Sum(nil))))
		if had, err = im.a.Imported(ctx, source); err != nil || had {
			im.before++
			im.at.Before++
			return err
		}
	}
	o := store.AddOptions{Flags: it.flags, Internal: it.internal, Source: source, UID: im.uids.uid(it)}
	for _, k := range it.keywords {
		if store.GoodKeyword(k) {
			o.Keywords = append(o.Keywords, k)
		}
	}
	if it.uidl != "" && im.o.UIDL != "-" {
		o.UIDL = it.uidl
	}
	im.batch = append(im.batch, waiting{where: it.where, body: body, opts: o})
	im.held += int(body.Size()) + body.Weight()
	return nil
}

// look counts a message that is not added: it was before, or this is a dry run.
func (im *importer) look(it *item, had bool) error {
	if had {
		im.at.Before++
		return nil
	}
	size := it.size
	if size == 0 && it.open != nil {
		r, err := it.open()
		if err != nil {
			return &itemError{it.where, err}
		}
		defer r.Close()
		n, err := io.Copy(io.Discard, r)
		if err != nil {
			return &itemError{it.where, err}
		}
		size = uint64(n)
	}
	im.at.Messages++
	im.at.Octets += size
	return nil
}

// had says whether a message of a server was added before.
func (im *importer) had(ctx context.Context, name string) (bool, error) {
	return im.a.Imported(ctx, liveSource(name))
}

// liveSource is what a message of a server is known by. The mailbox that it went into is not part of it, for a server's name of a message has
// its folder: when the mailbox is called otherwise later, the message is still the same.
func liveSource(name string) (id store.SourceID) {
	h := sha256.Sum256([]byte(name))
	copy(id[:], h[:])
	return id
}

// source is what a message is known by.
func (im *importer) source(it *item) (id store.SourceID, err error) {
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%s\x00", im.path, it.name)
	if it.name == "" {
		r, err := it.open()
		if err != nil {
			return id, err
		}
		defer r.Close()
		if _, err := io.Copy(h, r); err != nil {
			return id, err
		}
		copy(id[:], h.Sum(nil))
		return im.nth(id), nil
	}
	copy(id[:], h.Sum(nil))
	return id, nil
}

// nth tells messages with the same octets from each other.
func (im *importer) nth(octets store.SourceID) (id store.SourceID) {
	n := im.same[octets]
	im.same[octets] = n + 1
	sum := sha256.Sum256(fmt.Appendf(octets[:], "\x00%d", n))
	copy(id[:], sum[:])
	return id
}

// errEmpty is said of a message without an octet.
var errEmpty = errors.New("the message is empty")

func (im *importer) body(ctx context.Context, it *item, octets io.Writer) (*store.Body, error) {
	r, err := it.open()
	if err != nil {
		return nil, &itemError{it.where, err}
	}
	var in io.Reader = r
	if it.octets {
		in = io.TeeReader(r, octets)
	}
	body, err := im.read(ctx, it, in)
	if cerr := r.Close(); err == nil && cerr != nil {
		err = &itemError{it.where, cerr}
	}
	var bad *itemError
	if errors.As(err, &bad) {
		bad.where = it.where // which may be known only now
	}
	return body, err
}

func (im *importer) read(ctx context.Context, it *item, r io.Reader) (*store.Body, error) {
	w, err := im.o.Store.NewBody(ctx, store.BodyOptions{})
	if err != nil {
		return nil, err
	}
	if im.buf == nil {
		im.buf = make([]byte, 32<<10)
	}
	for {
		n, err := r.Read(im.buf)
		if _, werr := w.Write(im.buf[:n]); errors.Is(werr, store.ErrTooBig) {
			return nil, &itemError{it.where, werr}
		} else if werr != nil {
			return nil, werr
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, &itemError{it.where, err}
		}
	}
	if w.Size() == 0 {
		return nil, &itemError{it.where, errEmpty}
	}
	return w.Finish(ctx)
}

// flush adds what waits, in one transaction.
func (im *importer) flush(ctx context.Context) error {
	var done Counts
	var uids keeper
	if len(im.batch) > 0 {
		_, err := im.a.Update(ctx, origin(), func(tx *store.Tx) error {
			done, uids = Counts{}, im.uids
			if err := uids.begin(tx, im.box); err != nil {
				return err
			}
			for i := range im.batch {
				if err := im.batch[i].add(tx, im.box, &done, &uids); err != nil {
					return fmt.Errorf("%s: %w", im.batch[i].where, err)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if uids.renewed && !im.uids.renewed {
			if err := im.note("%s: messages get new UIDs, and IMAP programs load this mailbox again: mail came here too since it was brought in", im.path); err != nil {
				return err
			}
		}
		im.uids = uids
	}
	im.at.Messages += done.Messages
	im.at.Octets += done.Octets
	im.at.Before += done.Before
	im.at.NoUIDL += done.NoUIDL
	im.at.Done = min(im.at.Done+im.weights, max(im.at.Total, im.at.Done))
	im.batch, im.held, im.weights, im.before = im.batch[:0], 0, 0, 0
	return im.tell(nil)
}

// add adds one message, without what the store does not take of its decoration.
func (w *waiting) add(tx *store.Tx, box store.MailboxID, done *Counts, uids *keeper) error {
	o := w.opts
	if !uids.on {
		o.UID = 0
	} else if o.UID == 0 { // the source has not given it one yet
		if err := uids.fresh(tx, box); err != nil {
			return err
		}
	}
	for {
		added, err := tx.AddMessage(box, w.body, o)
		switch {
		case err == nil && added.Duplicate:
			done.Before++
		case err == nil:
			done.Messages++
			done.Octets += added.Size
			uids.given(added.UID)
		case o.UID != 0 && (errors.Is(err, store.ErrUIDsUsed) || errors.Is(err, store.ErrLimit)):
			if err := uids.late(tx, box, o.UID); err != nil {
				return err
			}
			o.UID = 0
			continue
		case (errors.Is(err, store.ErrUIDLTaken) || errors.Is(err, store.ErrBadUIDL)) && o.UIDL != "":
			done.NoUIDL++
			o.UIDL = ""
			continue
		case errors.Is(err, store.ErrLimit) && len(o.Keywords) > 0: // the account has too many keywords
			o.Keywords = nil
			continue
		}
		return err
	}
}

// openFile is an item's open.
func openFile(path string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return os.Open(path) }
}
