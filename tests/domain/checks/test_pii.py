"""Personal data and secrets: found, marked exactly, and taken out by redaction."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings, strategies as st

from app.domain.checks.pii.check import check_pii, find_spans
from app.domain.checks.pii.redaction import KINDS, PiiSpan, merged, redact

FOUND = [
    ("Write to ann.lee@mailbox.org today", "email", "ann.lee@mailbox.org"),
    ("IBAN de89 3704 0044 0532 0130 00 please", "iban", "de89 3704 0044 0532 0130 00"),
    ("My IBAN: GB33BUKB20201555555556", "iban", "GB33BUKB20201555555556"),
    ("Charge 4111 1111 1111 1111 now", "card", "4111 1111 1111 1111"),
    ("the card 30569309025904 is lost", "card", "30569309025904"),
    ("her SSN is 536-90-4399", "ssn", "536-90-4399"),
    ("my social security number is 536904399", "ssn", "536904399"),
    ("She was born on 3 March 1979 in Ulm", "birth_date", "3 March 1979"),
    ("DOB: 1979-03-03, admitted today", "birth_date", "1979-03-03"),
    ("geboren am 03.03.1979", "birth_date", "03.03.1979"),
    ("Passport no. C01X00T47 expires soon", "passport", "C01X00T47"),
    ("my driver's license number is D1234567", "licence", "D1234567"),
    ("MRN: 00482913 was admitted", "health_id", "00482913"),
    ("my account number is 12345678", "account", "12345678"),
    ("codice RSSMRA85T10A562S allegato", "national_id", "RSSMRA85T10A562S"),
    ("HETU 131052-308T", "national_id", "131052-308T"),
    ("DNI 54362315K", "national_id", "54362315K"),
    ("CPF 390.533.447-05", "national_id", "390.533.447-05"),
    ("AHV 756.9217.0769.85", "national_id", "756.9217.0769.85"),
    ("blocked at 84.17.46.201 again", "ip", "84.17.46.201"),
    ("from 2a00:1450:4001:0831:0000:0000:0000:200e", "ip", "2a00:1450:4001:0831:0000:0000:0000:200e"),
    ("device 3c:22:fb:9a:10:7e", "mac", "3c:22:fb:9a:10:7e"),
    ("see https://www.linkedin.com/in/ann-lee-77 there", "url", "https://www.linkedin.com/in/ann-lee-77"),
    ("Call +49 30 901820 tomorrow", "phone", "+49 30 901820"),
    ("Call me: (415) 555-2671 x12", "phone", "(415) 555-2671 x12"),
    ("mobile: 0171 5551234", "phone", "0171 5551234"),
    (
        "She lives at 12 Maple Grove Road, Springfield, IL 62704.",
        "address",
        "12 Maple Grove Road, Springfield, IL 62704",
    ),
    ("Lindenstraße 14, 10969 Berlin", "address", "Lindenstraße 14, 10969 Berlin"),
    ("12 rue de la Paix, 75002 Paris", "address", "12 rue de la Paix, 75002 Paris"),
    ("Calle Mayor 5 is closed", "address", "Calle Mayor 5"),
    ("Send it to PO Box 4412", "address", "PO Box 4412"),
    ("My name is Nkechi Obiora and I ask", "person", "Nkechi Obiora"),
    ("Dr. Szabó saw her", "person", "Szabó"),
    ("We met Margaret O. Holloway at court", "person", "Margaret O. Holloway"),
    ("My son Lukas may draw on it", "person", "Lukas"),
    ("Hi Ravinder,\nthe card came", "person", "Ravinder"),
    ("I'm Roberto and I ask", "person", "Roberto"),
    ('"It was late," said Hartvigsson.', "person", "Hartvigsson"),
    ('Koppány: "Who is there?"', "person", "Koppány"),
    ("They sent Deborah, Hannah, Anthony, Derek and Joanna home", "person", "Joanna"),
    ("A song by Vide A. Persson", "person", "Vide A. Persson"),
    ("Producer Liviana Palerma explained it", "person", "Liviana Palerma"),
    ("Mrs. Kathrine Ondra Apt. 675", "person", "Kathrine Ondra"),
    ("Our office is at 704 1436 Redbud Drive", "address", "704 1436 Redbud Drive"),
    ("Meet me at the corner of Beiteveien 2 and Mill Lane", "address", "the corner of Beiteveien 2 and Mill Lane"),
    ("It is on Villacher Strasse 89 now", "address", "Villacher Strasse 89"),
    ("She lives at 12 Λεωφόρος Αθηνών 184", "address", "12 Λεωφόρος Αθηνών 184"),
    ("12 Maple Grove Road\nSalem\n503 555 0132 office", "address", "12 Maple Grove Road\nSalem"),
    ("wallet 1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "wallet", "1BoatSLRHtKNngkdXEeobR76b53LETtpyT"),
    ("the password is hunter2x, keep it", "password", "hunter2x"),
    ("key sk-" + "proj-" + "Ab3" * 12, "secret", "sk-" + "proj-" + "Ab3" * 12),
    ("glpat" + "-" + "x9" * 10, "secret", "glpat" + "-" + "x9" * 10),
    ("AKIA" + "IOSFODNN7ABCDEFG is it", "secret", "AKIA" + "IOSFODNN7ABCDEFG"),
]
ORDINARY = [
    "Take 500 mg twice a day for 7 to 10 days; the range is 3.5-5.0 mmol/L.",
    "Parkinson disease and Down syndrome are named after physicians.",
    "The Treaty of Versailles was signed in 1919; see pages 1914-1918.",
    "Will Smithsonian exhibits in May or June cost 1,250,000 dollars?",
    "Python 3.11.7 runs at 127.0.0.1 and 192.168.0.1.",
    "Under section 12(3) of the Act, Johnson County Hospital is liable.",
    "SELECT a.id, b.total FROM orders a JOIN bills b ON a.id = b.order_id WHERE b.total > 1000000;",
    "He pays 60000 - 10800 = 49200 in 24 months.",
    "ISBN 978-0-306-40615-7 and DOI 10.1000/182",
    "The password is case-sensitive and has 12 characters.",
    "Call 1-800-411-1222 for the hotline or write to support@example.com.",
    "How do I live on 20 Euros? Between 1999 and 2003 it rose 12 percent.",
    "Grace and Mark will march in May.",
    "Paris, London, Berlin and Madrid are capitals; Monday, Tuesday, Wednesday and Friday are days.",
    "Tom gave his brother Sam four apples, said thanks to Ann and went home.",
    'Hi Support, my Visa card is late. Note: "paid" means settled.',
    "Vitamin A Deficiency and Hepatitis B Infection differ; Plan B works.",
]


@pytest.mark.parametrize(("text", "kind", "value"), FOUND, ids=[f"{kind}-{value[:12]}" for _, kind, value in FOUND])
def test_each_kind_is_found_and_marked_exactly(text: str, kind: str, value: str) -> None:
    assert (kind, value) in {(mark.kind, text[mark.start : mark.end]) for mark in find_spans(text, ["en", "de"])}


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_has_none(text: str) -> None:
    assert [(mark.kind, text[mark.start : mark.end]) for mark in find_spans(text, ["en"])] == []


def test_a_plain_row_of_digits_counts_in_a_project_of_its_country() -> None:
    text = "numer 44051401359"
    assert find_spans(text, ["en"]) == []
    assert [mark.kind for mark in find_spans(text, ["pl"])] == ["national_id"]


def test_somebody_named_once_in_full_is_known_again() -> None:
    text = "Harriet Blackwood fell. Blackwood was seen at once."
    assert redact(text, find_spans(text)) == "[NAME 1] fell. [NAME 2] was seen at once."


def test_a_first_name_counts_beside_other_personal_data() -> None:
    assert find_spans("Deborah has four apples.") == []
    assert {mark.kind for mark in find_spans("Deborah, ring +49 30 901820")} == {"person", "phone"}


def test_a_problem_carries_the_click_that_mends_it() -> None:
    [problem] = check_pii("prompt", "Write to ann.lee@mailbox.org")
    found = problem.as_dict()
    assert found["fix"] == {"span": [9, 28], "replacement": "[EMAIL]"}
    assert (found["code"], found["kind"], found["severity"]) == ("pii", "email", "warn")


def test_a_secret_blocks() -> None:
    [problem] = check_pii("prompt", "use hf_" + "a1B2" * 9)
    assert (problem.code, problem.severity) == ("secret", "block")


def test_redaction_keeps_one_placeholder_for_one_value() -> None:
    text = "a@b.de, c@d.de and a@b.de"
    marks = [PiiSpan(0, 6, "email"), PiiSpan(8, 14, "email"), PiiSpan(19, 25, "email")]
    assert redact(text, marks) == "[EMAIL 1], [EMAIL 2] and [EMAIL 1]"


def test_overlapping_marks_are_replaced_as_one() -> None:
    assert redact("abcdef", [PiiSpan(1, 4, "phone"), PiiSpan(3, 5, "card")]) == "a[PHONE]f"


def test_redacted_text_has_nothing_left() -> None:
    for text, _, value in FOUND:
        clean = redact(text, find_spans(text, ["en", "de"]))
        assert value not in clean
        assert find_spans(clean, ["en", "de"]) == []


BITS = [value for _, _, value in FOUND] + [
    "\n",
    " ",
    "é",
    "😀",
    "Dr. ",
    "password is ",
    "1",
    ".",
    "-",
    "(",
    "@",
    "ﬁ",
    "\u00a0",
]
TEXTS = st.one_of(st.text(max_size=200), st.lists(st.sampled_from(BITS), max_size=12).map("".join))


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_marks_lie_inside_the_text_in_order_and_apart(text: str) -> None:
    marks = find_spans(text, ["en", "de", "pl"])
    places = [place for mark in marks for place in (mark.start, mark.end)]
    assert places == sorted(places)
    assert all(0 <= mark.start < mark.end <= len(text) and mark.kind in KINDS for mark in marks)


@settings(max_examples=150, deadline=None)
@given(
    st.text("ab ", max_size=40),
    st.lists(st.tuples(st.integers(-5, 50), st.integers(-5, 50), st.sampled_from([*KINDS]))),
)
def test_redaction_removes_what_is_marked_and_nothing_else(text: str, marks: list[tuple[int, int, str]]) -> None:
    whole = merged(marks, len(text))
    kept = "".join(c for place, c in enumerate(text) if not any(mark.start <= place < mark.end for mark in whole))
    clean = redact(text, marks)
    assert "".join(c for c in clean if c in "ab") == "".join(c for c in kept if c in "ab")
    assert clean.count("[") == len(whole)


WORST = [
    "Aa ", "1 Aa ", "1 Aa, ", "Aa. ", "A. ", "Aa-", "Aa'", "12 Aa Bb Cc Dd ", "Apt 12 ", "1 rue de la ",
    "Via de la ", "Aastraße ", "address is 1 Aa ", "live at ", "born 1", "born  ", "passport no: ", "passport A1 ",
    "account ", "password is a", "pass", "key=", "http://a.b/", "http://aaaa?", "my website ", "www.", "::", "a:b:",
    "00:11:", "1.2.3.", "0x", "1" * 31 + " ", "sk_live_", "AKIA", "BEGIN PRIVATE KEY",
    "-----BEGIN RSA PRIVATE KEY-----a", "://a:", "xoxb-1", "A1-", "DE89 ", "4111 ", "+1 (", "(0", "00 1", "tel: 1",
    "Mr. ", "Dr. Aa Bb ", "my name is ", "John Smith ", "van ", "É", "\n1 Aa\n", "\n> Aa Bb", "12345 Aa\n",
    "PO Box 1, ",
]  # fmt: skip


@pytest.mark.parametrize("bit", WORST)
def test_four_times_the_text_takes_no_square_of_the_time(bit: str) -> None:
    def seconds(size: int) -> float:
        text, began = bit * (size // len(bit)), time.process_time()
        find_spans(text, ["en", "de", "pl"])
        return time.process_time() - began

    seconds(200)
    assert seconds(32_000) < 10 * (seconds(8_000) + 0.05)
