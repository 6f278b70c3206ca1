//! Collects the wanted top-level fields of objects, column by column.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use super::parse::Parser;
use crate::format::{Field, RawColumn};

pub(super) struct Columns<'a> {
    wanted: &'a BTreeSet<String>,
    columns: Vec<(Arc<str>, Vec<Field>)>,
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
            let value = parser.value()?;
            if let Some(place) = place {
                let values = &mut self.columns[place].1;
                values.truncate(row);
                values.resize(row, Field::Null);
                values.push(value);
            }
            Ok(())
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
                self.columns.push((name, Vec::new()));
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

    /// The columns; a column that ends early has no values in the rows behind.
    pub fn finish(self, rows: usize) -> Vec<(Arc<str>, RawColumn)> {
        let fill = |mut values: Vec<Field>| {
            values.truncate(rows);
            RawColumn::Fields(values)
        };
        self.columns.into_iter().map(|(name, values)| (name, fill(values))).collect()
    }
}
