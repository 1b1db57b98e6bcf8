"""HTTP, gRPC and sockets in: each protocol reads its bodies, decodes them by `wire` and hands them to `ports.Intake`."""
