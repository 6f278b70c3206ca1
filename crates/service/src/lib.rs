//! What all roles share: configuration, HTTP and gRPC servers, tasks, shutdown, telemetry.
