// Command restante is a mail server, and the verbs that manage it.
package main

import (
	"os"
	"runtime/debug"

	"restante/internal/cli"
)

// version is set by the linker (-X main.version=...).
var version = ""

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, versionOrRevision()))
}

// versionOrRevision falls back on what the toolchain knows of the sources.
func versionOrRevision() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(len(s.Value), 12)]
		}
	}
	return "devel"
}
