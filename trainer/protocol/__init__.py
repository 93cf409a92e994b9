"""Messages between the application and the trainer: the recipe, the kinds of work, the report, the worker calls.

The only package of the trainer that the application imports: Pydantic and the standard library, no torch.
Times are seconds, sizes are bytes, losses are nats per label token.
"""

from trainer.protocol.messages import (
    Artifact,
    Claim,
    ClaimRequest,
    Event,
    Events,
    FailureReason,
    Finish,
    Heartbeat,
    HeartbeatReply,
    Outcome,
)
from trainer.protocol.recipe import EarlyStopping, LoraRecipe, Recipe, ResolvedRecipe
from trainer.protocol.report import (
    LOWER_IS_BETTER,
    Answer,
    AnswerText,
    Comparison,
    Cost,
    Difference,
    Interval,
    Report,
    Slice,
)
from trainer.protocol.work import ChatMessage, DataFile, EvaluateWork, Example, System, Task, TrainWork, Work, read_work
