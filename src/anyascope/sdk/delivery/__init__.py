"""What stands between the process and the network: bounded queues, a disk spool, one sender a far end, and an account.

    use_spool("/var/lib/custody/spool")
    door = open_door("metrics", Target("http://127.0.0.1:4318/v1/metrics"))
    door.deliver(body, items=12)

Whatever the far end does, `deliver` returns at once; what cannot be kept is dropped and counted (`delivery_stats`).
"""

from anyascope.sdk.delivery.doors import (
    DeliveryStats,
    Door,
    deliver,
    delivery_stats,
    flush,
    open_door,
    register,
    use_spool,
)
from anyascope.sdk.delivery.process import limit_exit
from anyascope.sdk.delivery.processors import (
    batch_log_processor,
    batch_span_processor,
    door_log_exporter,
    door_span_exporter,
)
from anyascope.sdk.delivery.tally import Reason, SignalStats
from anyascope.sdk.delivery.target import Format, Target, Transport

__all__ = [
    "DeliveryStats",
    "Door",
    "Format",
    "Reason",
    "SignalStats",
    "Target",
    "Transport",
    "batch_log_processor",
    "batch_span_processor",
    "deliver",
    "delivery_stats",
    "door_log_exporter",
    "door_span_exporter",
    "flush",
    "limit_exit",
    "open_door",
    "register",
    "use_spool",
]
