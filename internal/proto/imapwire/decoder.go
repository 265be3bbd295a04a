package imapwire

// Decoder reads commands.
type Decoder struct{}

type appendState uint8
