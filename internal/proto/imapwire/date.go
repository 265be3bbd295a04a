package imapwire

import "time"

// Date is a day without time or zone, as SEARCH has it. The zero value is no date.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}
