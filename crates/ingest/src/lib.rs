//! Decoded rows to schema-conforming columns to segments.
