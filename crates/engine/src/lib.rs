//! One bound query over many segments.
