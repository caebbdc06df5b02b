"""First and last words of a model's in other languages than English: `Gerne, hier ist der bereinigte Text:`.

The commonest turns of ten languages alone: who hands over a text, offers help, or can't help. What a lesson says
("hier ist die Lösung") has none of them.
"""

from __future__ import annotations

import re

_ENOUGH = 2  # words that are none of English, or seldom

_GERMAN = (
    r"hier (?:ist|sind|folgt|findest du|finden sie) (?:der|die|das|dein\w*|ihr\w*|eine?)\b[^\n.:]{0,40}"
    r"\b(?:überarbeitet|bereinigt|umgeschrieben|verbessert|korrigiert|aufbereitet|neu formuliert)\w*"
    r"|ich (?:hoffe,? (?:das|dies|es|diese)|habe (?:den|die|das|alle|einige|ihren?|deinen?) [^\n.]{0,60}"
    r"(?:entfernt|überarbeitet|umgeschrieben|bereinigt|korrigiert|weggelassen|hinzugefügt|ersetzt))"
    r"|(?:lass|lassen sie) (?:es )?mich (?:bitte )?(?:wissen|es wissen)|(?:wenn|falls) (?:du|sie) (?:noch "
    r"|weitere )*"
    r"(?:fragen|hilfe)|(?:es )?tut mir leid|als (?:ki|sprachmodell)\b|kann ich (?:dir|ihnen) (?:sonst|noch|weiter)"
    r"|viel (?:erfolg|spaß) (?:beim|mit)"
)
_FRENCH = (
    r"voici (?:le|la|les|votre|ton|une?)\b[^\n.:]{0,40}"
    r"(?:réécrit|nettoyé|corrigé|révisé|amélioré|reformulé|remanié)\w*"
    r"|j['’]esp[èe]re que (?:cela|ceci|ça|cette)|n['’]hésite[sz]? pas|si (?:vous|tu) (?:avez|as|voulez|veux"
    r"|souhaite\w*)\b"
    r"[^\n.]{0,30}(?:questions?|aide|que je|autre)|je suis désolée?|en tant qu['’](?:ia|intelligence|assistant)"
    r"|j['’]ai (?:supprimé|réécrit|corrigé|retiré|nettoyé|reformulé|enlevé|omis)|(?:fais"
    r"|faites)-(?:le-)?moi savoir"
)
_SPANISH = (
    r"aqu[íi] (?:est[áa]|tienes|tiene)\b[^\n.:]{0,50}"
    r"(?:reescrit|corregid|revisad|mejorad|limpi|reformulad|texto|página|versión)\w*"
    r"|espero que (?:esto |esta \w+ |te |le |les |sea )|no dud(?:es|e) en|si (?:quieres|quiere|tienes|tiene"
    r"|necesitas"
    r"|necesita|deseas)\b[^\n.]{0,30}(?:puedo|dudas?|preguntas?|ayuda|más)|lo siento[,.]|como (?:modelo|ia\b)"
    r"|he (?:eliminado|reescrito|corregido|quitado|omitido|limpiado|añadido)\b|h[áa]game saber|av[íi]same si"
)
_ITALIAN = (
    r"ecco (?:il|la|i|le|una?|il tuo|la tua)\b[^\n.:]{0,40}"
    r"(?:riscritt|corrett|rivist|ripulit|migliorat|riformulat)\w*|spero che (?:questo|questa|ti|le|sia)"
    r"|non esit(?:are|i) a|se (?:hai|ha|vuoi|vuole) (?:altre |bisogno|domande|posso|che)|mi dispiace[,.]"
    r"|fammi sapere|ho (?:rimosso|riscritto|corretto|eliminato|ripulito|omesso|tolto)\b"
)
_PORTUGUESE = (
    r"(?:aqui est[áa]|segue(?: abaixo)?)\b[^\n.:]{0,50}"
    r"(?:reescrit|corrigid|revisad|melhorad|limp|reformulad|texto|página|versão)\w*|espero que (?:isso|isto"
    r"|ajude|esta)"
    r"|sinta-se à vontade|se (?:você )?(?:quiser|precisar|tiver)\b[^\n.]{0,30}(?:posso|dúvidas?|perguntas?"
    r"|ajuda|mais)"
    r"|sinto muito[,.]|desculpe[,.]|eu? (?:removi|reescrevi|corrigi|retirei)\b"
)
_DUTCH = (
    r"hier (?:is|vind je) (?:de|het|je|uw|een)\b[^\n.:]{0,40}"
    r"(?:herschreven|opgeschoonde|verbeterde|aangepaste)\b|ik hoop dat (?:dit|het|deze)"
    r"|laat (?:het )?me (?:even )?weten"
    r"|als je (?:nog )?(?:meer )?(?:vragen|hulp)"
)
_RUSSIAN = (
    r"вот (?:переписанн|исправленн|очищенн|улучшенн|отредактированн"
    r"|обновл[её]нн)\w*|надеюсь,? (?:это|что|вам|тебе)|(?:дайте|дай) (?:мне )?знать|если (?:у вас|вам|нужн\w+"
    r"|хотите)\b"
    r"[^\n.]{0,30}(?:вопрос|помощь|могу)\w*|извините|к сожалению,? я|я (?:удалил|переписал|исправил|убрал)\w*"
)
_EASTERN = (
    r"以下是[^\n。]{0,12}(?:改写|重写|整理|修改|改进|优化|清理|修正)后?|(?:好的|当然|没问题)[，,！!。]"
    r"|希望(?:这|以上|对你|对您|能)"
    r"|如果(?:你|您)(?:有|需要|还有|想)|(?:抱歉|对不起)[，,]|我(?:已经?|删除了|重写了|去掉了|修改了|改写了)"
    r"|符合(?:您|你)的要求|请(?:告诉我|随时)"
    r"|以下(?:は|が)[^\n。]{0,20}(?:書き直|修正|整理|改善|リライト)|(?:もちろん|承知しました|かしこまりました)"
    r"|(?:お役に立て|参考になれば)|ご(?:質問|不明な点|要望)[^\n。]{0,10}(?:あれば|ございましたら)"
    r"|申し訳(?:ありません|ございません)"
    r"|다음은[^\n.]{0,20}(?:다시 쓴|수정|정리|개선)|(?:물론입니다|알겠습니다)|도움이 되(?:었|길|셨)"
    r"|궁금한 (?:점|것)이? 있"
    r"|죄송합니다"
)
AGREED_ABROAD = re.compile(
    r"\W*(?P<said>(?:gerne?|natürlich|selbstverständlich|klar|sicher|bien s[ûu]r|avec plaisir|certainement"
    r"|d['’]accord"
    r"|claro(?: que sí)?|por supuesto|con gusto|desde luego|certo|certamente|ecco qui|volentieri|com certeza"
    r"|com prazer"
    r"|natuurlijk|graag|zeker|конечно|хорошо|разумеется)\s*[,!.])",
    re.I,
)
"""The words with which a model agrees to do something, as an answer's first."""
_WESTERN = re.compile(
    rf"(?P<said>(?<![^\W_])(?:{_GERMAN}|{_FRENCH}|{_SPANISH}|{_ITALIAN}|{_PORTUGUESE}|{_DUTCH}|{_RUSSIAN}))", re.I
)
_OTHER = re.compile(rf"(?P<said>{_EASTERN})")
_NO_ENGLISH = frozenset(
    """
    der die das den ist und ich mich es sie du wenn falls hier als le la les est et vous tu je un une voici des
    si que el los las esto te aquí aqui no lo en ecco il che questo ti ho se o isso isto você ajude
    het dit de een ik je dat sua sono più por para con per di da do
    """.split()  # noqa: SIM905 - one word a line would be 60 lines
)


def abroad(text: str) -> re.Match[str] | None:
    """Return what a model says in another language than English as the group `said`; each search is short."""
    if not text.isascii() and (found := _OTHER.search(text)) is not None:
        return found
    words = _NO_ENGLISH.intersection(text.lower().split())
    return (
        _WESTERN.search(text)
        if len(words) >= _ENOUGH or any("\u0400" <= one <= "\u04ff" for one in text)
        else None
    )
