"""What a language decides: how its translations are scored, its script, and its code in a file's name."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

# Scripts without spaces between words: 13a would take a whole sentence for one word.
_UNSEGMENTED = frozenset({"Han", "Japanese", "Thai", "Lao", "Khmer", "Burmese", "Tibetan"})
_METRIC_TOKENIZER = {**dict.fromkeys((*_UNSEGMENTED, "Hangul"), "char"), "Han": "zh"}
# What Unicode calls the letters of a script, where it is not the name used here.
_UNICODE_NAMES = {"Cjk": "Han", "Hiragana": "Japanese", "Katakana": "Japanese", "Myanmar": "Burmese", "Oriya": "Odia"}
_KANA_SHARE = 0.05  # of the Han characters and kana together; Japanese has about half, and Chinese none
# Languages in another script than the Latin one. Those left out are taken to be Latin.
_SCRIPTS = {
    "Cyrillic": "ru uk be bg mk sr kk ky tg mn tt ba cv os ce av",
    "Greek": "el",
    "Arabic": "ar fa ur ps ckb ug sd dv",
    "Hebrew": "he yi",
    "Devanagari": "hi mr ne sa bho mai",
    "Bengali": "bn as",
    "Gurmukhi": "pa",
    "Gujarati": "gu",
    "Odia": "or",
    "Tamil": "ta",
    "Telugu": "te",
    "Kannada": "kn",
    "Malayalam": "ml",
    "Sinhala": "si",
    "Thai": "th",
    "Lao": "lo",
    "Khmer": "km",
    "Burmese": "my",
    "Tibetan": "bo dz",
    "Georgian": "ka",
    "Armenian": "hy",
    "Ethiopic": "am ti",
    "Han": "zh yue",
    "Japanese": "ja",
    "Hangul": "ko",
}
_SCRIPT_OF = {code: script for script, codes in _SCRIPTS.items() for code in codes.split()}
_TWO_LETTERS_TEXT = (
    "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en "
    "eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv "
    "ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne "
    "ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st "
    "su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu"
)
_TWO_LETTERS = frozenset(_TWO_LETTERS_TEXT.split())
# Three letters after a dot that are no language.
_OTHER_ENDINGS_TEXT = "txt tsv csv tmx tok raw low src tgt trg bpe spm lin dat doc xml htm sgm ref hyp out new old"
_OTHER_ENDINGS = frozenset(_OTHER_ENDINGS_TEXT.split())
_PACKING = frozenset({"gz", "bz2", "xz", "zst", "zip"})


def metric_tokenizer(language: str, seen: str = "") -> str:
    """Returns sacreBLEU's tokenizer for a target language: the value of `evaluation.tokenize`.

    Japanese is scored by character, because the word tokenizer for it needs a package that is not installed with ours.

    Args:
        language: Its code.
        seen: The script of its text, which counts where the code is not known.
    """
    return _METRIC_TOKENIZER.get(script(language, seen), "13a")


def script(language: str, seen: str = "") -> str:
    """Returns the name of the script a language is mostly written in.

    Args:
        language: Its code.
        seen: The script of its text, which counts where the code is not known; empty: taken to be "Latin".
    """
    if is_known(language):
        return _SCRIPT_OF.get(_base(language), "Latin")
    return seen or "Latin"


def is_known(language: str) -> bool:
    """Whether a code says how the language is written."""
    return _base(language) in _TWO_LETTERS or _base(language) in _SCRIPT_OF


def is_segmented(language: str, seen: str = "") -> bool:
    """Whether the language puts spaces between its words; `seen` as for `script`."""
    return script(language, seen) not in _UNSEGMENTED


def script_of(characters: Mapping[str, int]) -> str:
    """Returns the script that a text is mostly written in, by the names that `script` gives; empty without letters.

    Args:
        characters: How often each character occurs.
    """
    found: Counter[str] = Counter()
    for character, count in characters.items():
        if character.isalpha():
            name = re.split(r"[ -]", unicodedata.name(character, "?"), maxsplit=1)[0].capitalize()
            found[_UNICODE_NAMES.get(name, name)] += count
    if found["Japanese"] > _KANA_SHARE * (found["Japanese"] + found["Han"]):
        found["Japanese"] += found.pop("Han", 0)
    return found.most_common(1)[0][0] if found.total() else ""


def guess_languages(source: Path, target: Path | None = None) -> tuple[str, str]:
    """Returns the language codes that two files' names (or one TSV's) speak of; "source" and "target" where none does.

    `my.en` gives "en", `x.de.gz` gives "de", `pairs.en-de.tsv.gz` gives both.
    """
    if target is None:
        return _guess_pair(source) or ("source", "target")
    pair = _guess_pair(source)
    if pair and pair == _guess_pair(target):  # train.en-de.en and train.en-de.de are caught below, by their last part
        return pair
    found = (_guess(source, target), _guess(target, source))
    if found == ("", ""):
        # en.txt and fr.txt: a name that is all code counts only where both are, and differ ("my" is Burmese, and mine).
        first, second = (path.name.partition(".")[0] for path in (source, target))
        if first != second and _is_code(first) and _is_code(second):
            return first, second
    return found[0] or "source", found[1] or "target"


def _base(language: str) -> str:
    return re.split(r"[-_]", language.lower(), maxsplit=1)[0]


def _is_code(part: str) -> bool:
    match = re.fullmatch(r"([a-z]{2,3})([-_][A-Z][A-Za-z]{1,3})?", part)
    if not match:
        return False
    return match[1] in _TWO_LETTERS if len(match[1]) == 2 else match[1] not in _OTHER_ENDINGS


def _endings(path: Path) -> list[str]:
    """Returns what stands after the dots of a file's name, the last first, without what says how it is packed."""
    return [part for part in reversed(path.name.split(".")[1:]) if part not in _PACKING]


def _guess(path: Path, other: Path) -> str:
    """Returns the code in a file's name: a known one first, for any three letters may be one, "dev" and "bak" too."""
    codes = [part for part in _endings(path) if _is_code(part)]
    own = [code for code in codes if code not in _endings(other)]  # what both are called says nothing of either
    return next((code for some in (filter(is_known, own), own, filter(is_known, codes)) for code in some), "")


def _guess_pair(path: Path) -> tuple[str, str] | None:
    endings = _endings(path)
    for part in endings:
        first, dash, second = part.partition("-")
        if dash and first != second and _is_code(first) and _is_code(second):
            is_one_side = _is_code(endings[0]) and (is_known(endings[0]) or endings[0] in (first, second))
            return None if is_one_side else (first, second)
    return None
