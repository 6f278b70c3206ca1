//! How many queries a second are taken: of a table, a database, an application.
//!
//! Each broker counts for itself. A rate is kept as a bucket that fills while nobody asks, at most with what one second
//! gives, so that a burst after a pause is served and a steady excess is not.

use std::{
    collections::{BTreeMap, HashMap},
    time::Instant,
};

use parking_lot::Mutex;

use crate::routing::{ClusterView, RawTable};

/// Buckets that are remembered at most; the names of applications come from requests.
const MAX_BUCKETS: usize = 10_000;

/// Cluster configs that hold quotas: `<prefix><name>`.
const DATABASE: &str = "databaseQuota.";
const APPLICATION: &str = "applicationQuota.";
/// Cluster configs with the quota of every database or application that has none of its own.
const ANY_DATABASE: &str = "databaseMaxQueriesPerSecond";
const ANY_APPLICATION: &str = "applicationMaxQueriesPerSecond";
/// `true` where an operator has switched the quotas of this broker off.
const UNLIMITED: &str = "queryRateLimitDisabled";

#[derive(Debug)]
struct Bucket {
    rate: f64,
    /// Queries that may come at once.
    stored: f64,
    /// From when on the next one may come, if nothing is stored.
    next: Instant,
}

/// The buckets of one broker.
#[derive(Debug, Default)]
pub struct Quotas {
    buckets: Mutex<HashMap<String, Bucket>>,
}

impl Bucket {
    fn new(rate: f64, now: Instant) -> Self {
        Self { rate, stored: 0.0, next: now }
    }

    fn take(&mut self, now: Instant) -> bool {
        if now < self.next {
            return false;
        }
        let idle = now.duration_since(self.next).as_secs_f64();
        self.stored = (self.stored + idle * self.rate).min(self.rate);
        let spent = self.stored.min(1.0);
        self.stored -= spent;
        // What is not in store is paid for by those who come after.
        self.next = now + std::time::Duration::from_secs_f64(((1.0 - spent) / self.rate).min(86_400.0));
        true
    }
}

impl Quotas {
    /// Whether another query of `name` may be taken. A rate of 0 lets none in.
    fn take(&self, name: String, rate: f64, now: Instant) -> bool {
        if rate <= 0.0 {
            return false;
        }
        let mut buckets = self.buckets.lock();
        if buckets.len() >= MAX_BUCKETS && !buckets.contains_key(&name) {
            // The idle ones hold nothing that would be missed.
            buckets.retain(|_, bucket| now.saturating_duration_since(bucket.next).as_secs() < 60);
            if buckets.len() >= MAX_BUCKETS {
                return true;
            }
        }
        let bucket = buckets.entry(name).or_insert_with(|| Bucket::new(rate, now));
        if bucket.rate != rate {
            *bucket = Bucket::new(rate, now);
        }
        bucket.take(now)
    }

    /// Takes a query of a table. The error names what has had enough: `table: t`.
    pub fn admit(
        &self,
        view: &ClusterView,
        table: &RawTable,
        application: Option<&str>,
        now: Instant,
    ) -> Result<(), String> {
        if view.configs.get(UNLIMITED).is_some_and(|value| value == "true") {
            return Ok(());
        }
        if let Some(application) = application
            && let Some(rate) = application_rate(&view.configs, application)
            && !self.take(format!("application {application}"), rate, now)
        {
            return Err(format!("application: {application}"));
        }
        let database = table.name.split_once('.').map_or("default", |(database, _)| database);
        if let Some(rate) = database_rate(&view.configs, database)
            && !self.take(format!("database {database}"), rate, now)
        {
            return Err(format!("database: {database}"));
        }
        for physical in table.physical() {
            if let Some(rate) = physical.config.max_queries_per_second()
                && !self.take(format!("table {}", physical.name), rate, now)
            {
                return Err(format!("table: {}", table.name));
            }
        }
        Ok(())
    }
}

fn configured(configs: &BTreeMap<String, String>, key: &str) -> Option<f64> {
    configs.get(key)?.trim().parse().ok().filter(|rate: &f64| rate.is_finite() && *rate >= 0.0)
}

/// Queries a second of a database, if they are limited.
pub fn database_rate(configs: &BTreeMap<String, String>, database: &str) -> Option<f64> {
    configured(configs, &format!("{DATABASE}{database}")).or_else(|| configured(configs, ANY_DATABASE))
}

/// Queries a second of an application, if they are limited.
pub fn application_rate(configs: &BTreeMap<String, String>, application: &str) -> Option<f64> {
    configured(configs, &format!("{APPLICATION}{application}")).or_else(|| configured(configs, ANY_APPLICATION))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn rates_are_kept_and_pauses_saved_up() {
        let quotas = Quotas::default();
        let start = Instant::now();
        let take = |ms: u64| quotas.take("table t".to_owned(), 10.0, start + Duration::from_millis(ms));
        assert!(take(0) && !take(0) && !take(99) && take(100));
        let burst = (0..20).filter(|_| take(5000)).count();
        assert_eq!(burst, 11, "a second's worth, and one in advance");
        assert!(!quotas.take("table t".to_owned(), 0.0, start));
        assert!(quotas.take("table t".to_owned(), 5.0, start + Duration::from_secs(5)), "a new rate begins anew");
    }

    #[test]
    fn rates_of_the_cluster() {
        let text = [("databaseQuota.a", "3"), (ANY_DATABASE, "5.5"), ("applicationQuota.x", "none")];
        let configs: BTreeMap<String, String> = text.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        assert_eq!((database_rate(&configs, "a"), database_rate(&configs, "b")), (Some(3.0), Some(5.5)));
        assert_eq!(application_rate(&configs, "x"), None);
    }
}
