package blob

// noiseInBase64 says that a chunk is mostly base64 of what has been compressed already: the greater part of what mail weighs.
// Compression would leave three quarters of that, which is not enough to keep it so (minGain), and takes half of the time that goes into
// compression to find out where there is something else beside it.
//
// It looks at a few samples. Three quarters of them must be digits of base64 and line ends only, and these together have the 64 digits
// about equally often, as what looks random does and text or a bitmap in base64 does not. Were the last quarter text that shrinks to
// a third, two thirds of the chunk would be left.
func noiseInBase64(raw []byte) bool {
	const samples, length, enough = 16, 128, 12
	if len(raw) < 2*samples*length {
		return false // not worth it
	}
	var count [256]int
	found := 0
	for i := range samples {
		at := (len(raw) - length) / (samples - 1) * i
		if sample := raw[at : at+length]; isBase64(sample) {
			found++
			for _, b := range sample {
				count[b]++
			}
		} else if i-found >= samples-enough {
			return false
		}
	}
	count['\r'], count['\n'], count['='] = 0, 0, 0
	digits, squares := 0, 0
	for _, n := range count {
		digits += n
		squares += n * n
	}
	// The share of pairs that are alike is 1/64 for noise, a little more for so few samples, and 1/40 or more for text in base64.
	return squares*52 < digits*digits
}

// isBase64 says that there is nothing but base64 and line ends.
func isBase64(b []byte) bool {
	for _, c := range b {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '+', c == '/', c == '\r', c == '\n', c == '=':
		default:
			return false
		}
	}
	return true
}
