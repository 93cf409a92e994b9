"""Names of people in a text: given-name and surname lists, titles, introductions and capitals. Pure.

The lists are those of zxcvbn (United States census): Western names in Latin letters. Names from elsewhere are found
after a title or an introduction ("my name is …") and where their letters or the words around them show a person. A
first name alone is left, since it tells nobody apart, unless a full name or other personal data stands in the same
text, four are listed together, or the words around it address or present the person: "Hi Ann,", "my son Tom".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from zxcvbn.frequency_lists import FREQUENCY_LISTS  # plain data; the version is pinned

from app.domain.checks.pii.redaction import PiiSpan
from app.domain.checks.text.vocabulary import FREQUENT, NAMED_AFTER, NEVER, PARTICLES, SOFT_TITLES, TITLES

COMMON_RANK = 9000
TOKEN = re.compile(r"[^\W\d_]+(?:['’-](?!s\b)[^\W\d_]+)*")
ACCENT = re.compile(r"[^\x00-\x7f]")
DOES = re.compile(
    r",? (?:said|says|told|asked|wrote|writes|lives|lived|works|worked|spent|spoke|called|phoned|listed|joined"
    r"|married|born|and I|will be|explained|shouted|began|from [A-Z])\b"
    r"|['’]s (?:wife|husband|mother|father|son|daughter|house|home|phone|e-?mail|address|account|name|killers?)\b"
)
GAP = re.compile(r"[ \u00a0]|\. ?")
STRONG = re.compile(
    r"(?:\b(?:my|his|her|the patient's|patient|full|first|last|maiden|father's|mother's|wife's|husband's) name(?: is"
    r"|'s|:| was)"
    r"|\b(?:was|is|am) (?:called|named)|(?:^|\n)[ \t>*?-]{0,8}(?:full )?(?:name|patient|attn|attention|client)\s{0,2}:"
    r"|\b(?:mein name ist|ich heiße|je m'appelle|mi nombre es|me llamo|mi chiamo|meu nome é|mijn naam is)"
    r"|\b(?:sincerely|best regards|kind regards|regards|yours truly|cheers|signed|mit freundlichen grüßen"
    r"|cordialement|saludos),?\s{1,4}"
    r"|\bcalls? me|\bname\?|\bc/o|\bsigned by|\bchange (?:my|the) name to)\s{1,8}(?:user: )?[\"'“]?$",
    re.IGNORECASE,
)
WEAK = re.compile(
    r"(?:\b(?:i am|i'm|this is|(?:directed|written|composed|sung|played|painted|founded|led|not)(?: by)?|features?"
    r"|featuring|starring|follow(?:ed)? up with|it's under|dear|hi|hello|hey|contact|speak (?:to|with)"
    r"|spoke (?:to|with)|ask for|met with|heard|said|says|told|asked|patient|author|lawyer|producer|doctor|attorney"
    r"|plaintiff|defendant|client|colleague|neighbou?r|boss|manager|friend|wife|husband|brother|sister|mother|father"
    r"|son|daughter|uncle|aunt|cousin|grand(?:mother|father)|assistant to|player|teacher|singer|actor|actress|writer"
    r"|professor|partner))[ \t,:>]{1,8}$",
    re.IGNORECASE,
)
_RELATIVE = (
    "wife|husband|partner|fiancée?|boyfriend|girlfriend|mother|father|mom|mum|dad|son|daughter|kid|child|baby|brother"
    "|sister|twin|uncle|aunt|cousin|nephew|niece|grand(?:mother|father|son|daughter|ma|pa)|friend|boss|colleague|doctor"
)
# A single name after these is a person: relatives, greetings, introductions, speakers.
SOLO = re.compile(
    rf"(?:\b[Mm]y (?:\w{{1,12}} )?(?:{_RELATIVE}),? |(?:^|[\n\"“])[ \t>]{{0,4}}(?:[Hh]i|[Hh]ello|[Hh]ey|[Dd]ear) "
    rf"|\b(?:I[’']m|I am|[Tt]his is|[Cc]all me) |[\"”] (?:says|said) )$"
)
SPEAKS = re.compile(r": ?[\"“]")
_CAPITAL = r"[A-ZÀ-ÖØ-Þ][^\W\d_]{1,20}"
LISTED = re.compile(rf"(?<!\w){_CAPITAL}(?:, {_CAPITAL}){{2,12}},? (?:and|&|und|et|y) {_CAPITAL}(?!\w)")
CONTACT = re.compile(r"\d{4}|\n\W{0,8}\d{1,5} |@")


@cache
def _ranks(name: str) -> dict[str, int]:
    """word -> its rank in a list, 1 for the most frequent."""
    return {word: rank for rank, word in enumerate(FREQUENCY_LISTS[name], 1)}


@cache
def _spoken() -> frozenset[str]:
    """Words of films, of encyclopaedias and of passwords, names among them: what is in none of them is no English."""
    return frozenset().union(*(FREQUENCY_LISTS[name] for name in ("english_wikipedia", "us_tv_and_film", "passwords")))


@cache
def _lists() -> tuple[frozenset[str], frozenset[str], frozenset[str], frozenset[str]]:
    """Given names, surnames, common English words that are neither, and words known at all."""
    words = _ranks("english_wikipedia")
    first_names = _likely("male_names") | _likely("female_names")
    surnames = _likely("surnames")
    known = frozenset(words)
    common = frozenset(word for word, rank in words.items() if rank < COMMON_RANK) - first_names - surnames
    return first_names, surnames, common, known


def _likely(name: str) -> frozenset[str]:
    """Names that are at least as common as the word spelt alike: Smith and Young, not Cancer or Lab."""
    words = _ranks("english_wikipedia")
    return frozenset(entry for entry, rank in _ranks(name).items() if rank < 400 or 3 * rank < words.get(entry, 99_999))


Token = tuple[int, int, str]


def find_persons(text: str, beside: bool = False) -> Iterator[PiiSpan]:
    """Full names, titled names, and single names after an introduction.

    `beside` other personal data a listed first name tells who it is about, and counts too.
    """
    yield from (taken := list(_listed(text)))
    seen: set[str] = set()
    single: list[Token] = []
    for run in _runs(text):
        if any(run[0][0] < mark.end and mark.start < run[-1][1] for mark in taken):
            continue
        if span := _name(text, run):
            seen |= {word for start, end, word in run if span[0] <= start and end <= span[1] and len(word) > 2}
            yield PiiSpan(*span, "person")
        else:
            single += run
    first_names, _, common, _ = _lists()
    for start, end, word in single:
        # A person named in full is the same person where only a part of the name appears.
        low = word.lower()
        if (word in seen and low not in common and not _is_word(low)) or (
            beside and low in first_names and _is_name(low) and not word.isupper()
        ):
            yield PiiSpan(start, end, "person")


def _listed(text: str) -> Iterator[PiiSpan]:
    """Each of four or more first names in a row, most of them in the lists."""
    first_names, _, common, _ = _lists()
    for match in LISTED.finditer(text):
        names = [token for token in TOKEN.finditer(text, *match.span()) if token.group()[0].isupper()]
        low = [name.group().lower() for name in names]
        if 4 * sum(word in first_names or word in FREQUENT for word in low) >= 3 * len(low) and not set(low) & (
            common | NEVER
        ):
            yield from (PiiSpan(*name.span(), "person") for name in names)


def _runs(text: str) -> Iterator[list[Token]]:
    """Capitalised words, initials and particles that stand side by side, at most seven."""
    run: list[Token] = []
    for match in TOKEN.finditer(text):
        word = match.group()
        if not run and not word[0].isupper():
            continue
        token = (match.start(), match.end(), word)
        joined = bool(run) and bool(GAP.fullmatch(text, run[-1][1], token[0])) and _may_follow(run[-1], text, token)
        if run and (not joined or len(run) == 7):
            yield run
            run = []
        if word[0].isupper() or (run and word in PARTICLES):
            run.append(token)
    if run:
        yield run


def _may_follow(last: Token, text: str, token: Token) -> bool:
    """A full stop joins only after an initial or a title."""
    if "." not in text[last[1] : token[0]]:
        return True
    return len(last[2]) == 1 or last[2].lower() in TITLES


def _name(text: str, run: list[Token]) -> tuple[int, int] | None:
    while run and run[-1][2] in PARTICLES:
        run = run[:-1]
    low = [token[2].lower() for token in run]
    for place, word in enumerate(low[:-1]):
        if word in TITLES and (span := _titled(run[place + 1 :], low[place + 1 :], soft=word in SOFT_TITLES)):
            return span
    if any(word in NAMED_AFTER for word in low[1:]):
        return None
    return _introduced(text, run, low) or _full(run, low)


def _titled(run: list[Token], low: list[str], *, soft: bool) -> tuple[int, int] | None:
    _, surnames, common, _ = _lists()
    if low[0] in NEVER or low[0] in NAMED_AFTER or (low[0] in common and len(low) == 1):
        return None
    if soft and low[0] not in surnames and not _full(run, low):
        return None
    return _extent(run, low, 0)


def _introduced(text: str, run: list[Token], low: list[str]) -> tuple[int, int] | None:
    """A name after words that announce one; after weaker words it must look like one too."""
    first_names, surnames, common, known = _lists()
    start = next((i for i, word in enumerate(low) if word not in NEVER and word[:2] not in ("i'", "i’")), len(run))
    while start < len(run) - 2 and low[start] in common:  # "Producer", "Contact": what a sentence begins with
        start += 1
    if start == len(run) or (low[start] in common and start == len(run) - 1):
        return None
    before = text[max(0, run[start][0] - 40) : run[start][0]]
    if start == len(run) - 1 and _solo(text, before, run[start], low[start]):
        return run[start][:2]
    if STRONG.search(before) and not run[start][2].isupper():
        return _extent(run, low, start)
    if low[start] in common:
        return None
    rest = [word for word in low[start:] if len(word) > 1 and word not in PARTICLES]
    foreign = _foreign(run[start:], rest, _spoken())
    if foreign and (DOES.match(text, run[-1][1]) or _alone(text, run) or any(ACCENT.search(word) for word in rest)):
        return _extent(run, low, start)
    if not rest:
        return None
    listed = rest[0] in first_names or (len(rest) > 1 and rest[-1] in surnames)
    if WEAK.search(before) and (
        _foreign(run[start:], rest, known) or (len(rest) > 1 and listed and not set(rest) & common)
    ):
        return _extent(run, low, start)
    return None


def _solo(text: str, before: str, token: Token, low: str) -> bool:
    """Whether a single name, listed or unknown in English, is a person's by the words around it."""
    first_names, surnames, _, _ = _lists()
    named = ((low in first_names or low in surnames) and _is_name(low)) or low not in _spoken()
    if not named or len(low) < 3 or low in NAMED_AFTER or token[2].isupper():
        return False
    return bool(SOLO.search(before) or SPEAKS.match(text, token[1]))


def _foreign(run: list[Token], rest: list[str], known: frozenset[str]) -> bool:
    """Two or three capitalised words that no English text uses."""
    unknown = all(word not in known and word not in NEVER and len(word) > 2 for word in rest)
    return unknown and len(rest) in (2, 3) and not any(word.isupper() and len(word) > 1 for _, _, word in run)


def _alone(text: str, run: list[Token]) -> bool:
    """Whether the words are a line of their own above an address, a number or an email address."""
    own_line = not text[max(0, run[0][0] - 20) : run[0][0]].rsplit("\n", 1)[-1].strip(" \t>?*-") and text[
        run[-1][1] : run[-1][1] + 1
    ] in ("", "\n")
    return own_line and bool(CONTACT.search(text, run[-1][1], run[-1][1] + 160))


def _full(run: list[Token], low: list[str]) -> tuple[int, int] | None:
    """A listed given name and a word that can be a surname, or a rare word and a listed surname."""
    for place in range(len(run) - 1):
        if low[place] in NEVER:
            continue
        end = _extent_place(low, place)
        if end > place and _fits(run, low, place, end):
            return run[place][0], run[end][1]
    return None


def _fits(run: list[Token], low: list[str], place: int, end: int) -> bool:
    first_names, surnames, common, known = _lists()
    first, last = low[place], low[end]
    if last in common or last in NEVER or len(last) < 2:
        return False
    shouted = run[place][2].isupper() and run[end][2].isupper() and len(first) > 1
    middle = end > place + 1 and all(len(word) == 1 for word in low[place + 1 : end])
    if middle and not shouted and len(first) > 2 and len(last) > 3 and _may_be_name(first) and _may_be_name(last):
        return True
    if first in first_names and _is_word(first):
        return last in surnames and not shouted
    if first in first_names:
        return last in surnames or last in first_names or (not shouted and last not in known)
    initial = len(first) == 1 and last in surnames and not _is_word(last) and first != "i"
    return not shouted and (
        (initial and end > place + 1) or (first not in known and last in surnames and not _is_word(last))
    )


def _may_be_name(word: str) -> bool:
    first_names, surnames, _, _ = _lists()
    return word in first_names or word in surnames or word not in _spoken()


def _is_name(name: str) -> bool:
    """A first name that is no ordinary English word."""
    rank: int = _ranks("english_wikipedia").get(name, 99_999)
    return (len(name) > 2 and rank > 3000) or name in FREQUENT


def _is_word(name: str) -> bool:
    """Names that are ordinary words too: Mark, Grace, Will."""
    return bool(_ranks("english_wikipedia").get(name, 99_999) < 1500)


def _extent_place(low: list[str], place: int) -> int:
    """The last word of the name that begins at `place`: initials and particles are passed over."""
    end, names = place, 0
    for following in range(place + 1, len(low)):
        word = low[following]
        if len(word) == 1 or word in PARTICLES:
            continue
        if word in NEVER or word in NAMED_AFTER:
            break
        end, names = following, names + 1
        if names == 3:
            break
    return end


def _extent(run: list[Token], low: list[str], place: int) -> tuple[int, int]:
    return run[place][0], run[_extent_place(low, place)][1]
