package imapd

import (
	"time"

	"restante/internal/proto/imapwire"
)

// progressEvery is how often a client hears of a command that takes long (RFC 9585 3: every 10 to 15 seconds).
const progressEvery = 10 * time.Second

// progress tells the client, now and then, that so much of the command at hand is done, and so much there is to do (0: not known). A command
// calls it every some hundred messages, between responses; it costs next to nothing when there is nothing to tell.
func (s *session) progress(done, goal int) {
	now := time.Now()
	switch {
	case s.lastProgress.IsZero():
		s.lastProgress = now
		return
	case now.Sub(s.lastProgress) < progressEvery, goal > 0 && done >= goal: // RFC 9585 4: less than the goal
		return
	}
	s.lastProgress = now
	s.out().Status("", imapwire.OK, imapwire.CodeInProgress(s.tag, uint32(done), uint32(goal)), "still working")
	_ = s.out().Flush() // the encoder keeps the error
}
