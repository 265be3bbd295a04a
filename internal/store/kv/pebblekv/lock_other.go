//go:build !unix

package pebblekv

func lockHolder(string) int { return 0 }
