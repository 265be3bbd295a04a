package admind

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"restante/internal/directory"
)

// socketName is the control socket's name in the data folder.
const socketName = "control.sock"

// maxPath is what the kernel takes for the path of a socket, and a little less.
const maxPath = 104

// maxRequest bounds a request.
const maxRequest = 1 << 20

// Listen opens the control socket in the data folder. The caller has the folder's
// store open, so a socket that is there already is one that a crash left.
func Listen(data string) (net.Listener, error) {
	path := filepath.Join(data, socketName)
	if len(path) > maxPath {
		return nil, fmt.Errorf("control socket: %s is too long a path for a socket, which may have %d octets: use a data folder with a shorter one", path, maxPath)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	// The folder is open to its owner only, so nobody else came between.
	if err := os.Chmod(path, 0o600); err != nil {
		ln.Close()
		return nil, fmt.Errorf("control socket: %w", err)
	}
	return ln, nil
}

// Serve answers requests from ln until ctx ends, and closes it.
func Serve(ctx context.Context, ln net.Listener, b Backend, log *slog.Logger) error {
	return serveHTTP(ctx, ln, routes(b), log)
}

// shutdownGrace is how long requests under way may go on.
const shutdownGrace = time.Second

func serveHTTP(ctx context.Context, ln net.Listener, h http.Handler, log *slog.Logger) error {
	last := &lastCall{h: h}
	srv := &http.Server{
		Handler: last, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		// Requests under way go on for the grace time.
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
		defer cancel()
		_ = srv.Shutdown(grace) // who is not done by then is cut below
	})
	err := srv.Serve(ln)
	if !stop() {
		<-ended
	}
	srv.Close()
	last.wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// lastCall knows when the last request has ended: http.Server does not wait for
// those that it cuts, and they must not find the store closed.
type lastCall struct {
	h  http.Handler
	mu struct {
		sync.Mutex
		over bool
	}
	running sync.WaitGroup
}

// ServeHTTP implements http.Handler.
func (l *lastCall) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	if l.mu.over {
		l.mu.Unlock()
		return
	}
	l.running.Add(1)
	l.mu.Unlock()
	defer l.running.Done()
	l.h.ServeHTTP(w, r)
}

func (l *lastCall) wait() {
	l.mu.Lock()
	l.mu.over = true
	l.mu.Unlock()
	l.running.Wait()
}

// Requests and responses that are not types of Backend already.
type (
	nothing       struct{}
	domainRequest struct {
		Domain string `json:"domain"`
	}
	addressRequest struct {
		Address string `json:"address"`
	}
	accessRequest struct {
		Address string           `json:"address"`
		Access  directory.Access `json:"access"`
	}
	quotaRequest struct {
		Address string `json:"address"`
		Quota
	}
	passwordRequest struct {
		Address  string `json:"address"`
		Password string `json:"password"`
	}
	verifyRequest struct {
		Bodies bool `json:"bodies"`
	}
)

func routes(b Backend) http.Handler {
	mux := http.NewServeMux()
	handle(mux, "status", func(ctx context.Context, _ nothing) (Status, error) { return b.Status(ctx) })
	act(mux, "reload", func(ctx context.Context, _ nothing) error { return b.Reload(ctx) })
	handle(mux, "verify", func(ctx context.Context, r verifyRequest) (Verified, error) { return b.Verify(ctx, r.Bodies) })
	stream(mux, "reindex", func(ctx context.Context, r addressRequest) iter.Seq2[Reindexed, error] {
		return b.Reindex(ctx, r.Address)
	})

	act(mux, "domain-add", func(ctx context.Context, r domainRequest) error {
		return b.AddDomain(ctx, r.Domain)
	})
	act(mux, "domain-remove", func(ctx context.Context, r domainRequest) error {
		return b.RemoveDomain(ctx, r.Domain)
	})
	stream(mux, "domain-list", func(ctx context.Context, _ nothing) iter.Seq2[directory.Domain, error] { return b.Domains(ctx) })

	handle(mux, "account-add", b.AddAccount)
	handle(mux, "account-show", func(ctx context.Context, r addressRequest) (AccountDetail, error) {
		return b.Account(ctx, r.Address)
	})
	act(mux, "account-hash", func(ctx context.Context, r passwordRequest) error {
		return b.SetHash(ctx, r.Address, r.Password)
	})
	act(mux, "account-password", func(ctx context.Context, r passwordRequest) error {
		return b.SetPassword(ctx, r.Address, r.Password)
	})
	act(mux, "account-access", func(ctx context.Context, r accessRequest) error {
		return b.SetAccess(ctx, r.Address, r.Access)
	})
	act(mux, "account-quota", func(ctx context.Context, r quotaRequest) error {
		return b.SetQuota(ctx, r.Address, r.Quota)
	})
	act(mux, "account-remove", func(ctx context.Context, r addressRequest) error {
		return b.RemoveAccount(ctx, r.Address)
	})
	stream(mux, "account-list", func(ctx context.Context, r domainRequest) iter.Seq2[directory.Account, error] {
		return b.Accounts(ctx, r.Domain)
	})

	handle(mux, "alias-add", func(ctx context.Context, r aliasRequest) (directory.Alias, error) {
		return b.AddAlias(ctx, r.Address, r.NewAlias)
	})
	act(mux, "alias-remove", func(ctx context.Context, r addressRequest) error {
		return b.RemoveAlias(ctx, r.Address)
	})
	stream(mux, "alias-list", func(ctx context.Context, r domainRequest) iter.Seq2[directory.Alias, error] {
		return b.Aliases(ctx, r.Domain)
	})
	deviceRoutes(mux, b)
	rulesRoutes(mux, b)
	storageRoutes(mux, b)
	backupRoutes(mux, b)
	transferRoutes(mux, b)
	queueRoutes(mux, b)
	signingRoutes(mux, b)
	suppressedRoutes(mux, b)
	forwardRoutes(mux, b)
	traceRoutes(mux, b)
	reportsRoutes(mux, b)
	certificateRoutes(mux, b)
	return mux
}

// handle makes a route of an operation with one response.
func handle[Request, Response any](mux *http.ServeMux, operation string, do func(context.Context, Request) (Response, error)) {
	mux.HandleFunc("POST /v1/"+operation, func(w http.ResponseWriter, r *http.Request) {
		var request Request
		err := decode(w, r, &request)
		if err == nil {
			var response Response
			if response, err = do(r.Context(), request); err == nil {
				reply(w, http.StatusOK, response)
				return
			}
		}
		f, status := toFailure(err)
		reply(w, status, f)
	})
}

// act makes a route of an operation with nothing to say but that it is done.
func act[Request any](mux *http.ServeMux, operation string, do func(context.Context, Request) error) {
	handle(mux, operation, func(ctx context.Context, r Request) (nothing, error) { return nothing{}, do(ctx, r) })
}

// item is a line of a stream: one thing, or the error that ends it.
type item[T any] struct {
	Item  *T       `json:"item,omitempty"`
	Error *failure `json:"failure,omitempty"`
	End   bool     `json:"end,omitempty"` // the last line; without it the stream was cut
}

// showEvery is how long a line may lie in a buffer while others come.
const showEvery = 200 * time.Millisecond

// stream makes a route of an operation with many responses.
func stream[Request, T any](mux *http.ServeMux, operation string, list func(context.Context, Request) iter.Seq2[T, error]) {
	mux.HandleFunc("POST /v1/"+operation, func(w http.ResponseWriter, r *http.Request) {
		var request Request
		if err := decode(w, r, &request); err != nil {
			f, status := toFailure(err)
			reply(w, status, f)
			return
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		enc := json.NewEncoder(w)
		sent := time.Now()
		for v, err := range list(r.Context(), request) {
			line := item[T]{Item: &v}
			if err != nil {
				f, _ := toFailure(err)
				line = item[T]{Error: &f}
			}
			if enc.Encode(line) != nil || err != nil {
				return // the client went away, or knows
			}
			if time.Since(sent) > showEvery {
				_ = http.NewResponseController(w).Flush() // who waits sees how far it is
				sent = time.Now()
			}
		}
		_ = enc.Encode(item[T]{End: true})
	})
}

func decode(w http.ResponseWriter, r *http.Request, request any) error {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
	dec.DisallowUnknownFields()
	if err := dec.Decode(request); err != nil {
		return fmt.Errorf("%w: %w", errBadRequest, err)
	}
	return nil
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client went away
}
