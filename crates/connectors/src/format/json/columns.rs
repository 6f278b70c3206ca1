//! Collects the wanted top-level fields of objects, column by column.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use super::parse::Parser;
use crate::format::{RawColumn, builder::ColumnBuilder};

pub(super) struct Columns<'a> {
    wanted: &'a BTreeSet<String>,
    columns: Vec<(Arc<str>, ColumnBuilder)>,
    places: HashMap<Arc<str>, usize>,
    /// Keys of the object before, in order: most files repeat them.
    order: Vec<(String, Option<usize>)>,
    rows: usize,
}

impl<'a> Columns<'a> {
    pub fn new(wanted: &'a BTreeSet<String>) -> Self {
        Self { wanted, columns: Vec::new(), places: HashMap::new(), order: Vec::new(), rows: 0 }
    }

    /// Reads one object as the next row.
    pub fn read(&mut self, parser: &mut Parser<'_>) -> Result<(), String> {
        let row = self.rows;
        let mut nth = 0;
        parser.object(|parser, key| {
            let place = self.place(nth, &key);
            nth += 1;
            match place {
                Some(place) => parser.value_into(&mut self.columns[place].1, row),
                None => parser.skip(),
            }
        })?;
        self.rows += 1;
        Ok(())
    }

    fn place(&mut self, nth: usize, key: &str) -> Option<usize> {
        if let Some((known, place)) = self.order.get(nth)
            && known == key
        {
            return *place;
        }
        let place = match self.places.get(key) {
            Some(&place) => Some(place),
            None if self.wanted.contains(key) => {
                let name: Arc<str> = key.into();
                self.places.insert(name.clone(), self.columns.len());
                self.columns.push((name, ColumnBuilder::default()));
                Some(self.columns.len() - 1)
            }
            None => None,
        };
        self.order.truncate(nth);
        if self.order.len() == nth && nth < 4096 {
            self.order.push((key.to_owned(), place));
        }
        place
    }

    /// The columns, of `rows` rows.
    pub fn finish(self, rows: usize) -> Vec<(Arc<str>, RawColumn)> {
        self.columns.into_iter().map(|(name, values)| (name, values.finish(rows))).collect()
    }
}
