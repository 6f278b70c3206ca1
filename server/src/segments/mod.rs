//! The segments this server holds: what is assigned, what is loaded, and the way from one to the other.

pub mod assignment;
pub mod load;
pub mod local_copy;
pub mod manager;
pub mod registry;
pub mod reports;

pub use assignment::{Assignment, TableAssignment, TableChange, Target, Wanted};
pub use load::{FetchSegment, Loader, Source};
pub use local_copy::LocalCopy;
pub use manager::{LoadSegment, RetryPauses, SegmentManager};
pub use registry::{Failure, Loaded, Table, TableInfo, Tables};
pub use reports::{ReportedState, Reports, SegmentReport};
