//! The broker role: SQL over HTTP, routing, scatter and gather.
