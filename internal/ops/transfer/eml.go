package transfer

import (
	"bufio"
	"context"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"restante/internal/store"
)

// emlFolders finds the folders of a tree of message files.
func emlFolders(o *Options) ([]folder, error) {
	byDir := make(map[string]*emlFolder)
	var dirs []string
	err := filepath.WalkDir(o.Path, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return unreadable(o, p, err)
		}
		if d.IsDir() || !isEML(p) {
			return nil
		}
		dir := filepath.Dir(p)
		e := byDir[dir]
		if e == nil {
			e = &emlFolder{dir: dir, reverse: o.NewestFirst}
			byDir[dir], dirs = e, append(dirs, dir)
		}
		e.files = append(e.files, d.Name())
		return nil
	})
	if err != nil {
		return nil, err
	}
	root := o.Path
	if fi, err := os.Stat(root); err == nil && !fi.IsDir() {
		root = filepath.Dir(root)
	}
	var list []folder
	for _, dir := range dirs {
		rel, err := filepath.Rel(root, dir)
		if err != nil {
			return nil, err
		}
		e := byDir[dir]
		list = append(list, folder{path: plainPath(rel), total: uint64(len(e.files)), items: e.items})
	}
	inboxFirst(list)
	return list, nil
}

// plainPath is the path of a folder in a tree of folders.
func plainPath(rel string) string {
	if rel == "." || strings.EqualFold(rel, inbox) {
		return inbox
	}
	return unescapePath(filepath.ToSlash(rel))
}

// unescapePath is unescape for each name of a path.
func unescapePath(path string) string {
	names := strings.Split(path, "/")
	for i, name := range names {
		names[i] = strings.ReplaceAll(unescape(name), "/", "_")
	}
	return strings.Join(names, "/")
}

// emlFolder is a folder with message files.
type emlFolder struct {
	dir     string
	files   []string
	reverse bool
}

// items yields the messages by the names of their files.
func (e *emlFolder) items(context.Context) iter.Seq2[*item, error] {
	return func(yield func(*item, error) bool) {
		slices.Sort(e.files)
		if e.reverse {
			slices.Reverse(e.files)
		}
		index, err := readIndex(filepath.Join(e.dir, indexName))
		if err != nil && !yield(nil, &itemError{filepath.Join(e.dir, indexName), err}) {
			return
		}
		for _, name := range e.files {
			path := filepath.Join(e.dir, name)
			fi, err := os.Stat(path)
			if err != nil {
				if !yield(nil, &itemError{path, err}) {
					return
				}
				continue
			}
			it := &item{where: path, weight: 1, size: uint64(fi.Size()), internal: fi.ModTime(), open: openFile(path)}
			if d, ok := index[name]; ok {
				it.flags, it.keywords, it.internal, it.uidl = d.flags, d.keywords, d.internal, d.uidl
			}
			if !yield(it, nil) {
				return
			}
		}
	}
}

// indexName is the file in a folder of message files that says what is not in them. Export writes it.
const indexName = "restante-index"

// described is a line of the index.
//
//	line = file TAB date TAB flags TAB uidl LF    ; date: RFC 3339; flags: IMAP's, with SP between
type described struct {
	flags    store.Flags
	keywords []string
	internal time.Time
	uidl     string
}

func readIndex(path string) (map[string]described, error) {
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out := make(map[string]described)
	s := bufio.NewScanner(f)
	s.Buffer(make([]byte, 0, 4096), maxListLine)
	for s.Scan() {
		cells := strings.Split(s.Text(), "\t")
		if len(cells) != 4 {
			continue
		}
		var d described
		if d.internal, err = time.Parse(time.RFC3339Nano, cells[1]); err != nil {
			continue
		}
		d.flags, d.keywords = parseFlags(cells[2])
		d.uidl = cells[3]
		out[cells[0]] = d
	}
	return out, s.Err()
}

// systemFlags are the flags of RFC 9051 2.3.2 by name.
func systemFlags() map[string]store.Flags {
	return map[string]store.Flags{
		`\Seen`: store.Seen, `\Answered`: store.Answered, `\Flagged`: store.Flagged, `\Deleted`: store.Deleted, `\Draft`: store.Draft,
	}
}

func parseFlags(s string) (flags store.Flags, keywords []string) {
	system := systemFlags()
	for w := range strings.FieldsSeq(s) {
		if f, ok := system[w]; ok {
			flags |= f
		} else {
			keywords = append(keywords, w)
		}
	}
	return flags, keywords
}
