//! The segments this server holds: what is assigned, what is loaded, and the way from one to the other.

pub mod assignment;
pub mod load;
pub mod manager;
pub mod registry;
pub mod reports;

pub use assignment::{Assignment, LocalCopy, TableAssignment, Target, Wanted};
pub use load::{FetchSegment, Loader, Source};
pub use manager::{LoadSegment, RetryPauses, SegmentManager};
pub use registry::{Failure, Loaded, Table, TableInfo, Tables};
pub use reports::{ReportedState, Reports, SegmentReport};
