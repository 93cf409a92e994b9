"""Messages between the application and the trainer: the recipe, the kinds of work, the report, the worker calls.

The only package of the trainer that the application imports: Pydantic and the standard library, no torch.
Times are seconds, sizes are bytes, losses are nats per label token.
"""

from trainer.protocol.messages import *
from trainer.protocol.work import *
