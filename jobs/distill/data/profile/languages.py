"""Which language a text is most likely written in: by its writing system, else by its commonest little words.

A simple method on purpose: no model, no network, the same answer everywhere, and "not told" rather than a guess. A
writing system of one language decides alone; Latin and Cyrillic letters are told apart by stop words (each counts one)
and by letters only a few languages use. The best language must be ahead of the second.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache

LOOKED_AT = 1000  # characters of a text
UNKNOWN, NONE = "not told", "no words"
WORD = re.compile(r"[^\W\d_]+")

BY_SCRIPT = {
    "HANGUL": "Korean", "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "CJK": "Chinese", "THAI": "Thai", "HEBREW": "Hebrew",
    "GREEK": "Greek", "ARMENIAN": "Armenian", "GEORGIAN": "Georgian", "DEVANAGARI": "Hindi", "BENGALI": "Bengali", "TAMIL": "Tamil",
    "TELUGU": "Telugu", "GUJARATI": "Gujarati", "GURMUKHI": "Punjabi", "KANNADA": "Kannada", "MALAYALAM": "Malayalam", "SINHALA": "Sinhala",
    "KHMER": "Khmer", "LAO": "Lao", "MYANMAR": "Burmese", "TIBETAN": "Tibetan", "ETHIOPIC": "Amharic", "MONGOLIAN": "Mongolian",
}  # fmt: skip
RANGES = (
    (0x0041, 0x024F, "LATIN"), (0x1E00, 0x1EFF, "LATIN"), (0x0370, 0x03FF, "GREEK"), (0x0400, 0x052F, "CYRILLIC"), (0x0530, 0x058F, "ARMENIAN"),
    (0x0590, 0x05FF, "HEBREW"), (0x0600, 0x077F, "ARABIC"), (0x0900, 0x097F, "DEVANAGARI"), (0x0980, 0x09FF, "BENGALI"), (0x0A00, 0x0A7F, "GURMUKHI"),
    (0x0A80, 0x0AFF, "GUJARATI"), (0x0B80, 0x0BFF, "TAMIL"), (0x0C00, 0x0C7F, "TELUGU"), (0x0C80, 0x0CFF, "KANNADA"), (0x0D00, 0x0D7F, "MALAYALAM"),
    (0x0D80, 0x0DFF, "SINHALA"), (0x0E00, 0x0E7F, "THAI"), (0x0E80, 0x0EFF, "LAO"), (0x0F00, 0x0FFF, "TIBETAN"), (0x1000, 0x109F, "MYANMAR"),
    (0x10A0, 0x10FF, "GEORGIAN"), (0x1100, 0x11FF, "HANGUL"), (0x1200, 0x137F, "ETHIOPIC"), (0x1780, 0x17FF, "KHMER"), (0x1800, 0x18AF, "MONGOLIAN"),
    (0x3040, 0x309F, "HIRAGANA"), (0x30A0, 0x30FF, "KATAKANA"), (0x3400, 0x9FFF, "CJK"), (0xAC00, 0xD7AF, "HANGUL"),
)  # fmt: skip
LATIN = {
    "English": "the and is are was were of to in it you that this with for have has not my do does can how what when why i a on be at from your me will would there which an if",
    "German": "der die das und ist nicht ein eine ich sie wir mit für auf den dem zu es wie was wann warum kann habe haben wird werden sind bei nach oder auch mein meine wurde von im",
    "French": "le la les un une des est et pas que qui je vous nous pour dans avec sur ce cette mon ma mes du au aux il elle comment pourquoi quand où être avoir ne plus sont était",
    "Spanish": "el la los las un una es y no que en por para con mi se lo como qué cuándo cómo está son del al pero más muy su sus yo usted hay fue esta este o porque",
    "Italian": "il lo la gli le un una è e non che di per con mi si come quando perché sono del della nel ho ha più questo questa ma anche cosa dove al alla dei era o",
    "Portuguese": "o a os as um uma é e não que em por para com meu minha se como quando está são do da no na dos das mais muito você eu foi isso mas ou também porque ao",
    "Dutch": "de het een is en niet van ik je we met voor op te dat die wat hoe wanneer waarom kan heb heeft zijn naar ook mijn wordt werd aan er maar of bij om uit",
    "Swedish": "och att det är en ett inte jag du vi med för på som av till den de kan har hur när varför min mitt var om eller från men också så blir",
    "Danish": "og at det er en et ikke jeg du vi med for på som af til den de kan har hvordan hvornår hvorfor min mit var om eller fra men også så bliver",
    "Norwegian": "og at det er en et ikke jeg du vi med for på som av til den de kan har hvordan når hvorfor min mitt var om eller fra men også så blir",
    "Finnish": "ja on ei se että en minä sinä hän me kun mutta tai mitä miten miksi milloin oli ovat minun tämä joka kuin voi ole niin myös mikä",
    "Polish": "i w na nie się że to jest do z jak co czy kiedy dlaczego mój moja są był była o po za ale lub przez dla od może ten ta tego mam",
    "Czech": "a v na se je že to do z jak co kdy proč můj moje jsou byl byla o po za ale nebo pro od může ten ta toho mám není ne by jsem s",
    "Romanian": "și de la un o este nu că în pe cu mi se ce cum când pentru sunt din care am ai are mai sau dar unde acest această fi a fost",
    "Hungarian": "a az és hogy nem is egy van de ha mi miért mikor hogyan ez ki vagy csak már meg volt én te nekem lehet minden mint",
    "Turkish": "ve bir bu için ile ne nasıl neden da de çok ben sen var yok mi mı olarak daha gibi ama veya kadar değil oldu benim zaman",
    "Indonesian": "dan yang di ini itu untuk dengan tidak saya anda adalah ke dari pada apa bagaimana kapan mengapa bisa akan ada atau juga kami sudah oleh",
    "Vietnamese": "và của là không tôi bạn có được cho này đã một những các với để trong khi như thế nào tại sao người đến từ ở",
}  # fmt: skip
CYRILLIC = {
    "Russian": "и в не на что я с как это он она мы вы по но из за от у для так же бы когда почему мой моя есть был была или о к",
    "Ukrainian": "і в не на що я з як це він вона ми ви по але із за від у для так же би коли чому мій моя є був була або о до та",
    "Bulgarian": "и в не на че аз с как това той тя ние вие по но от за у така кога защо мой моя е са беше или до да се ми",
    "Serbian": "и у не на да је ја с како то он она ми ви по али из за од ка тако када зашто мој моја су био била или до се",
}  # fmt: skip
LETTERS = {
    "German": "ß", "Spanish": "ñ¿¡", "Portuguese": "ãõ", "Polish": "łżźćśńąę", "Czech": "řěůťďň", "Romanian": "țșăî", "Hungarian": "őű", "Turkish": "ğış",
    "Vietnamese": "ơưđạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ", "Russian": "ыэё", "Ukrainian": "їєґ", "Bulgarian": "", "Serbian": "јљњћђџ", "French": "çœ",
}  # fmt: skip


def _table(words: dict[str, str]) -> dict[str, tuple[str, ...]]:
    """Word -> the languages that use it."""
    out: dict[str, list[str]] = {}
    for language, listed in words.items():
        for word in set(listed.split()):
            out.setdefault(word, []).append(language)
    return {word: tuple(found) for word, found in out.items()}


STOP_WORDS = {"LATIN": _table(LATIN), "CYRILLIC": _table(CYRILLIC)}
BY_LETTER = {letter: language for language, letters in LETTERS.items() for letter in letters}


@lru_cache(maxsize=8192)
def writing(character: str) -> str:
    code = ord(character)
    return next((name for low, high, name in RANGES if low <= code <= high), "OTHER")


def language(text: str) -> str:
    """`English`, `Japanese`, ...; `not told` where the little words do not decide; `no words` without letters."""
    seen = text[:LOOKED_AT].lower()
    if seen.isascii():
        return _by_words(seen, "LATIN") if WORD.search(seen) else NONE
    letters = Counter(writing(c) for c in seen if c.isalpha())
    if not letters:
        return NONE
    if letters["HIRAGANA"] + letters["KATAKANA"] > 0.1 * (letters["CJK"] + 1) and letters["HIRAGANA"]:
        return "Japanese"
    most = letters.most_common(1)[0][0]
    if most in STOP_WORDS:
        return _by_words(seen, most)
    if most == "ARABIC":
        return "Persian" if any(c in seen for c in "پچژگ") else "Arabic"
    return BY_SCRIPT.get(most, UNKNOWN)


def _by_words(text: str, script: str) -> str:
    table, scores = STOP_WORDS[script], Counter[str]()
    words = WORD.findall(text)
    for word in words:
        for name in table.get(word, ()):
            scores[name] += 1
    if not text.isascii():
        for letter in set(text):
            if (name := BY_LETTER.get(letter, "")) and (script == "CYRILLIC") == (name in CYRILLIC):
                scores[name] += 2
    best = scores.most_common(2)
    if not best or best[0][1] < min(2, len(words)) or (len(best) > 1 and best[1][1] == best[0][1]):
        return UNKNOWN
    return best[0][0]
