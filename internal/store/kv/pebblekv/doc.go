// Package pebblekv is the ordered-key engine on one machine: kv.Engine over
// Pebble, in one directory, with a write-ahead log that is synced before a
// durable commit returns.
package pebblekv
