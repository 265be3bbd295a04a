package keys

// CountsPages is how many pages one row of counts is about.
const CountsPages = 256

const countsVersion = 1

// EncodeCounts writes the row p: how many messages each of up to CountsPages
// successive pages has. Mail comes in at the end and most of it stays, so pages
// that are next to each other have the same count, and the row is a list of runs:
// a count, and how many pages more than one have it.
func EncodeCounts(counts []uint8) []byte {
	b := append(make([]byte, 0, 16), countsVersion)
	for i := 0; i < len(counts); {
		n := i + 1
		for n < len(counts) && counts[n] == counts[i] {
			n++
		}
		b = append(b, counts[i], byte(n-i-1))
		i = n
	}
	return b
}

// DecodeCounts reads the row.
func DecodeCounts(b []byte) ([]uint8, error) {
	if len(b) == 0 || b[0] != countsVersion || len(b)%2 == 0 {
		return nil, ErrCorrupt
	}
	var counts []uint8
	for b = b[1:]; len(b) > 0; b = b[2:] {
		if b[0] > PageSize || len(counts)+int(b[1])+1 > CountsPages {
			return nil, ErrCorrupt
		}
		for range int(b[1]) + 1 {
			counts = append(counts, b[0])
		}
	}
	return counts, nil
}
