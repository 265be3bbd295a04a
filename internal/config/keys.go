package config

import (
	"reflect"
	"slices"
	"strings"
)

// keys are all keys that there are, dotted, and their tables.
func keys() []string {
	var list []string
	eachKey(reflect.TypeFor[Config](), "", func(key string, _ reflect.StructField, _ []int) {
		if table, _, ok := strings.Cut(key, "."); ok && !slices.Contains(list, table) {
			list = append(list, table)
		}
		list = append(list, key)
	})
	return list
}

// eachKey calls fn for the keys of a struct and of the structs in it. index is
// the field's, for reflect.Value.FieldByIndex, except in lists of structs.
func eachKey(t reflect.Type, prefix string, fn func(key string, f reflect.StructField, index []int)) {
	walkKeys(t, prefix, nil, fn)
}

func walkKeys(t reflect.Type, prefix string, index []int, fn func(string, reflect.StructField, []int)) {
	for i := range t.NumField() {
		f := t.Field(i)
		key := prefix + f.Tag.Get("toml")
		at := append(slices.Clone(index), i)
		switch {
		case f.Type.Kind() == reflect.Struct:
			walkKeys(f.Type, key+".", at, fn)
		case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
			walkKeys(f.Type.Elem(), key+".", nil, fn)
		default:
			fn(key, f, at)
		}
	}
}

// NeedsRestart are the keys whose values differ between a running and a new
// configuration and which a reload does not change.
func NeedsRestart(running, next *Config) []string {
	var list []string
	a, b := reflect.ValueOf(running).Elem(), reflect.ValueOf(next).Elem()
	eachKey(a.Type(), "", func(key string, f reflect.StructField, index []int) {
		if f.Tag.Get("restart") != "" && !reflect.DeepEqual(a.FieldByIndex(index).Interface(), b.FieldByIndex(index).Interface()) {
			list = append(list, key)
		}
	})
	return list
}

// lineOf finds the line of a dotted key in a TOML file: where the key is set, or
// else where its table begins; 0 when neither is there. It knows what people
// write in such files, not all that TOML allows.
func lineOf(src, key string) int {
	table, name := "", key
	if i := strings.LastIndex(key, "."); i >= 0 {
		table, name = key[:i], key[i+1:]
	}
	current, header := "", 0
	n := 0
	for line := range strings.SplitSeq(src, "\n") {
		n++
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			current = strings.Trim(strings.TrimSpace(strings.SplitN(line, "#", 2)[0]), "[] ")
			if current == table || current == key {
				header = n
			}
			continue
		}
		left, _, ok := strings.Cut(line, "=")
		left = strings.ReplaceAll(strings.Trim(strings.TrimSpace(left), `"'`), " ", "")
		if ok && (current == table && left == name || current == "" && left == key) {
			return n
		}
	}
	return header
}

// nearest is the one of list that word was probably meant to be, or "".
func nearest(word string, list []string) string {
	if len(word) > 64 {
		return ""
	}
	best, least := "", len(word)/3+1
	for _, w := range list {
		if d := distance(word, w); d <= least && (best == "" || d < least) {
			best, least = w, d
		}
	}
	return best
}

// distance is how many letters must be added, taken away or changed.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
