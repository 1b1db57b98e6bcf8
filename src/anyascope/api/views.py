"""What `app` fills in for `/status`."""

from anyascope.wire.own_api import CollectorView, ConfigView, FaceView, ProblemView, SignalView, StatusView

__all__ = ["CollectorView", "ConfigView", "FaceView", "ProblemView", "SignalView", "StatusView"]
