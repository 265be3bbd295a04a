package zone

import (
	"fmt"
	"syscall"
)

// clock asks the kernel whether somebody keeps the time.
func clock() Row {
	var t syscall.Timex
	state, err := syscall.Adjtimex(&t)
	const unsynchronised = 5 // TIME_ERROR
	switch {
	case err != nil:
		return Row{State: Unknown, What: "clock", Found: err.Error(), Fix: "see that the time is right: date"}
	case state == unsynchronised:
		return Row{State: Advice, What: "clock", Found: "nobody keeps it", Fix: "run systemd-timesyncd or chrony: signatures and certificates hold for times, and a clock in a container is its host's"}
	}
	return Row{State: Good, What: "clock", Found: "it is kept"}
}

// leastFree is how much of a disk has to be free.
const leastFree = 1 << 30

func disk(data string) Row {
	what := "disk of " + data
	var st syscall.Statfs_t
	if err := syscall.Statfs(data, &st); err != nil {
		return Row{State: Unknown, What: what, Found: err.Error(), Fix: "see that the folder is there, and that this user can read it"}
	}
	free, all := st.Bavail*uint64(st.Bsize), st.Blocks*uint64(st.Bsize)
	row := Row{State: Good, What: what, Found: fmt.Sprintf("%.1f GiB free", float64(free)/(1<<30))}
	if free < leastFree || free < all/20 {
		row.State, row.Fix = Bad, "make room: without it no mail is taken"
	}
	return row
}
