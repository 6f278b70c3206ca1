//! Parsed statements by their text: dashboards ask the same again and again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use ahash::RandomState;

use crate::{Error, Statement, parse};

/// Statements longer than this are parsed each time.
const MAX_CACHED_SQL_BYTES: usize = 16 << 10;

type Generation = HashMap<Arc<str>, Arc<Statement>, RandomState>;

/// A bounded cache over [`parse`]. It holds at most twice its capacity: when the young generation is full it becomes
/// the old one, and what is not asked for again goes with it.
#[derive(Debug)]
pub struct StatementCache {
    capacity: usize,
    generations: Mutex<(Generation, Generation)>,
}

impl StatementCache {
    /// `capacity` is the number of statements of one generation.
    pub fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), generations: Mutex::default() }
    }

    /// The parsed statement. Errors are not kept.
    pub fn parse(&self, sql: &str) -> Result<Arc<Statement>, Error> {
        if sql.len() > MAX_CACHED_SQL_BYTES {
            return parse(sql).map(Arc::new);
        }
        if let Some(known) = self.find(sql) {
            return Ok(known);
        }
        let statement = Arc::new(parse(sql)?);
        self.keep(Arc::from(sql), Arc::clone(&statement));
        Ok(statement)
    }

    fn find(&self, sql: &str) -> Option<Arc<Statement>> {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = generations.0.get(sql) {
            return Some(Arc::clone(known));
        }
        let (text, statement) = generations.1.remove_entry(sql)?;
        self.insert(&mut generations, text, Arc::clone(&statement));
        Some(statement)
    }

    fn keep(&self, sql: Arc<str>, statement: Arc<Statement>) {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        self.insert(&mut generations, sql, statement);
    }

    fn insert(&self, generations: &mut (Generation, Generation), sql: Arc<str>, statement: Arc<Statement>) {
        if generations.0.len() >= self.capacity {
            generations.1 = std::mem::take(&mut generations.0);
        }
        generations.0.insert(sql, statement);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_in_use_stay_and_the_rest_goes() {
        let cache = StatementCache::new(2);
        let first = cache.parse("select 1").expect("statement");
        for n in 2..20 {
            cache.parse(&format!("select {n}")).expect("statement");
            assert!(Arc::ptr_eq(&first, &cache.parse("select 1").expect("statement")), "after {n}");
        }
        let generations = cache.generations.lock().expect("lock");
        assert!(generations.0.len() + generations.1.len() <= 4);
        assert!(generations.0.len() <= 2 && generations.1.len() <= 2);
    }

    #[test]
    fn errors_come_back_each_time() {
        let cache = StatementCache::new(2);
        assert!(cache.parse("selec 1").is_err());
        assert_eq!(cache.parse("selec 1").err(), parse("selec 1").err());
    }
}
