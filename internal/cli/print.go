package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strings"
	"text/tabwriter"
	"time"
)

// print writes to standard output. That nobody reads it is no error of the verb.
func (con *console) print(format string, args ...any) {
	fmt.Fprintf(con.out, format, args...)
}

// done says that something was done: a line, or an empty JSON object.
func (con *console) done(asJSON bool, format string, args ...any) error {
	if asJSON {
		return con.json(struct{}{})
	}
	con.print(format+"\n", args...)
	return nil
}

// json writes one value.
func (con *console) json(v any) error {
	enc := json.NewEncoder(con.out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// list writes a table, or a JSON array, of what list yields.
func list[T any](con *console, asJSON bool, items iter.Seq2[T, error], header string, row func(T) []string) error {
	if asJSON {
		return listJSON(con.out, items)
	}
	t := con.table(strings.Fields(header)...)
	n := 0
	for v, err := range items {
		if err != nil {
			return err
		}
		t.row(row(v)...)
		n++
	}
	if n == 0 {
		con.print("none\n")
		return nil
	}
	return t.w.Flush()
}

// listJSON writes an array while it comes.
func listJSON[T any](w io.Writer, items iter.Seq2[T, error]) error {
	before := "["
	for v, err := range items {
		if err != nil {
			return err
		}
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "%s\n  %s", before, b); err != nil {
			return err
		}
		before = ","
	}
	if before == "[" {
		_, err := io.WriteString(w, "[]\n")
		return err
	}
	_, err := io.WriteString(w, "\n]\n")
	return err
}

// table writes columns.
type table struct{ w *tabwriter.Writer }

func (con *console) table(header ...string) table {
	t := table{tabwriter.NewWriter(con.out, 0, 8, 3, ' ', 0)}
	if len(header) > 0 {
		t.row(header...)
	}
	return t
}

func (t table) row(cells ...string) {
	fmt.Fprintln(t.w, strings.Join(cells, "\t"))
}

// octets writes a size as people read it.
func octets(n uint64) string {
	for _, u := range []struct {
		name string
		size uint64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= u.size {
			return fmt.Sprintf("%.1f %s", float64(n)/float64(u.size), u.name)
		}
	}
	return fmt.Sprintf("%d B", n)
}

func date(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04")
}
