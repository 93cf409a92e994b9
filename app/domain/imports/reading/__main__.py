"""The child process: a file on its standard input, a line of JSON for each row on its standard output.

It is started for one file, has no database address and no secret, and is bounded by the kernel. Options are JSON in
the only argument. The last line says that it came to the end; where it is missing, the file killed the reader.
"""

from __future__ import annotations

import json
import os
import sys

from app.domain.imports.reading import limits, reader_events


def main() -> None:
    options = json.loads(sys.argv[1])
    limits.confine()
    for saying in reader_events.of_file(sys.stdin.buffer, options):
        print(json.dumps(saying))
    sys.stdout.flush()
    os._exit(0)  # all is said: a library that tidies up its threads under these limits may abort, and spoil a good end


if __name__ == "__main__":
    main()
