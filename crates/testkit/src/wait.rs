//! Waiting for a condition instead of sleeping.

use std::{future::Future, time::Duration};

use anyhow::{Result, bail};

/// Calls `condition` until it gives a value. Fails after 60 seconds with what was waited for.
pub async fn until<T, F, Fut>(what: &str, mut condition: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Option<T>>,
{
    let poll = async {
        let mut pause = Duration::from_millis(2);
        loop {
            if let Some(value) = condition().await {
                return value;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    };
    match tokio::time::timeout(Duration::from_secs(60), poll).await {
        Ok(value) => Ok(value),
        Err(_) => bail!("waited 60 s in vain: {what}"),
    }
}
