package charset

import (
	"unicode/utf8"

	"golang.org/x/text/encoding/korean"
)

// johabDecoder reads Johab (KS X 1001 annex 3): a syllable is 15 bits, five for
// each of its letters; all else are the rows of KS X 1001 in another order.
type johabDecoder struct {
	lead byte // first byte of a pair, or 0
}

func (d *johabDecoder) Append(dst, src []byte, end bool) []byte {
	for _, c := range src {
		switch {
		case d.lead != 0:
			dst = appendJohab(dst, d.lead, c)
			if d.lead = 0; c < 0x31 { // no second byte
				dst = append(dst, c)
			}
		case c < utf8.RuneSelf:
			dst = append(dst, c)
		default:
			d.lead = c
		}
	}
	if end && d.lead != 0 {
		dst, d.lead = append(dst, replacement...), 0
	}
	return dst
}

func appendJohab(dst []byte, a, b byte) []byte {
	switch {
	case b < 0x31:
	case 0x84 <= a && a <= 0xD3:
		if r := johabSyllable(uint(a)<<8 | uint(b)); r != 0 {
			return utf8.AppendRune(dst, r)
		}
	case 0xD9 <= a && a <= 0xDE || 0xE0 <= a && a <= 0xF9:
		row, cell := 2*(int(a)-0xD9), int(b)-0x31
		if a >= 0xE0 {
			row = 2*int(a) - 0x197
		}
		if b >= 0x91 {
			cell = int(b) - 0x43
		}
		pair := []byte{byte(0xA1 + row + cell/94), byte(0xA1 + cell%94)}
		kr := textDecoder{t: korean.EUCKR.NewDecoder()}
		return kr.Append(dst, pair, true)
	}
	return append(dst, replacement...)
}

// The values of the five-bit fields, as numbers of the letter among the initials,
// vowels and finals of Unicode 3.12; '.' is no letter, '-' the filler.
const (
	johabInitials = ".-abcdefghijklmnopqrs..........."
	johabVowels   = "..-abcde..fghijk..lmnopq..rstu.."
	johabFinals   = ".-abcdefghijklmnop.qrstuvwxyz{.."
)

// johabSyllable returns the syllable or single letter of a code, 0 if there is none.
func johabSyllable(code uint) rune {
	i, v, f := johabInitials[code>>10&31], johabVowels[code>>5&31], johabFinals[code&31]
	switch {
	case i == '.' || v == '.' || f == '.':
		return 0
	case i != '-' && v != '-' && f != '-':
		return 0xAC00 + (rune(i-'a')*21+rune(v-'a'))*28 + rune(f-'a') + 1
	case i != '-' && v != '-':
		return 0xAC00 + (rune(i-'a')*21+rune(v-'a'))*28
	case i != '-' && f == '-': // letters on their own are U+3131 on
		return []rune("ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ")[i-'a']
	case v != '-' && i == '-' && f == '-':
		return 'ㅏ' + rune(v-'a')
	case f != '-' && v == '-' && i == '-':
		return []rune("ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ")[f-'a']
	}
	return 0
}
