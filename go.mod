module restante

go 1.26.0

require (
	blitiri.com.ar/go/spf v1.6.0 // SPF with its limits and macros; internal/trust/spf
	github.com/BurntSushi/toml v1.6.0 // the configuration file, with the line of a bad key; internal/config
	github.com/alecthomas/kong v1.17.0 // verbs and flags of the command line; internal/cli
	github.com/cockroachdb/datadriven v1.0.3-0.20250407164829-2945557346d5 // tests: golden files of commands and results
	github.com/cockroachdb/pebble/v2 v2.1.7 // the storage engine; internal/store/kv/pebblekv
	github.com/coreos/go-oidc/v3 v3.21.0 // keys of issuers and signatures of their tokens; internal/base/oauth
	github.com/emersion/go-imap/v2 v2.0.0-beta.8 // tests: an IMAP client that we did not write
	github.com/emersion/go-milter v0.5.0 // tests: a filter beside the server that we did not write
	github.com/emersion/go-msgauth v0.7.0 // tests: a second opinion on our DKIM signatures
	github.com/emersion/go-sasl v0.0.0-20241020182733-b788ff22d5a6 // indirect; tests: what that client authenticates with
	github.com/google/go-cmp v0.7.0 // tests: differences of values, readable
	github.com/klauspost/compress v1.20.3 // zstd for message bodies, internal/store/blob; DEFLATE for connections, internal/proto/deflate
	github.com/letsencrypt/pebble/v2 v2.10.1 // tests: an authority that speaks ACME, and looks for itself
	github.com/maypok86/otter/v2 v2.4.0 // the bounded cache of verified logins; internal/directory
	github.com/mholt/acmez/v3 v3.1.7 // certificates from authorities by ACME; internal/base/certs/acme
	github.com/miekg/dns v1.1.73 // questions to the DNS with their DNSSEC bit; internal/base/dns
	github.com/pires/go-proxyproto v0.15.0 // headers that name the client behind a proxy; internal/base/proxyheader
	github.com/prometheus/client_golang v1.25.0 // counters in the format that everybody scrapes; internal/base/metrics
	github.com/rogpeppe/go-internal v1.16.0 // tests: testscript for scenarios with the real binary
	github.com/xdg-go/scram v1.4.0 // tests: a second opinion on our SCRAM
	github.com/zeebo/blake3 v0.2.4 // keyed hashes of bodies for single instance; internal/store
	go.uber.org/goleak v1.3.0 // tests: goroutines that outlive them
	golang.org/x/crypto v0.57.0 // argon2id; internal/directory
	golang.org/x/net v0.59.0 // IDNA for domains; internal/proto/addr
	golang.org/x/sync v0.24.0 // weighted semaphores and errgroup
	golang.org/x/text v0.43.0 // charsets and Unicode normal forms
	golang.org/x/tools v0.51.0 // analysers beyond go vet; tools/vet
	pgregory.net/rapid v1.3.0 // tests: random operations against a model
)

require (
	github.com/DataDog/zstd v1.5.7 // indirect
	github.com/RaduBerinde/axisds v0.1.0 // indirect
	github.com/RaduBerinde/btreemap v0.0.0-20250419174037-3d62b7205d54 // indirect
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/cockroachdb/crlib v0.0.0-20241112164430-1264a2edc35b // indirect
	github.com/cockroachdb/errors v1.11.3 // indirect
	github.com/cockroachdb/logtags v0.0.0-20230118201751-21c54148d20b // indirect
	github.com/cockroachdb/redact v1.1.5 // indirect
	github.com/cockroachdb/swiss v0.0.0-20260820225851-333444432258 // indirect
	github.com/cockroachdb/tokenbucket v0.0.0-20230807174530-cc333fc44b06 // indirect
	github.com/emersion/go-message v0.18.2 // indirect
	github.com/getsentry/sentry-go v0.27.0 // indirect
	github.com/go-jose/go-jose/v4 v4.1.4 // indirect
	github.com/gogo/protobuf v1.3.2 // indirect
	github.com/golang/snappy v0.0.5-0.20231225225746-43d5d4cd4e0e // indirect
	github.com/klauspost/cpuid/v2 v2.4.0 // indirect
	github.com/kr/pretty v0.3.1 // indirect
	github.com/kr/text v0.2.0 // indirect
	github.com/letsencrypt/challtestsrv v1.4.2 // indirect
	github.com/minio/minlz v1.0.1-0.20250507153514-87eb42fe8882 // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/pmezard/go-difflib v1.0.0 // indirect
	github.com/prometheus/client_model v0.6.3 // indirect
	github.com/prometheus/common v0.72.0 // indirect
	github.com/prometheus/procfs v0.22.0 // indirect
	github.com/xdg-go/stringprep v1.0.4 // indirect
	golang.org/x/exp v0.0.0-20230626212559-97b1e661b5df // indirect
	golang.org/x/oauth2 v0.37.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)
