"""A small routing task written for the journeys: four desks, short requests, an objective answer."""

from __future__ import annotations

import itertools
import json

DESKS = {
    "billing": ["the invoice", "my bill", "a payment", "the charge on my card"],
    "pharmacy": ["a refill", "my tablets", "the prescription", "a dose of my medicine"],
    "laboratory": ["my blood test", "the results", "a urine sample", "the x-ray report"],
    "appointments": ["a new appointment", "moving my visit", "cancelling my slot", "seeing the doctor on Monday"],
}
FRAMES = [
    "I have a question about {}.",
    "Could somebody please help me with {}?",
    "My mother needs {} this week.",
    "Nobody called me back about {}, and it is urgent.",
    "Who is the right person to ask for {}?",
    "I wrote yesterday concerning {} and hope for a reply.",
    "Is there any news on {} since Tuesday?",
    "The leaflet does not say what to do about {}.",
]


def lines() -> bytes:
    """128 pairs as JSON Lines, with a tag for the desk and one for the tone."""
    rows = []
    for (desk, things), (number, frame) in itertools.product(DESKS.items(), enumerate(FRAMES)):
        rows += [
            {
                "prompt": frame.format(thing),
                "completion": desk,
                "category": desk,
                "tone": "urgent" if number == 3 else "calm",
            }
            for thing in things
        ]
    return "\n".join(json.dumps(row) for row in rows).encode()
