package cli

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestDocumentedCommands: every command line of restante's that the documentation shows is one that the program takes.
func TestDocumentedCommands(t *testing.T) {
	root := filepath.Join("..", "..")
	files := []string{filepath.Join(root, "README.md")}
	err := filepath.WalkDir(filepath.Join(root, "docs"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && filepath.Ext(path) == ".md" {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range documented(string(text)) {
			n++
			err := parses(line.args)
			if line.mention && err != nil && strings.HasPrefix(err.Error(), "expected ") {
				continue // the verb alone is meant
			}
			if err != nil {
				t.Errorf("%s:%d: %q: %v", file, line.n, line.args, err)
			}
		}
	}
	if n < 20 {
		t.Errorf("only %d command lines were found", n)
	}
}

// TestHelpedCommands does the same for what the help texts show.
func TestHelpedCommands(t *testing.T) {
	parser, err := kong.New(new(grammar), kong.Name("restante"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	err = kong.Visit(parser.Model, func(node kong.Visitable, next kong.Next) error {
		if c, ok := node.(*kong.Node); ok {
			for _, line := range shown(c.Detail) {
				n++
				if err := parses(line.args); err != nil {
					t.Errorf("help of %s: %q: %v", c.Name, line.args, err)
				}
			}
		}
		return next(nil)
	})
	if err != nil || n < 20 {
		t.Errorf("%d command lines, %v", n, err)
	}
}

// parses says why the command line would be refused. Nothing is run.
func parses(args []string) error {
	parser, err := kong.New(new(grammar), kong.Name("restante"), kong.Writers(io.Discard, io.Discard), kong.Exit(func(int) {}))
	if err != nil {
		return err
	}
	_, err = parser.Parse(args)
	return err
}

// commandLine is one that a text shows.
type commandLine struct {
	n       int // of the line, from 1
	args    []string
	mention bool // within a sentence, where it may leave out what it is about
}

// documented finds the command lines in the code of a Markdown text: those of blocks, fenced or indented, and those within sentences.
func documented(text string) (list []commandLine) {
	inline := regexp.MustCompile("`(restante [^`]*)`")
	var block strings.Builder // the text, with empty lines in the place of what is no code
	in := false
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			in, line = !in, ""
		}
		if !in && !strings.HasPrefix(line, "    ") {
			for _, code := range inline.FindAllStringSubmatch(line, -1) {
				if args, ok := words(code[1]); ok {
					list = append(list, commandLine{i + 1, args, true})
				}
			}
			line = ""
		}
		block.WriteString(line + "\n")
	}
	return append(list, shown(block.String())...)
}

// shown finds lines that begin with the program's name, after a prompt, sudo or settings of variables perhaps; a line that ends with a backslash goes on.
func shown(text string) (list []commandLine) {
	start := regexp.MustCompile(`^\s*(?:[$#] )?(?:sudo (?:-u \S+ )?)?(?:[A-Z_]+=\S+ )*(?:\S*/)?restante(?: |$)`)
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		n, line := i+1, lines[i]
		for strings.HasSuffix(line, `\`) && i+1 < len(lines) {
			i++
			line = strings.TrimSuffix(line, `\`) + " " + lines[i]
		}
		if at := start.FindString(line); at != "" {
			if args, ok := words("restante " + line[len(at):]); ok {
				list = append(list, commandLine{n, args, false})
			}
		}
	}
	return list
}

// words are the arguments of a command line, as a shell would part them: to a comment, a pipe or a redirection. Lines that leave something
// out ("...") are no command lines.
func words(line string) (args []string, ok bool) {
	if strings.Contains(line, "...") || strings.Contains(line, "…") {
		return nil, false
	}
	var word strings.Builder
	quote, begun := rune(0), false
	end := func() {
		if begun {
			args = append(args, word.String())
		}
		word.Reset()
		begun = false
	}
scan:
	for _, c := range line {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(c)
		case c == '"' || c == '\'':
			quote, begun = c, true
		case c == ' ' || c == '\t':
			end()
		case c == '#' && !begun, c == '|', c == '<', c == '>', c == ';', c == '&':
			break scan
		default:
			word.WriteRune(c)
			begun = true
		}
	}
	end()
	return args[1:], quote == 0 && len(args) > 1
}
