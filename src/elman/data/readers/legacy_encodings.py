"""Which encoding of the time before Unicode a text is in, for a hint: the text is never read on this evidence alone.

Old encodings share most of their bytes, so that a text in one of them is often valid in others, too. Running text shows
the right one: most of its characters beyond ASCII are frequent characters of its language (in Chinese a third of them),
of which a text in the wrong encoding has few. Where that does not decide, charset-normalizer compares the letters with
those of many languages.
"""

from __future__ import annotations

import codecs
import re
import unicodedata

_CHINESE = (
    "的一是不了在人有我他大上中以地到要就出可也你生能而子那得下自之年作"
    "用道行所然家事成方多去法如都同看起好小部分心想前但只天主"
)
_SIMPLIFIED = "这们来为国说时会对过发后里经学现当没动面还进样从实种么开因其些理本定她着和，。、？！：；“”"
_TRADITIONAL = "這們來為國說時會對過發後裡經學現當沒動面還進樣從實種麼開因其些理本定她著和，。、？！：；「」"
_KOREAN = "이다는에의을가고하지한로은도기사어인자리나시들그아를있대수해서정과보라전으부일장주제우여상만거적스"
_KANA = "".join(map(chr, (*range(0x3041, 0x3097), *range(0x30A1, 0x30FD)))) + "、。「」"
EAST_ASIAN = {  # the frequent characters of the language that is written in each encoding
    "gb18030": frozenset(_CHINESE + _SIMPLIFIED),
    "big5": frozenset(_CHINESE + _TRADITIONAL),
    "shift_jis": frozenset(_KANA),
    "euc_jp": frozenset(_KANA),
    "euc_kr": frozenset(_KOREAN),
}
_SUPERSETS = {"shift_jis": "cp932", "euc_kr": "cp949", "big5": "big5hkscs"}  # which have some more characters
_MIN_EAST_ASIAN_SHARE = 0.1  # of the characters beyond ASCII

_PUNCTUATION = "\xa0«»“”„‘’‚–—…€£°§·¿¡"
_WESTERN_LETTERS = frozenset("éèàùâêîôûçëïüöäßåøæñáíóúãõœÉÈÀÇÖÜÄÅØÆÑÁÍÓÚÊ")
_CENTRAL = frozenset("ąćęłńóśźżáčďéěíňřšťúůýžőűöüäßăâîşţŁŚŻŠČŘŽÁÉÍÓÖŐÚÜŰ" + _PUNCTUATION)
_RUSSIAN = frozenset("оеаинтсрвлкмдпу")
SINGLE_BYTE = {  # in the order of preference
    "cp1252": _WESTERN_LETTERS | frozenset(_PUNCTUATION),
    "cp1250": _CENTRAL,
    "cp1251": _RUSSIAN,
    "koi8_r": _RUSSIAN,
    "cp1253": frozenset("αοιετσνηυρπκμλςωάέήίόύώ"),
    "cp1254": frozenset("ışğçöüİŞÇÖÜâî" + _PUNCTUATION),
    "cp1257": frozenset("āčēģīķļņšūžąęėįųõäöü" + _PUNCTUATION),
    "cp1255": frozenset("יוהלארתמשבנחםדעקפ"),
    "cp1256": frozenset("اليمنورتبةعدسفكهق"),
    "cp874": frozenset("านรอกเงมยวส่้ัิีดทแไบ"),
    "iso8859_2": _CENTRAL,
    "cp866": _RUSSIAN,
    "cp850": _WESTERN_LETTERS,
    "mac_roman": _WESTERN_LETTERS,
}
_LATIN = frozenset({"cp1252", "cp1250", "cp1254", "cp1257", "iso8859_2", "cp850", "mac_roman"})
_MIN_SINGLE_BYTE_SHARE = 0.6
_MAX_MIXED_SHARE = 0.3  # of letters of another script next to letters of ASCII
_MIXED = re.compile("(?<=[a-zA-Z])[^\x00-\x7f]|[^\x00-\x7f](?=[a-zA-Z])")
_MIN_COHERENCE = 0.3  # by charset-normalizer, of a text whose letters are not those of the list
_MIN_COHERENCE_LEAD = 0.05  # of another encoding that has as many frequent characters as the first one
_SAMPLE_BYTES = 1 << 16


def decode_sample(sample: bytes, encoding: str) -> str | None:
    """Return the text of the beginning of a file, whose last character may be incomplete; None if it is invalid."""
    try:
        return codecs.getincrementaldecoder(encoding)("strict").decode(sample)
    except UnicodeDecodeError:
        return None


def fitting_encoding(content: bytes) -> str | None:
    """Return an encoding in which bytes that are not UTF-8 are plausible text; None if there is none."""
    sample = _around_first_high_byte(content)
    return east_asian_encoding(sample) or _single_byte_encoding(sample)


def east_asian_encoding(sample: bytes) -> str | None:
    """Return the encoding of East Asia in which most frequent characters of its language appear; None if none fits."""
    best, best_share = None, _MIN_EAST_ASIAN_SHARE
    for encoding, frequent in EAST_ASIAN.items():
        for name in (encoding, _SUPERSETS.get(encoding, encoding)):
            text = decode_sample(sample, name)
            if text is not None:
                share = _share_of(frequent, text)
                if share >= best_share:
                    best, best_share = name, share
                break
    return best


def _share_of(frequent: frozenset[str], text: str) -> float:
    """Return the share of frequent characters among those beyond ASCII."""
    characters = [character for character in text if character > "\x7f"]
    return sum(character in frequent for character in characters) / max(1, len(characters))


def _single_byte_encoding(sample: bytes) -> str | None:
    """Return the single-byte encoding in which most characters are frequent ones of its languages, or None."""
    shares: dict[str, float] = {}
    for encoding, frequent in SINGLE_BYTE.items():
        text = decode_sample(sample, encoding)
        if text is not None and _has_letters_of_script(text, is_latin=encoding in _LATIN):
            shares[encoding] = _share_of(frequent, text)
    best_share = max(shares.values(), default=0.0)
    if best_share < _MIN_SINGLE_BYTE_SHARE:
        coherence = _coherence(sample, None)
        encoding = max(coherence, key=lambda name: coherence[name], default="")
        return encoding if coherence.get(encoding, 0.0) >= _MIN_COHERENCE else None
    first, *others = (encoding for encoding, share in shares.items() if share == best_share)
    if first != "cp1252" or "cp1250" not in others:
        return first
    coherence = _coherence(sample, ["cp1252", "cp1250"])
    is_central = coherence.get("cp1250", 0.0) > coherence.get("cp1252", 0.0) + _MIN_COHERENCE_LEAD
    return "cp1250" if is_central else "cp1252"


def _coherence(sample: bytes, encodings: list[str] | None) -> dict[str, float]:
    """Return how well the letters agree with a language, by charset-normalizer, for each encoding that is plausible."""
    from charset_normalizer import from_bytes

    coherence: dict[str, float] = {}
    for match in from_bytes(sample, cp_isolation=encodings):
        if _is_plausible(str(match)):
            coherence |= dict.fromkeys(match.could_be_from_charset, match.coherence)
    return coherence


def _has_letters_of_script(text: str, *, is_latin: bool) -> bool:
    """Return whether letters beyond ASCII stand among letters of ASCII in Latin script, and apart in other scripts."""
    num_others = sum(character > "\x7f" and character.isalpha() for character in text)
    if is_latin:
        return num_others <= 2 * sum(character.isascii() and character.isalpha() for character in text)
    return len(_MIXED.findall(text)) <= _MAX_MIXED_SHARE * num_others


def _is_plausible(text: str) -> bool:
    """Return whether the characters beyond ASCII are letters, marks and punctuation rather than controls and boxes."""
    categories = [unicodedata.category(character) for character in text if character > "\x7f"]
    return bool(categories) and sum(category[0] in "LMPZ" for category in categories) >= 0.9 * len(categories)


def _around_first_high_byte(content: bytes) -> bytes:
    """Return a part of the content that contains characters beyond ASCII, in whole lines if possible."""
    high = re.search(rb"[\x80-\xff]", content)
    first = high.start() if high else 0
    start = content.rfind(b"\n", 0, first) + 1
    return content[max(start, first - 1000) :][:_SAMPLE_BYTES]
