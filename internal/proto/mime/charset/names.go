package charset

import (
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// lookup finds the encoding of a folded name among those that x/text decodes
// rightly, or nil.
func lookup(key string) encoding.Encoding {
	if e := asian(key); e != nil {
		return e
	}
	if e := windows(key); e != nil {
		return e
	}
	if e := iso8859(key); e != nil {
		return e
	}
	return dos(key)
}

func asian(key string) encoding.Encoding {
	switch key {
	case "shiftjis", "sjis", "xsjis", "mskanji", "csshiftjis", "shiftjisx0213", "shiftjis2004", "cp932", "ms932", "ibm943", "cp943", "windows31j", "cswindows31j", "windows932", "xmscp932", "sjiswin", "sjisopen":
		return japanese.ShiftJIS
	case "eucjp", "xeucjp", "xeuc", "ujis", "cseucpkdfmtjapanese", "extendedunixcodepackedformatforjapanese", "eucjpms", "eucjpwin", "cp51932", "cp20932":
		return japanese.EUCJP
	case "iso2022jp", "iso2022jp1", "iso2022jp2", "iso2022jp3", "iso2022jpms", "iso2022jpext", "csiso2022jp", "csiso2022jp2", "cp50220", "cp50221", "cp50222", "jis", "jis7":
		return japanese.ISO2022JP
	case "euckr", "cseuckr", "xeuckr", "ksc5601", "ksc56011987", "ksc56011989", "ksc56011992", "csksc56011987", "ksx1001", "isoir149", "korean", "cp949", "ms949", "uhc", "windows949", "xwindows949", "unifiedhangul", "cp51949", "cp1363", "ibm949", "mscp949":
		return korean.EUCKR
	case "gb2312", "csgb2312", "gb23121980", "xgb2312", "euccn", "xeuccn", "gb231280", "csiso58gb231280", "isoir58", "chinese", "gbk", "xgbk", "cp936", "ms936", "windows936", "cp20936", "gb", "gb18030", "gb180302000", "gb180302005", "gb180302022", "cp54936", "csgbk", "gb13000", "cngb", "cn":
		return simplifiedchinese.GB18030 // a superset of the others (WHATWG Encoding 10.1)
	case "hzgb2312", "hz", "cp52936":
		return simplifiedchinese.HZGB2312
	case "big5", "xbig5", "csbig5", "cnbig5", "xxbig5", "big5hkscs", "big5hkscs2004", "big5eten", "big5tw", "cp950", "ms950", "windows950", "bigfive":
		return traditionalchinese.Big5
	}
	return nil
}

func windows(key string) encoding.Encoding {
	switch key {
	case "windows1250", "cp1250", "xcp1250", "win1250", "msee":
		return charmap.Windows1250
	case "windows1251", "cp1251", "xcp1251", "win1251", "ansi1251", "microsoftcp1251", "mscyrl":
		return charmap.Windows1251
	case "windows1252", "cp1252", "xcp1252", "win1252", "ansi", "xansi", "windowslatin1", "ansi1252", "msansi", "xuserdefined":
		return charmap.Windows1252
	case "windows1253", "cp1253", "xcp1253", "win1253", "msgreek":
		return charmap.Windows1253
	case "windows1254", "cp1254", "xcp1254", "win1254", "msturk":
		return charmap.Windows1254
	case "windows1255", "cp1255", "xcp1255", "win1255", "mshebr":
		return charmap.Windows1255
	case "windows1256", "cp1256", "xcp1256", "win1256", "msarab":
		return charmap.Windows1256
	case "windows1257", "cp1257", "xcp1257", "win1257", "winbaltrim":
		return charmap.Windows1257
	case "windows1258", "cp1258", "xcp1258", "win1258":
		return charmap.Windows1258
	case "windows874", "cp874", "ms874", "dos874", "xwindows874", "tis620", "cstis620", "tis6200", "tis6202533", "tis62025330", "iso885911", "isoir166", "thai8":
		return charmap.Windows874
	case "koi8r", "koi8", "koi", "koir8", "cskoi8r", "cp20866":
		return charmap.KOI8R
	case "koi8u", "koi8ru", "cp21866":
		return charmap.KOI8U
	case "macintosh", "mac", "macroman", "xmacroman", "xmacintosh", "applemacroman", "csmacintosh", "cp10000":
		return charmap.Macintosh
	case "xmaccyrillic", "maccyrillic", "xmacukrainian", "macukrainian", "macukraine", "cp10007", "macuk", "msmaccyrillic":
		return charmap.MacintoshCyrillic
	}
	return nil
}

func iso8859(key string) encoding.Encoding {
	switch key {
	case "iso88591", "iso885911987", "88591", "latin1", "l1", "isoir100", "isolatin1", "csisolatin1", "cp819", "ibm819", "cp28591", "isolatin1windows":
		return charmap.Windows1252 // WHATWG Encoding 4.2: nobody sends C1 controls
	case "iso88592", "iso885921987", "88592", "latin2", "l2", "isoir101", "csisolatin2", "cp28592", "cp912", "ibm912":
		return charmap.ISO8859_2
	case "iso88593", "iso885931988", "88593", "latin3", "l3", "isoir109", "csisolatin3", "cp28593":
		return charmap.ISO8859_3
	case "iso88594", "iso885941988", "88594", "latin4", "l4", "isoir110", "csisolatin4", "cp28594", "cp914", "ibm914":
		return charmap.ISO8859_4
	case "iso88595", "iso885951988", "88595", "cyrillic", "isoir144", "csisolatincyrillic", "cp28595", "cp915", "ibm915":
		return charmap.ISO8859_5
	case "iso88596", "iso88596i", "iso88596e", "iso885961987", "88596", "arabic", "ecma114", "asmo708", "isoir127", "csisolatinarabic", "cp28596", "cp1089", "ibm1089":
		return charmap.ISO8859_6
	case "iso88597", "iso885971987", "iso885972003", "88597", "greek", "greek8", "ecma118", "elot928", "isoir126", "csisolatingreek", "suneugreek", "cp28597", "cp813", "ibm813":
		return charmap.ISO8859_7
	case "iso88598", "iso88598i", "iso88598e", "iso885981988", "88598", "hebrew", "logical", "visual", "isoir138", "csisolatinhebrew", "cp28598", "cp38598", "cp916", "ibm916":
		return charmap.ISO8859_8
	case "iso88599", "iso885991989", "88599", "latin5", "l5", "isoir148", "csisolatin5", "turkish", "cp28599", "cp920", "ibm920":
		return charmap.Windows1254
	case "iso885910", "iso8859101992", "latin6", "l6", "isoir157", "csisolatin6", "cp28600":
		return charmap.ISO8859_10
	case "iso885913", "latin7", "l7", "isoir179", "cp28603":
		return charmap.ISO8859_13
	case "iso885914", "latin8", "l8", "isoir199", "isoceltic", "iso8859141998":
		return charmap.ISO8859_14
	case "iso885915", "latin9", "latin0", "l9", "csisolatin9", "isoir203", "cp28605", "iso8859151998", "cp923", "ibm923":
		return charmap.ISO8859_15
	case "iso885916", "latin10", "l10", "isoir226", "iso8859162001":
		return charmap.ISO8859_16
	}
	return nil
}

func dos(key string) encoding.Encoding {
	switch key {
	case "cp437", "ibm437", "437", "cspc8codepage437", "dos437":
		return charmap.CodePage437
	case "cp850", "ibm850", "850", "cspc850multilingual", "dos850":
		return charmap.CodePage850
	case "cp852", "ibm852", "852", "cspcp852", "dos852":
		return charmap.CodePage852
	case "cp855", "ibm855", "855", "dos855":
		return charmap.CodePage855
	case "cp858", "ibm858", "ibm00858", "ccsid00858", "cp00858", "pcmultilingual850euro":
		return charmap.CodePage858
	case "cp860", "ibm860", "860", "dos860":
		return charmap.CodePage860
	case "cp862", "ibm862", "862", "cspc862latinhebrew", "dos862":
		return charmap.CodePage862
	case "cp863", "ibm863", "863", "dos863":
		return charmap.CodePage863
	case "cp865", "ibm865", "865", "dos865":
		return charmap.CodePage865
	case "cp866", "ibm866", "866", "csibm866", "dos866":
		return charmap.CodePage866
	case "cp037", "ibm037", "ibm37", "cp37", "ebcdiccpus":
		return charmap.CodePage037
	case "cp1047", "ibm1047":
		return charmap.CodePage1047
	case "cp1140", "ibm1140", "ibm01140":
		return charmap.CodePage1140
	}
	return nil
}
