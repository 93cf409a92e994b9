"""Runs a work file of any kind. Knows exit codes and how failures are recorded; knows nothing of the kinds."""

from __future__ import annotations

import traceback
from pathlib import Path

from trainer.atomic import write_json
from trainer.errors import EXIT_FAILED, EXIT_STOPPED, Stopped, reason_of
from trainer.event_log import EventLog
from trainer.pipeline.evaluate import EvaluationRun
from trainer.pipeline.output import Output, Stop
from trainer.pipeline.train import TrainingRun
from trainer.protocol import TrainWork, read_work


def run_file(path: Path, stop: Stop = lambda: False) -> int:
    """Run a work file and return the exit code: 0 done, 1 failed (`error.json` says why), 75 stopped, run again.

    `stop` is called between steps. Raises ValueError for a file that is not valid work.
    """
    work = read_work(path.read_text(encoding="utf-8"))
    folder = Path(work.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "error.json").unlink(missing_ok=True)
    events = EventLog(folder / "events.jsonl")
    output = Output(folder, events, stop)
    try:
        (TrainingRun(work, output) if isinstance(work, TrainWork) else EvaluationRun(work, output)).execute()
    except Stopped as stopped:
        events.log(str(stopped))
        return EXIT_STOPPED
    except Exception as error:  # every failure must reach the user with a reason
        _record_failure(folder, error, events)
        return EXIT_FAILED
    finally:
        events.close()
    return 0


def _record_failure(folder: Path, error: Exception, events: EventLog) -> None:
    traceback.print_exception(error)
    message = str(error) or type(error).__name__
    events.log(f"failed: {message}"[:2000])
    write_json(folder / "error.json", {"reason": reason_of(error), "error": message[:20_000]})
