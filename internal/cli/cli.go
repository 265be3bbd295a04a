package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// Exit codes; see the package comment.
const (
	exitFailed = 1
	exitUsage  = 2
	exitDiffer = 3
)

const description = `Restante keeps mail until it is called for: SMTP and LMTP in, POP3 and IMAP out, on one store.

  Try it:    restante demo --sample
  Run it:    restante serve --config /etc/restante/restante.toml
  Manage it: restante account add anna@example.org

Exit codes: 0 done, 1 failed, 2 wrong command line, 3 verify found differences.`

// grammar is the command line.
type grammar struct {
	Serve      serveCmd      `cmd:"" help:"Run the server in the foreground."`
	Demo       demoCmd       `cmd:"" help:"Run a server to try, with accounts and nothing to set up."`
	Quickstart quickstartCmd `cmd:"" help:"Set a server up: configuration, domain, account, DNS records, systemd unit."`
	Domain     domainCmd     `cmd:"" help:"The domains that mail is taken for."`
	DNS        dnsCmd        `cmd:"" name:"dns" help:"What domains have to have in the DNS, and whether they have it."`
	DKIM       dkimCmd       `cmd:"" name:"dkim" help:"The keys that mail is signed with, and their life."`
	TLS        tlsCmd        `cmd:"" name:"tls" help:"Certificates: for which names, from where, until when."`
	Account    accountCmd    `cmd:"" help:"The accounts that mail is kept for."`
	Mailbox    mailboxCmd    `cmd:"" help:"An account's mailboxes, and how long messages stay in them."`
	Device     deviceCmd     `cmd:"" help:"The devices of an account: passwords of their own, and rules for POP3."`
	Removed    removedCmd    `cmd:"" help:"What was removed lately, and how to put it back."`
	Storage    storageCmd    `cmd:"" help:"What takes an account's room, and what helps to make some."`
	History    historyCmd    `cmd:"" help:"What happened to a message, and what will become of it."`
	Trace      traceCmd      `cmd:"" help:"What has become of a message: who brought it, what was found out, where it went."`
	Import     importCmd     `cmd:"" help:"Bring mail in: Maildir, mbox, folders of .eml files."`
	Export     exportCmd     `cmd:"" help:"Write an account's mail out: Maildir, mbox, folders of .eml files."`
	Queue      queueCmd      `cmd:"" help:"Mail that waits to be sent: why, and what to do about it."`
	Reports    reportsCmd    `cmd:"" help:"What other mail servers report: mail in your name, and TLS that failed."`
	Alias      aliasCmd      `cmd:"" help:"Addresses that stand for other addresses."`
	Backup     backupCmd     `cmd:"" help:"Copies of all mail, and how they are."`
	Restore    restoreCmd    `cmd:"" help:"Bring back what a backup has: a whole server, or what an account has lost."`
	Status     statusCmd     `cmd:"" help:"What the running server serves, and where."`
	Reload     reloadCmd     `cmd:"" help:"Make the running server read its configuration and certificates again."`
	Verify     verifyCmd     `cmd:"" help:"Recompute everything the store says about itself, and tell what differs."`
	Reindex    reindexCmd    `cmd:"" help:"Make the text index of an account anew."`
	Version    versionCmd    `cmd:"" help:"Show the version."`
}

// console is where a verb reads and writes.
type console struct {
	in       *os.File
	out, err io.Writer
	version  string
}

// failure is an error with an exit code of its own. With no text it is silent.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string {
	if f.err == nil {
		return ""
	}
	return f.err.Error()
}

func (f *failure) Unwrap() error { return f.err }

// Main runs the command line and returns the exit code. SIGINT and SIGTERM end a
// verb in good order; the second one ends it at once.
func Main(args []string, in *os.File, out, err io.Writer, version string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	con := &console{in: in, out: out, err: err, version: version}
	code := run(ctx, con, args)
	return code
}

func run(ctx context.Context, con *console, args []string) int {
	var g grammar
	parser, err := kong.New(&g,
		kong.Name("restante"), kong.Description(description), kong.Writers(con.out, con.err),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 100}),
		kong.Bind(con), kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err != nil {
		panic("cli: " + err.Error()) // the grammar is wrong, not the command line
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	verb, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(con.err, "restante: %v\nTry: restante %s--help\n", err, verbOf(err))
		return exitUsage
	}
	return con.report(verb.Run())
}

// verbOf is the verb that a parse error is about, with a space after it.
func verbOf(err error) string {
	var p *kong.ParseError
	if errors.As(err, &p) && p.Context != nil && p.Context.Command() != "" {
		words := ""
		for _, node := range p.Context.Path {
			if node.Command != nil {
				words += node.Command.Name + " "
			}
		}
		return words
	}
	return ""
}

// report prints an error and returns the exit code.
func (con *console) report(err error) int {
	if err == nil {
		return 0
	}
	code := exitFailed
	var f *failure
	if errors.As(err, &f) {
		code = f.code
	}
	if err.Error() == "" {
		return code
	}
	text, advice := explain(err)
	fmt.Fprintf(con.err, "restante: %s\n", text)
	if advice != "" {
		fmt.Fprintf(con.err, "  %s\n", advice)
	}
	return code
}
