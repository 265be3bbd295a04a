// Package feedback is what mail servers tell each other about mail: TLS reports (RFC 8460) and aggregate reports of DMARC (RFC 9990, before that RFC 7489 7.2).
//
// # Model
//
// Out: what relay and inbound have seen is counted, by day (UTC), by the domain that it is about, and by what is alike (ledger). In the hours after
// midnight a Courier asks the DNS where each domain wants its report, writes it, and puts it into the queue, signed, or posts it to a web server.
//
// In: a Desk takes messages for two addresses of every domain of this server, tls-reports and dmarc-reports. What is in them is kept in the store as rows
// (Archive) for some months, and summed up for the operator (Summary).
//
// # Invariants
//
//   - Counting waits for nobody. What has been counted is written about every minute, so that a crash loses a minute; reports are statistics.
//   - Everything is bounded: what is counted of a day and of a domain, what is unpacked and kept of what strangers send, and for how long.
//   - No report leads to reports: sessions that carry one are not counted, and neither is mail for a Desk.
//   - A report that is sent twice, after a crash, has the same id and file name both times (RFC 9990 3.5.1).
//
// # What it does not do
//
// It sends no reports about single messages (RFC 6591, RFC 9991): they show people's mail to strangers.
package feedback
