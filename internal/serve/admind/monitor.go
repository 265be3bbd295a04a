package admind

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// healthTimeout is how long a health check may take.
const healthTimeout = 5 * time.Second

// Monitor serves /metrics and /healthz from ln until ctx ends, and closes it.
// healthy says why the server is not; the text is for whoever can connect.
func Monitor(ctx context.Context, ln net.Listener, metrics http.Handler, healthy func(context.Context) error, log *slog.Logger) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), healthTimeout)
		defer cancel()
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		if err := healthy(ctx); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, err.Error()+"\n") // the client went away
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
	return serveHTTP(ctx, ln, mux, log)
}
