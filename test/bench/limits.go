package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// limits are what the machine can do at all.
type limits struct {
	writeMB   float64 // sequential write and one fsync, MB/s
	fsync     float64 // appends of 4 KiB with fdatasync, /s, one after the other
	fsync8    float64 // the same, 8 files at once
	loopbackM float64 // one TCP stream over loopback, MB/s
}

// measureLimits measures and prints them.
func measureLimits(o options, t table) (*limits, error) {
	dir, err := os.MkdirTemp(o.dir, "bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	l := new(limits)
	if l.writeMB, err = sequentialWrite(dir, int64(o.n(512))<<20); err != nil {
		return nil, err
	}
	if l.fsync, err = syncs(dir, 1); err != nil {
		return nil, err
	}
	if l.fsync8, err = syncs(dir, 8); err != nil {
		return nil, err
	}
	if l.loopbackM, err = loopback(int64(o.n(2048)) << 20); err != nil {
		return nil, err
	}
	t.row("machine: sequential write + fsync", fmt.Sprintf("%.0f MB/s", l.writeMB), "")
	t.row("machine: 4 KiB append + fsync", fmt.Sprintf("%.0f /s", l.fsync), fmt.Sprintf("8 files at once %.0f /s", l.fsync8))
	t.row("machine: loopback, one stream", fmt.Sprintf("%.0f MB/s", l.loopbackM), "")
	return l, nil
}

func sequentialWrite(dir string, size int64) (float64, error) {
	f, err := os.Create(filepath.Join(dir, "sequential"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	block := make([]byte, 1<<20)
	for i := range block {
		block[i] = byte(i * 7)
	}
	begin := time.Now()
	for n := int64(0); n < size; n += int64(len(block)) {
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	return float64(size) / 1e6 / time.Since(begin).Seconds(), nil
}

// syncs counts small durable appends in two seconds.
func syncs(dir string, files int) (float64, error) {
	var done atomic.Int64
	var group errgroup.Group
	begin := time.Now()
	for n := range files {
		group.Go(func() error {
			f, err := os.Create(filepath.Join(dir, fmt.Sprintf("sync%d", n)))
			if err != nil {
				return err
			}
			defer f.Close()
			block := make([]byte, 4<<10)
			for time.Since(begin) < 2*time.Second {
				if _, err := f.Write(block); err != nil {
					return err
				}
				if err := f.Sync(); err != nil {
					return err
				}
				done.Add(1)
			}
			return nil
		})
	}
	err := group.Wait()
	return float64(done.Load()) / time.Since(begin).Seconds(), err
}

// loopback sends size octets through one connection.
func loopback(size int64) (float64, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	var sender sync.WaitGroup
	defer sender.Wait()
	sender.Go(func() {
		c, err := listener.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		block := make([]byte, 256<<10)
		for n := int64(0); n < size; n += int64(len(block)) {
			if _, err := c.Write(block); err != nil {
				return
			}
		}
	})
	c, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		return 0, err
	}
	defer c.Close()
	begin := time.Now()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{c}, make([]byte, 256<<10))
	return float64(n) / 1e6 / time.Since(begin).Seconds(), err
}
