package mime

import "strings"

// BaseSubject extracts the base subject of a raw Subject value (RFC 5256 2.1),
// and whether something was removed that marks a reply or a forward. The case of
// letters is kept: threading compares under i;unicode-casemap.
func BaseSubject(subject string) (base string, reply bool) {
	s := strings.Join(strings.Fields(DecodeHeader(subject)), " ") // step 1
	for {
		s, reply = trimTrailers(s, reply) // step 2
		for leader := true; leader; {     // steps 3 and 5
			if s, leader = trimLeader(s); leader {
				reply = true
			}
		}
		// Step 4: no leader stands behind the blobs, so none appears when some go.
		for rest, ok := cutBlob(s); ok && rest != ""; rest, ok = cutBlob(s) {
			s = rest
		}
		if !hasFoldPrefix(s, "[fwd:") || !strings.HasSuffix(s, "]") { // step 6
			return s, reply
		}
		s, reply = s[len("[fwd:"):len(s)-1], true
	}
}

// trimTrailers removes subj-trailer = "(fwd)" / WSP from the end.
func trimTrailers(s string, reply bool) (string, bool) {
	for {
		s = strings.TrimRight(s, " ")
		const fwd = "(fwd)"
		if len(s) < len(fwd) || !strings.EqualFold(s[len(s)-len(fwd):], fwd) {
			return s, reply
		}
		s, reply = s[:len(s)-len(fwd)], true
	}
}

// trimLeader removes one subj-leader = (*subj-blob subj-refwd) / WSP, where
// subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":", and white space. It
// reports whether there was a subj-refwd.
func trimLeader(s string) (string, bool) {
	s = strings.TrimLeft(s, " ")
	rest := s
	for ok := true; ok; {
		rest, ok = cutBlob(rest)
	}
	switch {
	case hasFoldPrefix(rest, "re"):
		rest = rest[2:]
	case hasFoldPrefix(rest, "fwd"):
		rest = rest[3:]
	case hasFoldPrefix(rest, "fw"):
		rest = rest[2:]
	default:
		return s, false
	}
	rest, _ = cutBlob(strings.TrimLeft(rest, " "))
	if !strings.HasPrefix(rest, ":") {
		return s, false
	}
	return rest[1:], true
}

// cutBlob cuts subj-blob = "[" *BLOBCHAR "]" *WSP off the front.
func cutBlob(s string) (rest string, ok bool) {
	if !strings.HasPrefix(s, "[") {
		return s, false
	}
	i := strings.IndexAny(s[1:], "[]")
	if i < 0 || s[1+i] == '[' {
		return s, false
	}
	return strings.TrimLeft(s[i+2:], " "), true
}

func hasFoldPrefix(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
