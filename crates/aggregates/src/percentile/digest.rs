//! What both percentile digests share as aggregations: a sketch a group that travels as bytes.

use std::{fmt::Debug, marker::PhantomData, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, BinaryArray},
    buffer::NullBuffer,
    datatypes::DataType as ArrowType,
};
use model::ColumnType;

use crate::{
    columns::{Number, Scan, binaries, check_groups, column, for_rows, scan_numbers, try_for_rows},
    registry::{Accumulator, AggregateFunction, Error, Groups},
};

/// A sketch of numbers and its parameters.
pub(crate) trait Sketch: Send + Sync + Debug + Sized + 'static {
    type Parameters: Clone + Debug + Send + Sync;
    fn new(parameters: &Self::Parameters) -> Self;
    fn add(&mut self, value: f64);
    fn merge(&mut self, other: Self) -> Result<(), String>;
    fn bytes(&mut self) -> Vec<u8>;
    fn from_bytes(bytes: &[u8]) -> Result<Self, String>;
    /// Most bytes that one sketch holds.
    fn max_bytes(parameters: &Self::Parameters) -> usize;
    fn result_type(parameters: &Self::Parameters) -> ColumnType;
    /// One result a sketch, of the result type.
    fn finish(sketches: &mut [Self], parameters: &Self::Parameters) -> ArrayRef;
}

#[derive(Debug)]
pub(crate) struct SketchFunction<S: Sketch> {
    pub name: String,
    pub parameters: S::Parameters,
    sketch: PhantomData<S>,
}

impl<S: Sketch> SketchFunction<S> {
    pub(crate) fn bind(name: &str, parameters: S::Parameters) -> Arc<dyn AggregateFunction> {
        Arc::new(Self { name: name.to_owned(), parameters, sketch: PhantomData })
    }
}

impl<S: Sketch> AggregateFunction for SketchFunction<S> {
    fn name(&self) -> &str {
        &self.name
    }

    fn result_type(&self) -> ColumnType {
        S::result_type(&self.parameters)
    }

    fn state_types(&self) -> Vec<ArrowType> {
        vec![ArrowType::Binary]
    }

    fn accumulator(&self) -> Box<dyn Accumulator> {
        Box::new(Sketches::<S> {
            name: self.name.clone(),
            parameters: self.parameters.clone(),
            sketches: Vec::new(),
            taken: 0,
        })
    }
}

struct Sketches<S: Sketch> {
    name: String,
    parameters: S::Parameters,
    sketches: Vec<S>,
    /// Bytes of all values and sketches taken in.
    taken: usize,
}

struct Add<'a, S: Sketch> {
    sketches: &'a mut [S],
    groups: Groups<'a>,
}

impl<S: Sketch> Scan for Add<'_, S> {
    fn scan<T: Number>(&mut self, values: &[T], nulls: Option<&NullBuffer>) {
        for_rows(values.len(), nulls, self.groups, |row, group| self.sketches[group].add(values[row].f64()));
    }
}

impl<S: Sketch> Sketches<S> {
    fn invalid(&self, reason: String) -> Error {
        Error::Invalid { function: self.name.clone(), reason }
    }

    fn merge_bytes(&mut self, bytes: &BinaryArray, groups: Groups<'_>) -> Result<(), Error> {
        check_groups(groups, bytes.len(), self.sketches.len()).map_err(|e| self.invalid(e))?;
        self.taken += bytes.value_data().len();
        let sketches = &mut self.sketches;
        try_for_rows(bytes.len(), bytes.nulls(), groups, |row, group| {
            sketches[group].merge(S::from_bytes(bytes.value(row))?)
        })
        .map_err(|e| self.invalid(e))
    }
}

impl<S: Sketch> Accumulator for Sketches<S> {
    fn resize(&mut self, groups: usize) {
        let groups = groups.max(self.sketches.len());
        self.sketches.resize_with(groups, || S::new(&self.parameters));
    }

    fn update(&mut self, args: &[ArrayRef], rows: usize, groups: Groups<'_>) -> Result<(), Error> {
        check_groups(groups, rows, self.sketches.len()).map_err(|e| self.invalid(e))?;
        let array = column(args, 0).map_err(|e| self.invalid(e))?.clone();
        if let Some(bytes) = array.as_binary_opt::<i32>() {
            return self.merge_bytes(bytes, groups);
        }
        self.taken += array.len() * size_of::<(f64, f64)>();
        let mut add = Add { sketches: &mut self.sketches, groups };
        scan_numbers(array.as_ref(), &mut add).map_err(|e| self.invalid(e))
    }

    fn merge(&mut self, state: &[ArrayRef], groups: Groups<'_>) -> Result<(), Error> {
        let bytes = binaries(state, 0).map_err(|e| self.invalid(e))?.clone();
        self.merge_bytes(&bytes, groups)
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>, Error> {
        Ok(vec![Arc::new(BinaryArray::from_iter_values(self.sketches.iter_mut().map(S::bytes)))])
    }

    fn finish(&mut self) -> Result<ArrayRef, Error> {
        Ok(S::finish(&mut self.sketches, &self.parameters))
    }

    fn memory_bytes(&self) -> usize {
        let most = self.sketches.len().saturating_mul(S::max_bytes(&self.parameters));
        size_of::<Self>() + self.sketches.capacity() * size_of::<S>() + self.taken.min(most)
    }
}
