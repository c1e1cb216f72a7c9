"""The little words of many languages, by which a text's language shows: they are a quarter of most texts and more."""

from __future__ import annotations

from typing import Final

FUNCTION_WORDS: Final = {
    "bg": "и на в да се не за от че с по са като ще съм му си ли но би защо това който",
    "ca": "el la de que i a en un per no amb és una els es les del al però més com són aquest què",
    "cs": "a se na v je že to s z do o i ve jsem by pro ale jako za jsou jsme co když byl není tak",
    "da": "og i at det er en til på som af for med den de der ikke jeg et har han du var kan vil hvad skal",
    "de": "der die und das ist nicht ein eine zu den ich mit sich auf für im dem von sie es er wir du",
    "en": "the of and to in is that was it for with you he are not this have i a on at be they what",
    "es": "el la los las de y que en un una por con no se para lo su es del como pero más está qué yo",
    "et": "ja on ei et see ma ta oli kui mis sa ka oma nii aga seda kas siis või mida olen veel meie",
    "fi": "ja on ei että se en hän oli mutta minä kuin niin ovat mitä sen tämä olen vain sinä minun joka",
    "fr": "le la les et est des un une que dans pour pas qui sur il je vous du au ne de à en nous ce",
    "hr": "i je se u na da su za što od s ne nije sam to kako bi ali koji će iz kao ti ili smo li",
    "hu": "a az és hogy nem egy is van meg ez azt csak ha volt de mint már még ki vagy én itt nagyon",
    "id": "yang dan di itu dengan untuk tidak ini dari dalam akan pada saya ada ke dia kami bisa adalah juga",
    "it": "il la di che e è un una per non in con del i le si sono della ha ho mi gli lo come questo",
    "lt": "ir yra kad į su tai ne iš jis aš bet kaip buvo už ar per apie mano ką nuo labai mes jo",
    "lv": "un ir ka ar uz no es to par bet kas kā bija viņš tas nav vai tu man lai pie ļoti mēs",
    "nl": "de het een en van is dat in te niet ik je op met zijn voor er hij ze aan was wat maar die",
    "no": "og i at det er en til på som av for med den de ikke jeg et har han du var kan vil hva skal",
    "pl": "i w na nie się z do to że jest o jak po co tak za ale od jego są dla czy przez jestem który",
    "pt": "o a os as e é que em um uma por com não se para do da no na mais de eu ele isso está muito",
    "ro": "și în de la a cu nu că un o pe este pentru din se mai sunt ce am care dar sau fi au lui",
    "ru": "и в не на я что он с это как по но они мы она все за у из вы же так к мне ты бы был",
    "sk": "a sa na v je že to s z do o i vo som by pre ale ako za sú sme čo keď bol nie tak",
    "sl": "in je v se na da za so ki z ne s pa ni sem to kot kaj bi ali po tudi bil smo kako",
    "sv": "och i att det är en till på som av för med den de inte jag ett har han du var kan vill vad",
    "tr": "ve bir bu da de için çok ne o ben mi ile var gibi daha değil ama olarak kadar sen en her",
    "uk": "і в не на я що він з це як та але вони ми вона за у із ви ж так до мені ти був є",
    "vi": "là của và có không được cho trong một những người này với các anh tôi đã khi bạn để đó",
}
"""Written for this table: some twenty or more of the most frequent words each, lower-case. Where two languages share a
word it counts for both, and less."""

CLOSE: Final = (
    frozenset({"da", "no", "nb", "nn", "sv"}),
    frozenset({"hr", "sr", "bs", "sl", "sh", "cnr"}),
    frozenset({"cs", "sk"}),
    frozenset({"es", "ca", "gl", "pt", "ast", "an", "oc"}),
    frozenset({"ru", "uk", "be", "bg", "mk", "sr"}),
    frozenset({"id", "ms"}),
    frozenset({"nl", "af", "fy", "nds", "lb"}),
    frozenset({"fi", "et"}),
)
"""Languages too alike for a judgement between them by so few words."""

NAMES: Final = {
    **{"bg": "Bulgarian", "ca": "Catalan", "cs": "Czech", "da": "Danish", "de": "German", "en": "English"},
    **{"es": "Spanish", "et": "Estonian", "fi": "Finnish", "fr": "French", "hr": "Croatian", "hu": "Hungarian"},
    **{"id": "Indonesian", "it": "Italian", "lt": "Lithuanian", "lv": "Latvian", "nl": "Dutch", "no": "Norwegian"},
    **{"pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sk": "Slovak", "sl": "Slovenian"},
    **{"sv": "Swedish", "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese"},
}
"""What each language of the table is called."""

SAME: Final = {"nb": "no", "nn": "no", "sr": "hr", "bs": "hr", "sh": "hr", "ms": "id", "mo": "ro"}
"""Codes whose texts the table knows under another."""


def are_close(one: str, other: str) -> bool:
    """Whether two languages are too alike to be told apart here."""
    return one == other or any(one in group and other in group for group in CLOSE)
