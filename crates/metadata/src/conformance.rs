use crate::MetadataStore;
use std::{future::Future, sync::Arc};
pub(crate) async fn run<F: Future<Output = Arc<dyn MetadataStore>>>(_make: impl Fn() -> F) {}
