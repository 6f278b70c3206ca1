//! One column of a batch as the values to store: nulls replaced, lists flattened.

use std::sync::Arc;

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BinaryArray, BooleanArray, DictionaryArray, Float32Array, Float64Array, Int32Array,
        Int64Array, StringArray,
    },
    compute::cast,
    datatypes::{DataType as ArrowType, Field, Int32Type},
};
use model::FieldSpec;

use super::keys;
use crate::{Error, Result};

/// Stands for the default null value among positions.
pub(crate) const DEFAULT: u32 = u32::MAX;

/// The values of one column in one batch.
pub(crate) struct Cells {
    values: ArrayRef,
    /// Which of `values` to store, in order; `None` for all of them.
    positions: Option<Vec<u32>>,
    /// Multi-value: entries per doc.
    pub(crate) lengths: Option<Vec<u32>>,
    /// Rows of the batch without value, ascending.
    pub(crate) nulls: Vec<u32>,
}

impl Cells {
    /// `array` is the column `field` of a batch of `rows` rows, `None` when the batch lacks it.
    pub(crate) fn new(field: &FieldSpec, array: Option<&ArrayRef>, rows: usize) -> Result<Self> {
        let Some(array) = array else {
            return Ok(Self {
                values: arrow::array::new_empty_array(&field.data_type.arrow()),
                positions: Some(vec![DEFAULT; rows]),
                lengths: field.multi_value.then(|| vec![1; rows]),
                nulls: (0..rows as u32).collect(),
            });
        };
        if !field.multi_value && field.data_type.arrow() == ArrowType::Utf8 && is_text_dictionary(array) {
            return Ok(Self::from_singles(Arc::clone(array)));
        }
        let array = conform(field, array)?;
        if field.multi_value { Ok(Self::from_lists(&array)) } else { Ok(Self::from_singles(array)) }
    }

    fn from_singles(array: ArrayRef) -> Self {
        let Some(validity) = array.nulls().filter(|n| n.null_count() > 0) else {
            return Self { values: array, positions: None, lengths: None, nulls: Vec::new() };
        };
        let mut nulls = Vec::with_capacity(validity.null_count());
        let positions = (0..array.len() as u32)
            .map(|row| {
                if validity.is_valid(row as usize) {
                    return row;
                }
                nulls.push(row);
                DEFAULT
            })
            .collect();
        Self { values: array, positions: Some(positions), lengths: None, nulls }
    }

    fn from_lists(array: &ArrayRef) -> Self {
        let lists = array.as_list::<i32>();
        let values = Arc::clone(lists.values());
        let offsets = lists.value_offsets();
        let mut positions = Vec::with_capacity(values.len());
        let mut lengths = Vec::with_capacity(lists.len());
        let mut nulls = Vec::new();
        for row in 0..lists.len() {
            let before = positions.len();
            if lists.is_valid(row) {
                let entries = offsets[row] as u32..offsets[row + 1] as u32;
                positions.extend(entries.filter(|&at| values.is_valid(at as usize)));
            }
            if positions.len() == before {
                // An empty list is no value, as is a list of nothing but nulls.
                nulls.push(row as u32);
                positions.push(DEFAULT);
            }
            lengths.push((positions.len() - before) as u32);
        }
        Self { values, positions: Some(positions), lengths: Some(lengths), nulls }
    }

    /// The texts where they are references to a dictionary.
    pub(crate) fn dictionary(&self) -> Option<&DictionaryArray<Int32Type>> {
        self.values.as_dictionary_opt::<Int32Type>()
    }

    /// Calls `f` with the key of each entry of [`Self::dictionary`], [`DEFAULT`] for the default.
    pub(crate) fn for_each_dictionary_key(&self, mut f: impl FnMut(u32) -> Result<()>) -> Result<()> {
        let Some(dictionary) = self.dictionary() else { return Ok(()) };
        let keys = dictionary.keys().values();
        match &self.positions {
            None => keys.iter().try_for_each(|&key| f(key as u32)),
            Some(positions) => {
                positions.iter().try_for_each(|&at| f(if at == DEFAULT { DEFAULT } else { keys[at as usize] as u32 }))
            }
        }
    }

    /// Entries to store.
    pub(crate) fn len(&self) -> usize {
        self.positions.as_ref().map_or(self.values.len(), Vec::len)
    }

    /// Calls `f` with the ordered key of each number.
    #[inline]
    pub(crate) fn for_each_key(&self, default: u64, mut f: impl FnMut(u64)) {
        let any = self.values.as_any();
        if let Some(v) = any.downcast_ref::<Int32Array>() {
            let v = v.values();
            self.each(default, |at| keys::of_i64(i64::from(v[at])), &mut f);
        } else if let Some(v) = any.downcast_ref::<Int64Array>() {
            let v = v.values();
            self.each(default, |at| keys::of_i64(v[at]), &mut f);
        } else if let Some(v) = any.downcast_ref::<Float32Array>() {
            let v = v.values();
            self.each(default, |at| keys::of_f64(f64::from(v[at])), &mut f);
        } else if let Some(v) = any.downcast_ref::<Float64Array>() {
            let v = v.values();
            self.each(default, |at| keys::of_f64(v[at]), &mut f);
        } else if let Some(v) = any.downcast_ref::<BooleanArray>() {
            self.each(default, |at| keys::of_i64(i64::from(v.value(at))), &mut f);
        }
    }

    #[inline]
    fn each(&self, default: u64, key: impl Fn(usize) -> u64, f: &mut impl FnMut(u64)) {
        match &self.positions {
            None => (0..self.values.len()).for_each(|at| f(key(at))),
            Some(positions) => {
                for &at in positions {
                    f(if at == DEFAULT { default } else { key(at as usize) });
                }
            }
        }
    }

    /// Calls `f` with the bytes of each text or byte string.
    #[inline]
    pub(crate) fn for_each_bytes(&self, default: &[u8], mut f: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let (offsets, data) = if let Some(v) = self.values.as_any().downcast_ref::<StringArray>() {
            (v.value_offsets(), v.value_data())
        } else if let Some(v) = self.values.as_any().downcast_ref::<BinaryArray>() {
            (v.value_offsets(), v.value_data())
        } else {
            return Ok(());
        };
        match &self.positions {
            None => offsets.windows(2).try_for_each(|w| f(&data[w[0] as usize..w[1] as usize])),
            Some(positions) => positions.iter().try_for_each(|&at| {
                let at = at as usize;
                if at == DEFAULT as usize {
                    return f(default);
                }
                f(&data[offsets[at] as usize..offsets[at + 1] as usize])
            }),
        }
    }
}

/// Whether an array holds texts as 32-bit references to values that are all there.
fn is_text_dictionary(array: &ArrayRef) -> bool {
    let texts = array.as_dictionary_opt::<Int32Type>().map(|dictionary| dictionary.values());
    texts.is_some_and(|values| values.data_type() == &ArrowType::Utf8 && values.null_count() == 0)
}

/// The array in the column's own Arrow type; other widths and encodings of the same values are converted.
fn conform(field: &FieldSpec, array: &ArrayRef) -> Result<ArrayRef> {
    let expected = field.column_type().arrow();
    let found = array.data_type();
    let wrong =
        || Error::BatchType { column: field.name.clone(), found: found.to_string(), expected: expected.to_string() };
    let same = match (found, &expected) {
        // The item's field may be named and flagged otherwise.
        (ArrowType::List(a), ArrowType::List(b)) => a.data_type() == b.data_type(),
        (a, b) => a == b,
    };
    if same {
        return Ok(Arc::clone(array));
    }
    let (from, to) = match (found, &expected) {
        (ArrowType::List(a) | ArrowType::LargeList(a), ArrowType::List(b)) => (a.data_type(), b.data_type()),
        (a, b) => (a, b),
    };
    if !is_lossless(from, to) {
        return Err(wrong());
    }
    cast(array, &expected).map_err(|_| wrong())
}

fn is_lossless(from: &ArrowType, to: &ArrowType) -> bool {
    use ArrowType as A;
    match (from, to) {
        (A::Null, _) => true,
        (A::Dictionary(_, value), to) => value.as_ref() == to || is_lossless(value, to),
        (A::LargeUtf8 | A::Utf8View, A::Utf8) => true,
        (A::LargeBinary | A::BinaryView | A::FixedSizeBinary(_), A::Binary) => true,
        (a, b) => a == b,
    }
}

/// The Arrow field of a column in a batch for the creator.
pub fn batch_field(field: &FieldSpec) -> Field {
    Field::new(&field.name, field.column_type().arrow(), true)
}

#[cfg(test)]
mod tests {
    use arrow::array::Int32Array;
    use model::DataType;

    use super::*;

    #[test]
    fn dictionary_keys_with_nulls() {
        let keys = Int32Array::from(vec![Some(1), None, Some(0), Some(1)]);
        let values = Arc::new(StringArray::from(vec!["a", "b"]));
        let array: ArrayRef = Arc::new(DictionaryArray::new(keys, values));
        let cells = Cells::new(&FieldSpec::dimension("c", DataType::String), Some(&array), 4).unwrap();
        let mut seen = Vec::new();
        cells
            .for_each_dictionary_key(|key| {
                seen.push(key);
                Ok(())
            })
            .unwrap();
        assert_eq!((seen, cells.nulls), (vec![1, DEFAULT, 0, 1], vec![1]));
    }
}
