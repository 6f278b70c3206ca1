//! JSON documents: paths in the Jayway dialect, lookup without building the document, text.

mod filter;
pub mod path;
mod seek;
pub mod text;

pub use path::Path;
