//! From the pushed cluster state to "which server is asked for which segments".
//!
//! A [`ClusterView`] is an immutable picture, replaced as a whole when the controller pushes a change; a query works on
//! the one it started with. Routing reads only this picture: queries go on while the controller is away.

pub mod facts;
pub mod health;
pub mod prune;
pub mod select;
pub mod servers;
pub mod table;
pub mod time_boundary;
pub mod view;

pub use select::{Routing, route};
pub use servers::{Server, ServerClients};
pub use table::{SegmentRoute, Selector, TableRoute};
pub use view::{ClusterView, RawTable};
