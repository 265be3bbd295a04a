package imapwire

// Code is a response code (RFC 9051 7.1, RFC 5530) with its arguments, without the brackets. Make those that have arguments by their functions.
type Code string
