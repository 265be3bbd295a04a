package imapd

import (
	"context"
	"strings"

	"restante/internal/proto/imapwire"
)

// languageDefault is English in ASCII, which a session begins with (RFC 5255 3.1).
const languageDefault = "i-default"

// languages are all that there are, by their tags; English has no translation.
func languages() map[string]map[string]string {
	return map[string]map[string]string{languageDefault: nil, "en": nil, "de": german()}
}

// LANGUAGE: RFC 5255 3.2.
//
//	language-cmd = "LANGUAGE" *(SP lang-range-quoted)
//
// Namespaces have no names that differ by language, so no NAMESPACE response goes with it.
func cmdLanguage(s *session, _ context.Context, c *imapwire.Language) (done, error) {
	if len(c.Ranges) == 0 {
		s.out().Language([]string{languageDefault, "en", "de"})
		return done{}, nil
	}
	for _, r := range c.Ranges {
		tag, ok := s.srv.language(r)
		if !ok {
			continue
		}
		s.out().Language([]string{tag})
		s.texts = s.srv.languages[tag]
		s.out().SetTranslation(s.translation())
		return done{}, nil
	}
	return done{}, no(imapwire.CodeCannot, "this language is not spoken here")
}

// language finds the language of a range by looking it up (RFC 4647 3.4): "de-AT" is "de" where there is nothing closer.
func (srv *Server) language(r string) (string, bool) {
	r = strings.ToLower(r)
	if r == "default" || r == "*" {
		return languageDefault, true
	}
	for r != "" {
		if _, ok := srv.languages[r]; ok {
			return r, true
		}
		i := strings.LastIndexByte(r, '-')
		if i < 0 {
			return "", false
		}
		if r = r[:i]; len(r) > 1 && r[len(r)-2] == '-' { // a subtag of one letter goes with the next one
			r = r[:len(r)-2]
		}
	}
	return "", false
}

// translation translates texts for clients; nil is English.
func (s *session) translation() func(string) string {
	texts := s.texts
	if texts == nil {
		return nil
	}
	return func(text string) string {
		if t, ok := texts[text]; ok {
			return t
		}
		if name, ok := strings.CutSuffix(text, completed); ok {
			return name + texts[completed]
		}
		return text
	}
}

// completed ends the text of most commands' OK.
const completed = " completed"
