"""The child process: reads a file from standard input, writes one JSON line per row to standard output.

It reads one file, gets no database address and no secret, and runs under kernel limits. The only argument holds the
options as JSON. The last line reports the end; when it is missing, the file killed the reader.
"""

from __future__ import annotations

import json
import os
import sys

from app.domain.imports.reading import limits, reader_events


def main() -> None:
    options = json.loads(sys.argv[1])
    limits.confine()
    for event in reader_events.read_events(sys.stdin.buffer, options):
        print(json.dumps(event))
    sys.stdout.flush()
    os._exit(0)  # skip cleanup: a library that stops its threads under these limits may abort


if __name__ == "__main__":
    main()
