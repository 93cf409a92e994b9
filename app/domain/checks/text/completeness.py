"""Whether an answer is complete and original: cut-off ends, echoes, repetition, assistant phrases. Pure.

Answers that are labels, numbers, data or code have no sentences; `task` tells which.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from app.domain.checks.code.code_blocks import blocks, prose
from app.domain.checks.problem import Problem
from app.domain.checks.text.vocabulary import DANGLING

SENTENCES = frozenset({"generation", "translation"})
# Latin, Greek and Cyrillic end sentences with a mark; other scripts may not.
LETTER = re.compile(r"[A-Za-zÀ-ɏͰ-ϿЀ-ӿ]")
# A last line that is no sentence: list item, heading, table row, quotation, link, figure, formula.
NO_SENTENCE = re.compile(
    r"\s*(?:[-*•–+#>|]|\d{1,3}[.)]\s|\(?[a-zA-Z][.)]\s|\$|\\|https?://)|.*(?:\||\S{40,}|https?://\S+|www\.\S+"
    r"|[=<>]\s*\S+|\s[-*•]\s+[^.!?]{1,80})\s*$"
)
ENDS = re.compile(r"[.!?…:;。！？।؟]['\"”’»)\]*_]*\s*$|[\"”’»)\]*_}>✓\d%€$]\s*$")
SMILEY = re.compile(r"[:;8=][-~']?[()\[\]]+|\^?_?\^\)")

BOILERPLATE = re.compile(
    r"\bas an? (?:ai|artificial intelligence|large)(?: language)?(?:[- ]model|[- ]assistant)?\b"
    r"|\bas of my (?:last|latest) (?:knowledge )?(?:update|training)|\bmy (?:knowledge cut-?off|training data)\b"
    r"|\bi (?:am|'m) (?:an? )?(?:ai|language model|chatgpt|virtual assistant)\b|\bas a language model\b"
    r"|\bchatgpt\b.{0,20}\bI\b|\bals (?:ki|künstliche intelligenz|ki-sprachmodell|sprachmodell)\b"
    r"|\ben tant que (?:modèle de langage|ia)\b|\bcomo (?:modelo de lenguaje|una ia)\b|\bregenerate response\b",
    re.IGNORECASE,
)
OPENING = re.compile(
    r"\s*(?:certainly|sure(?: thing)?|of course|absolutely|great question|good question"
    r"|i'd be happy to help)\s?[!,.](?:[^.\n!]{0,80}\bhere(?:'s| is| are)\b[^\n:]{0,80}:)?",
    re.IGNORECASE,
)
CLOSING = re.compile(
    r"(?:i hope (?:this|that) helps|let me know if you (?:have|need)|feel free to (?:ask|reach out)|is there"
    r" anything else i can)[^\n]{0,120}\s*$",
    re.IGNORECASE,
)
REFUSAL = re.compile(
    r"\s*(?:i(?:'m| am) (?:very |so |really )?sorry,? (?:but )?(?:i|as)\b|i apologi[sz]e,? but"
    r"|i (?:can ?not|can't|won't|am unable to|'m unable to|am not able to) (?:help|assist|provide|comply|fulfil"
    r"|do that|answer|discuss|create|generate|write)|(?:sorry,? )?(?:but )?i can(?:no|')t (?:help|assist) with)",
    re.IGNORECASE,
)


def check_completeness(prompt: str, completion: str, task: str = "generation") -> Iterator[Problem]:
    """Problems of the answer as a whole; of the prompt only a fence that stays open."""
    for field, text in (("prompt", prompt), ("completion", completion)):
        yield from _open_fence(field, text)
    yield from _phrases(completion)
    yield from _partial_echo(prompt, completion)
    if task != "code":
        yield from _repetition(completion)
    if task in SENTENCES:
        yield from _open_bracket(completion)
        yield from _unfinished(completion)


def _open_fence(field: str, text: str) -> Iterator[Problem]:
    for block in blocks(text):
        if not block.closed and text.strip() != "```":
            span = (block.opened, block.start)
            yield Problem("unclosed_fence", "This code block is never closed; end it with ```.", field, span)


def _phrases(completion: str) -> Iterator[Problem]:
    if match := BOILERPLATE.search(completion[:20_000]):
        yield _phrase("boilerplate", match, "sounds like a chat assistant; write it as the expert you are")
    head = completion[:400]
    if match := REFUSAL.match(head):
        yield _phrase("refusal", match, "refuses; keep it only if the model shall refuse here")
    elif (match := OPENING.match(head)) and len(completion) > match.end() + 20:
        yield _phrase("filler", match, "says nothing; begin with the answer")
    tail = max(0, len(completion) - 400)
    if (match := CLOSING.search(completion, tail)) and match.start() > 0:
        yield _phrase("filler", match, "says nothing; end with the answer")


def _phrase(code: str, match: re.Match[str], words: str) -> Problem:
    quote = " ".join(match.group().split())[:60]
    return Problem(code, f"“{quote}” {words}.", "completion", match.span())


def _partial_echo(prompt: str, completion: str) -> Iterator[Problem]:
    """The completion begins with the whole prompt, or says little else."""
    question, answer = prompt.strip().casefold(), completion.strip().casefold()
    if len(question) < 40 or question == answer:
        return
    start = len(completion) - len(completion.lstrip())
    if answer.startswith(question):
        span = (start, min(len(completion), start + len(question)))
        yield Problem("partial_echo", "The completion begins by repeating the prompt; delete that.", "completion", span)
        return
    before, after = _fives(question), _fives(answer)
    same = len(before & after)
    if len(before) >= 8 and same >= 0.9 * len(before) and same >= 0.9 * len(after):
        words = "The completion is almost identical to the prompt; write the answer."
        yield Problem("partial_echo", words, "completion")


def _fives(text: str) -> set[tuple[str, ...]]:
    words = text.split()[:4000]
    return {tuple(words[place : place + 5]) for place in range(len(words) - 4)}


def _repetition(completion: str) -> Iterator[Problem]:
    """One sentence three times over, or one word five times in a row."""
    sentences = [part.strip().casefold() for part in re.split(r"(?<=[.!?])\s|\n", prose(completion))]
    long = Counter(part for part in sentences if len(part) >= 25 and sum(c.isalpha() for c in part) > 15)
    for part, count in long.most_common(1):
        if count >= 3 and count * len(part) > 0.2 * len(completion):
            place = completion.casefold().rfind(part)
            span = (place, min(len(completion), place + len(part))) if place >= 0 else None
            yield Problem("repetition", f"This sentence appears {count} times; keep one.", "completion", span)
            return
    run, last, end = 1, "", 0
    for match in re.finditer(r"[^\W\d_]{2,40}", completion):
        word = match.group().casefold()
        run = run + 1 if word == last and not completion[end : match.start()].strip(" ,") else 1
        last, end = word, match.end()
        if run == 5:
            words = f"{word!r} appears five times in a row; keep one."
            yield Problem("repetition", words, "completion", match.span())
            return


def _open_bracket(completion: str) -> Iterator[Problem]:
    """A bracket that opens and never closes; lists a) and smileys do not count."""
    text, open_places = SMILEY.sub(lambda match: " " * len(match.group()), prose(completion)), []
    closing = {")": "(", "]": "["}
    for place, character in enumerate(text):
        if character in "([":
            open_places.append(place)
        elif character in closing and open_places and text[open_places[-1]] == closing[character]:
            open_places.pop()
    if open_places and not any(character in "$\\∞" for character in text):
        span = (open_places[-1], open_places[-1] + 1)
        yield Problem("unclosed_bracket", "This bracket is never closed; close it or delete it.", "completion", span)


def _unfinished(completion: str) -> Iterator[Problem]:
    text = completion.rstrip()
    if not text or any(not block.closed or block.end >= len(text) - 8 for block in blocks(completion)):
        return
    last = text[text.rfind("\n") + 1 :]
    words = last.split()
    if not LETTER.match(last[-1:]) and last[-1:] not in ",-–(":
        return
    span = (len(text) - len(words[-1]), len(text))
    dangling = words[-1].casefold().strip("*_") in DANGLING or last[-1] in ",-–("
    if dangling and len(words) >= 4:
        yield Problem("unfinished", "The completion stops in the middle of a sentence; finish it.", "completion", span)
    elif len(words) >= 8 and not NO_SENTENCE.match(last) and not ENDS.search(last) and re.search(r"[.!?]\s", text):
        yield Problem("unfinished", "The last sentence does not end; finish it or add a period.", "completion", span)
