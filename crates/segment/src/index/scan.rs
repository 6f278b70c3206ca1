//! Reading a column front to back to build an index on it.

use crate::Result;

/// Consecutive entries of a column: dict ids or ordered number keys.
pub(crate) struct Entries<'a, T> {
    /// Doc of the first entry of a single-value column.
    pub first_doc: u32,
    pub values: &'a [T],
    /// Docs of the entries of a multi-value column, ascending, repeated.
    pub docs: Option<&'a [u32]>,
}

impl<T: Copy> Entries<'_, T> {
    /// Calls `f` with doc and value of each entry, in order.
    #[inline]
    pub(crate) fn for_each(&self, mut f: impl FnMut(u32, T)) {
        match self.docs {
            None => {
                for (doc, &value) in (self.first_doc..).zip(self.values) {
                    f(doc, value);
                }
            }
            Some(docs) => {
                for (&doc, &value) in docs.iter().zip(self.values) {
                    f(doc, value);
                }
            }
        }
    }
}

/// A column that can be read from the start, again and again.
pub(crate) trait Scan<T> {
    fn scan(&mut self, f: &mut dyn FnMut(Entries<'_, T>) -> Result<()>) -> Result<()>;
}
