//! The forward index as queries read it.

use std::{ops::Range, sync::Arc};

use arrow::{
    array::{ArrayRef, BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array},
    buffer::{Buffer, OffsetBuffer, ScalarBuffer},
};
use model::DataType;

use super::ChunkReader;
use crate::{
    ColumnMetadata, Result,
    format::{Container, Kind, SectionBytes},
    index::{dictionary::var_array, forward::config::id_width},
    reader::{Forward, Ids},
};

/// Dict ids in the mapped file.
#[derive(Clone)]
pub(crate) enum IdStore {
    U8(ScalarBuffer<u8>),
    U16(ScalarBuffer<u16>),
    U32(ScalarBuffer<u32>),
}

impl IdStore {
    /// Reads `num_ids` ids and checks that each is below `cardinality`.
    fn open(section: SectionBytes<'_>, num_ids: u64, cardinality: u32) -> Result<Self> {
        let store = match id_width(cardinality) {
            1 => Self::U8(section.numbers(num_ids)?),
            2 => Self::U16(section.numbers(num_ids)?),
            _ => Self::U32(section.numbers(num_ids)?),
        };
        let highest = match &store {
            // Every pattern of the width is an id.
            Self::U8(_) if cardinality == 1 << 8 => None,
            Self::U16(_) if cardinality == 1 << 16 => None,
            Self::U8(ids) => ids.iter().copied().max().map(u32::from),
            Self::U16(ids) => ids.iter().copied().max().map(u32::from),
            Self::U32(ids) => ids.iter().copied().max(),
        };
        match highest {
            Some(id) if id >= cardinality => {
                Err(section.damaged(format!("it holds dict id {id}, the dictionary has {cardinality} values")))
            }
            _ => Ok(store),
        }
    }

    pub(crate) fn as_ids(&self) -> Ids<'_> {
        match self {
            Self::U8(ids) => Ids::U8(ids),
            Self::U16(ids) => Ids::U16(ids),
            Self::U32(ids) => Ids::U32(ids),
        }
    }
}

/// Raw values in entry order.
pub(crate) enum RawValues {
    I32(ScalarBuffer<i32>),
    I64(ScalarBuffer<i64>),
    F32(ScalarBuffer<f32>),
    F64(ScalarBuffer<f64>),
    Var(ChunkReader),
}

impl RawValues {
    fn open(container: &Container, column: u32, data_type: DataType, num_values: u64) -> Result<Self> {
        let section = || container.require(column, Kind::Forward);
        Ok(match data_type.stored() {
            DataType::Int => Self::I32(section()?.numbers(num_values)?),
            DataType::Long => Self::I64(section()?.numbers(num_values)?),
            DataType::Float => Self::F32(section()?.numbers(num_values)?),
            DataType::Double => Self::F64(section()?.numbers(num_values)?),
            stored => Self::Var(ChunkReader::open(container, column, num_values, stored != DataType::Bytes)?),
        })
    }

    /// The values at `positions` as an array of `data_type`'s Arrow type.
    ///
    /// # Panics
    /// When the bytes of a chunk changed after they were checked.
    pub(crate) fn gather(
        &self,
        data_type: DataType,
        positions: impl ExactSizeIterator<Item = u32> + Clone,
    ) -> ArrayRef {
        fn pick<T: Copy>(positions: impl ExactSizeIterator<Item = u32>, v: &[T]) -> Vec<T> {
            positions.map(|p| v[p as usize]).collect()
        }
        match self {
            Self::I32(v) if data_type == DataType::Boolean => {
                Arc::new(BooleanArray::from(positions.map(|p| v[p as usize] != 0).collect::<Vec<_>>()))
            }
            Self::I32(v) => Arc::new(Int32Array::from(pick(positions, v))),
            Self::I64(v) => Arc::new(Int64Array::from(pick(positions, v))),
            Self::F32(v) => Arc::new(Float32Array::from(pick(positions, v))),
            Self::F64(v) => Arc::new(Float64Array::from(pick(positions, v))),
            Self::Var(chunks) => {
                let gathered = chunks
                    .gather(positions)
                    .and_then(|(offsets, values)| var_array(data_type, offsets, values).map_err(|e| e.to_string()));
                // The trait has no error for this: the segment was whole when it was loaded.
                gathered.unwrap_or_else(|e| panic!("the segment file changed while it was in use: {e}"))
            }
        }
    }

    /// As [`Self::gather`] for consecutive positions; numbers are not copied.
    pub(crate) fn slice(&self, data_type: DataType, positions: Range<u32>) -> ArrayRef {
        let (start, len) = (positions.start as usize, positions.len());
        match self {
            Self::I32(v) if data_type != DataType::Boolean => Arc::new(Int32Array::new(v.slice(start, len), None)),
            Self::I64(v) => Arc::new(Int64Array::new(v.slice(start, len), None)),
            Self::F32(v) => Arc::new(Float32Array::new(v.slice(start, len), None)),
            Self::F64(v) => Arc::new(Float64Array::new(v.slice(start, len), None)),
            Self::I32(_) | Self::Var(_) => self.gather(data_type, positions),
        }
    }
}

/// The forward index of a column.
pub(crate) enum ForwardStore {
    Ids(IdStore),
    Sorted(ScalarBuffer<u32>),
    MultiIds { offsets: ScalarBuffer<u32>, ids: IdStore },
    Raw(RawValues),
    MultiRaw { offsets: ScalarBuffer<u32>, values: RawValues },
}

impl ForwardStore {
    pub(crate) fn open(container: &Container, column: u32, meta: &ColumnMetadata, num_docs: u32) -> Result<Self> {
        let docs = u64::from(num_docs);
        if !meta.multi_value && meta.total_entries != docs {
            let reason = format!("{} entries of {docs} docs", meta.total_entries);
            return Err(container.damaged(column, Kind::Forward, reason));
        }
        if meta.sorted && meta.has_dictionary {
            let section = container.require(column, Kind::Sorted)?;
            let starts = section.numbers::<u32>(u64::from(meta.cardinality) + 1)?;
            ascends_to(&starts, num_docs, true).map_err(|e| section.damaged(e))?;
            return Ok(Self::Sorted(starts));
        }
        let ids = || IdStore::open(container.require(column, Kind::Forward)?, meta.total_entries, meta.cardinality);
        if !meta.multi_value {
            return Ok(if meta.has_dictionary {
                Self::Ids(ids()?)
            } else {
                Self::Raw(RawValues::open(container, column, meta.data_type, docs)?)
            });
        }
        let section = container.require(column, Kind::ForwardOffsets)?;
        let offsets = section.numbers::<u32>(docs + 1)?;
        let total = u32::try_from(meta.total_entries)
            .map_err(|_| section.damaged(format!("{} entries are too many", meta.total_entries)))?;
        ascends_to(&offsets, total, false).map_err(|e| section.damaged(e))?;
        Ok(if meta.has_dictionary {
            Self::MultiIds { offsets, ids: ids()? }
        } else {
            let values = RawValues::open(container, column, meta.data_type, meta.total_entries)?;
            Self::MultiRaw { offsets, values }
        })
    }

    pub(crate) fn as_forward(&self) -> Forward<'_> {
        match self {
            Self::Ids(ids) => Forward::Ids(ids.as_ids()),
            Self::Sorted(starts) => Forward::Sorted { starts },
            Self::MultiIds { offsets, ids } => Forward::MultiIds { offsets, ids: ids.as_ids() },
            Self::Raw(RawValues::I32(v)) => Forward::I32(v),
            Self::Raw(RawValues::I64(v)) => Forward::I64(v),
            Self::Raw(RawValues::F32(v)) => Forward::F32(v),
            Self::Raw(RawValues::F64(v)) => Forward::F64(v),
            Self::Raw(RawValues::Var(_)) | Self::MultiRaw { .. } => Forward::Var,
        }
    }

    /// Decodes what opening left encoded.
    pub(crate) fn verify(&self) -> Result<(), String> {
        match self {
            Self::Raw(RawValues::Var(chunks)) | Self::MultiRaw { values: RawValues::Var(chunks), .. } => {
                chunks.verify()
            }
            _ => Ok(()),
        }
    }
}

fn ascends_to(offsets: &[u32], end: u32, strictly: bool) -> Result<(), String> {
    let ordered = |w: &[u32]| if strictly { w[0] < w[1] } else { w[0] <= w[1] };
    let ends = (offsets.first().copied(), offsets.last().copied());
    if ends != (Some(0), Some(end)) || !offsets.windows(2).all(ordered) {
        return Err(format!("the offsets do not ascend from 0 to {end}"));
    }
    Ok(())
}

/// Copies the entries `ids` of a variable-width array one after the other.
pub(crate) fn gather_var(
    len: usize,
    offsets: &[i32],
    data: &[u8],
    ids: impl Iterator<Item = u32> + Clone,
) -> (OffsetBuffer<i32>, Buffer) {
    let mut ends = Vec::with_capacity(len + 1);
    ends.push(0i32);
    let mut total = 0usize;
    for id in ids.clone() {
        total += (offsets[id as usize + 1] - offsets[id as usize]) as usize;
        ends.push(i32::try_from(total).expect("callers ask for less than 2 GB of text at once"));
    }
    let mut out = Vec::with_capacity(total);
    for id in ids {
        out.extend_from_slice(&data[offsets[id as usize] as usize..offsets[id as usize + 1] as usize]);
    }
    // Ascending from 0 by construction, so this does not panic.
    (OffsetBuffer::new(ScalarBuffer::from(ends)), Buffer::from_vec(out))
}
