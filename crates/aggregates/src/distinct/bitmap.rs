//! DISTINCTCOUNTBITMAP: a bitmap of INT values, or of the hash codes of others.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, BinaryArray, Int32Array},
    datatypes::DataType as ArrowType,
};
use model::{ColumnType, DataType};
use roaring::RoaringBitmap;

use super::hashes::{self, Kind};
use crate::{
    columns::{binaries, check_groups, column, try_for_rows},
    registry::{Accumulator, AggregateFunction, Call, Error, Groups},
};

/// Result INT; over BYTES the values are serialised bitmaps.
pub fn bind(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    call.arguments::<1>()?;
    Ok(Arc::new(Bitmap { name: call.name.to_owned() }))
}

#[derive(Debug)]
struct Bitmap {
    name: String,
}

impl AggregateFunction for Bitmap {
    fn name(&self) -> &str {
        &self.name
    }

    fn result_type(&self) -> ColumnType {
        DataType::Int.sv()
    }

    fn state_types(&self) -> Vec<ArrowType> {
        vec![ArrowType::Binary]
    }

    fn accumulator(&self) -> Box<dyn Accumulator> {
        Box::new(Bitmaps { name: self.name.clone(), bitmaps: Vec::new(), taken: 0 })
    }
}

struct Bitmaps {
    name: String,
    bitmaps: Vec<RoaringBitmap>,
    /// Bytes of the values and bitmaps taken in.
    taken: usize,
}

impl Bitmaps {
    fn merge_bytes(&mut self, bytes: &BinaryArray, groups: Groups<'_>) -> Result<(), String> {
        try_for_rows(bytes.len(), bytes.nulls(), groups, |row, group| {
            let value = bytes.value(row);
            let bitmap = RoaringBitmap::deserialize_from(value)
                .map_err(|e| format!("{} bytes are no serialised bitmap: {e}", value.len()))?;
            self.taken += value.len();
            self.bitmaps[group] |= bitmap;
            Ok(())
        })
    }

    fn invalid(&self, reason: String) -> Error {
        Error::Invalid { function: self.name.clone(), reason }
    }
}

impl Accumulator for Bitmaps {
    fn resize(&mut self, groups: usize) {
        self.bitmaps.resize_with(groups.max(self.bitmaps.len()), RoaringBitmap::new);
    }

    fn update(&mut self, args: &[ArrayRef], rows: usize, groups: Groups<'_>) -> Result<(), Error> {
        check_groups(groups, rows, self.bitmaps.len()).map_err(|e| self.invalid(e))?;
        let array = column(args, 0).map_err(|e| self.invalid(e))?.clone();
        if let Some(bytes) = array.as_binary_opt::<i32>() {
            return self.merge_bytes(bytes, groups).map_err(|e| self.invalid(e));
        }
        let (bitmaps, taken) = (&mut self.bitmaps, &mut self.taken);
        hashes::for_hashes(array.as_ref(), groups, Kind::Java, |group, hash| {
            if bitmaps[group].insert(hash as u32) {
                *taken += size_of::<u32>();
            }
        })
        .map_err(|e| self.invalid(e))
    }

    fn merge(&mut self, state: &[ArrayRef], groups: Groups<'_>) -> Result<(), Error> {
        let bytes = binaries(state, 0).map_err(|e| self.invalid(e))?;
        check_groups(groups, bytes.len(), self.bitmaps.len()).map_err(|e| self.invalid(e))?;
        self.merge_bytes(bytes, groups).map_err(|e| self.invalid(e))
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>, Error> {
        let mut states = Vec::with_capacity(self.bitmaps.len());
        for bitmap in &self.bitmaps {
            let mut bytes = Vec::with_capacity(bitmap.serialized_size());
            bitmap.serialize_into(&mut bytes).map_err(|e| self.invalid(e.to_string()))?;
            states.push(bytes);
        }
        Ok(vec![Arc::new(BinaryArray::from_iter_values(states))])
    }

    fn finish(&mut self) -> Result<ArrayRef, Error> {
        Ok(Arc::new(Int32Array::from_iter_values(self.bitmaps.iter().map(|b| b.len() as i32))))
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.bitmaps.capacity() * size_of::<RoaringBitmap>() + self.taken
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::StringArray;

    use super::*;
    use crate::testing::{check, finish, int_column};

    #[test]
    fn values_and_hashes() {
        let ty = [DataType::Int.sv()];
        check("distinctcountbitmap", &ty, &[], &[int_column(&[Some(-1), Some(2), None, Some(-1)])], ("2", "2"));
        check("distinctcountbitmap", &ty, &[], &[int_column(&[])], ("0", "0"));
        // "Aa" and "BB" have the same hash code.
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["Aa", "BB", "C"]));
        assert_eq!(finish("distinctcountbitmap", &[DataType::String.sv()], &[], &[texts], None), "2");
        let damaged: ArrayRef = Arc::new(BinaryArray::from_iter_values([b"nonsense"]));
        let function = crate::resolve("distinctcountbitmap", &ty, &[], false).unwrap();
        let mut accumulator = function.accumulator();
        accumulator.resize(1);
        assert!(accumulator.merge(&[damaged], Groups::One(0)).is_err());
    }
}
