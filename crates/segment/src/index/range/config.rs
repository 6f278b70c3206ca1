//! The range index has no settings.

/// Most buckets.
pub const MAX_BUCKETS: usize = 64;

/// What the bounds of buckets are. The code is the section's first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Domain {
    DictIds = 0,
    Numbers = 1,
}
