package mime

import "io"

// TextReader returns the text of a leaf as UTF-8: its body, read from r, with the
// transfer encoding undone and the charset decoded. Only the part's Type, Params
// and Encoding count. For a part that is no text, or was told no charset, bytes
// that form UTF-8 are taken as such and others as windows-1252, unless HTML names
// its charset itself. Markup stays; see
// [HTMLText]. It ends with r's error and fails in no other way.
func TextReader(part *Part, r io.Reader) io.Reader {
	d := textStage(part)
	stages := []stage{d}
	if t := transferStage(part.Encoding); t != nil {
		stages = []stage{t, d}
	}
	return &stageReader{r: r, stages: stages}
}
