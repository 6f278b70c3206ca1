//! Builds one column.

use std::path::{Path, PathBuf};

use arrow::{
    array::{Array, ArrayRef, AsArray, DictionaryArray, StringArray},
    datatypes::Int32Type,
};
use model::{DataType, FieldRole, FieldSpec, Value};

use super::{
    cells::{Cells, DEFAULT},
    keys,
    sink::SectionSink,
    spill::IdSpill,
};
use crate::{
    ColumnMetadata, Error, Result,
    index::{
        Plan,
        dictionary::{
            config::{Choice, MAX_METRIC_CARDINALITY},
            creator::{NumberDictionary, VarDictionary, var_bytes},
        },
        forward::ChunkWriter,
        null::creator::NullVector,
    },
};

/// Largest dictionary of variable-width values: its offsets are 31-bit numbers.
const MAX_VAR_DICTIONARY_BYTES: u64 = i32::MAX as u64;

/// A column while rows are appended.
pub(crate) struct ColumnBuilder {
    pub(super) field: FieldSpec,
    pub(super) plan: Plan,
    pub(super) work_dir: PathBuf,
    pub(super) store: Store,
    pub(super) docs: u32,
    pub(super) entries: u64,
    pub(super) max_entries: u32,
    /// Multi-value: entries per doc.
    pub(super) lengths: Option<IdSpill>,
    pub(super) nulls: NullVector,
    default: DefaultValue,
    /// What became of the last input dictionary.
    translation: Translation,
}

/// Ids of an input dictionary's texts; the batches of one file share their dictionaries.
#[derive(Default)]
struct Translation {
    /// Kept, so that its memory is not used for another.
    texts: Option<StringArray>,
    /// [`DEFAULT`] where a text was not met yet.
    ids: Vec<u32>,
}

impl Translation {
    /// Forgets what it knows of another dictionary.
    fn turn_to(&mut self, texts: &StringArray) {
        let place = |t: &StringArray| (t.value_data().as_ptr(), t.value_offsets().as_ptr(), t.len());
        if self.texts.as_ref().is_none_or(|known| place(known) != place(texts)) {
            self.texts = Some(texts.clone());
            self.ids.clear();
            self.ids.resize(texts.len(), DEFAULT);
        }
    }

    fn memory_bytes(&self) -> usize {
        4 * self.ids.capacity() + self.texts.as_ref().map_or(0, |texts| texts.value_data().len())
    }
}

/// What stands where a row has no value.
enum DefaultValue {
    Key(u64),
    Bytes(Vec<u8>),
}

/// Values seen so far.
pub(super) enum Store {
    Numbers { dictionary: NumberDictionary, ids: IdSpill },
    Var { dictionary: VarDictionary, ids: IdSpill },
    RawNumbers(RawNumbers),
    RawVar(RawVar),
}

/// Raw numbers in entry order with what the footer says about them.
pub(super) struct RawNumbers {
    pub(super) sink: SectionSink,
    pub(super) min: u64,
    pub(super) max: u64,
    pub(super) sorted: bool,
    pub(super) cardinality: u32,
    last: u64,
    scratch: Vec<u8>,
}

impl RawNumbers {
    fn new(work_dir: &Path, cardinality: u32) -> Self {
        let sink = SectionSink::new(work_dir);
        Self { sink, min: u64::MAX, max: 0, sorted: true, cardinality, last: 0, scratch: Vec::new() }
    }

    /// A stand-in for values that were taken out.
    pub(super) fn empty(work_dir: &Path) -> Self {
        Self::new(work_dir, 0)
    }

    #[inline]
    fn push(&mut self, stored: DataType, key: u64) {
        self.min = self.min.min(key);
        self.max = self.max.max(key);
        self.sorted &= self.last <= key;
        self.last = key;
        keys::write(stored, key, &mut self.scratch);
    }

    fn flush(&mut self) -> Result<()> {
        self.sink.write(&self.scratch)?;
        self.scratch.clear();
        Ok(())
    }
}

/// Raw strings, bytes and decimals in entry order.
pub(super) struct RawVar {
    pub(super) chunks: ChunkWriter,
    pub(super) min: Option<Vec<u8>>,
    pub(super) max: Option<Vec<u8>>,
    pub(super) longest: usize,
    pub(super) cardinality: u32,
    pub(super) hashes: Option<crate::index::bloom::creator::BloomBuilder>,
    data_type: DataType,
}

impl RawVar {
    fn new(plan: &Plan, data_type: DataType, work_dir: &Path, cardinality: u32) -> Self {
        Self {
            chunks: ChunkWriter::new(plan.compression, SectionSink::new(work_dir)),
            min: None,
            max: None,
            longest: 0,
            cardinality,
            hashes: plan.bloom.map(crate::index::bloom::creator::BloomBuilder::new),
            data_type,
        }
    }

    fn push(&mut self, value: &[u8]) -> Result<()> {
        if self.data_type != DataType::BigDecimal {
            if self.min.as_deref().is_none_or(|min| value < min) {
                self.min = Some(value.to_owned());
            }
            if self.max.as_deref().is_none_or(|max| value > max) {
                self.max = Some(value.to_owned());
            }
        }
        self.longest = self.longest.max(value.len());
        if let Some(builder) = &mut self.hashes {
            builder.insert(super::finish::hash_stored(self.data_type, value));
        }
        self.chunks.push(value)
    }
}

impl ColumnBuilder {
    pub(crate) fn new(field: &FieldSpec, plan: Plan, work_dir: &Path) -> Result<Self> {
        let stored = field.data_type.stored();
        if matches!(stored, DataType::Unknown | DataType::Object) {
            return Err(Error::UnsupportedType { column: field.name.clone(), data_type: field.data_type });
        }
        let is_number = matches!(stored, DataType::Int | DataType::Long | DataType::Float | DataType::Double);
        let raw = plan.dictionary == Choice::Raw;
        let store = match (is_number, raw) {
            (true, true) => Store::RawNumbers(RawNumbers::new(work_dir, 0)),
            (true, false) => Store::Numbers { dictionary: NumberDictionary::new(), ids: IdSpill::new(work_dir) },
            (false, true) => Store::RawVar(RawVar::new(&plan, field.data_type, work_dir, 0)),
            (false, false) => {
                Store::Var { dictionary: VarDictionary::new(field.data_type), ids: IdSpill::new(work_dir) }
            }
        };
        Ok(Self {
            default: default_value(field, is_number)?,
            lengths: field.multi_value.then(|| IdSpill::new(work_dir)),
            nulls: NullVector::new(plan.null_vector),
            field: field.clone(),
            plan,
            work_dir: work_dir.to_owned(),
            store,
            docs: 0,
            entries: 0,
            max_entries: 0,
            translation: Translation::default(),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.field.name
    }

    /// Appends the column of a batch of `rows` rows; `None` when the batch lacks it.
    pub(crate) fn append(&mut self, array: Option<&ArrayRef>, rows: usize) -> Result<()> {
        let cells = Cells::new(&self.field, array, rows)?;
        for row in &cells.nulls {
            self.nulls.push(self.docs + row);
        }
        match &cells.lengths {
            None => self.max_entries = self.max_entries.max(u32::from(rows > 0)),
            Some(lengths) => {
                for &len in lengths {
                    self.max_entries = self.max_entries.max(len);
                    if let Some(spill) = &mut self.lengths {
                        spill.push(len);
                    }
                }
            }
        }
        self.docs += rows as u32;
        self.entries += cells.len() as u64;
        let stored = self.field.data_type.stored();
        match (&mut self.store, &self.default) {
            (Store::Numbers { dictionary, ids }, DefaultValue::Key(default)) => {
                cells.for_each_key(*default, |key| ids.push(dictionary.id(key)));
            }
            (Store::RawNumbers(raw), DefaultValue::Key(default)) => {
                cells.for_each_key(*default, |key| raw.push(stored, key));
                raw.flush()?;
            }
            (store @ (Store::Var { .. } | Store::RawVar(_)), DefaultValue::Bytes(default))
                if let Some(input) = cells.dictionary() =>
            {
                append_dictionary(store, &mut self.translation, &cells, input, default)?;
            }
            (Store::Var { dictionary, ids }, DefaultValue::Bytes(default)) => {
                cells.for_each_bytes(default, |value| {
                    ids.push(dictionary.id(value));
                    Ok(())
                })?;
            }
            (Store::RawVar(raw), DefaultValue::Bytes(default)) => {
                cells.for_each_bytes(default, |value| raw.push(value))?;
            }
            // `new` pairs them.
            (_, DefaultValue::Key(_) | DefaultValue::Bytes(_)) => {}
        }
        self.settle()
    }

    /// Gives up a dictionary that cannot pay any more.
    fn settle(&mut self) -> Result<()> {
        if self.plan.dictionary != Choice::Automatic {
            return Ok(());
        }
        let give_up = match &self.store {
            Store::Numbers { dictionary, .. } => {
                let metric = self.field.role == FieldRole::Metric && !dictionary.ascending();
                metric && dictionary.len() > MAX_METRIC_CARDINALITY
            }
            Store::Var { dictionary, .. } => dictionary.total_bytes() > MAX_VAR_DICTIONARY_BYTES / 2,
            _ => false,
        };
        if give_up { self.make_raw(0) } else { Ok(()) }
    }

    /// Turns the column raw. `cardinality` is the number of distinct values where it is final, else 0.
    pub(super) fn make_raw(&mut self, cardinality: u32) -> Result<()> {
        self.translation = Translation::default();
        let stored = self.field.data_type.stored();
        match &mut self.store {
            Store::Numbers { dictionary, ids } => {
                let mut raw = RawNumbers::new(&self.work_dir, cardinality);
                ids.for_each(&mut |piece| {
                    piece.iter().for_each(|&id| raw.push(stored, dictionary.key(id)));
                    raw.flush()
                })?;
                self.store = Store::RawNumbers(raw);
            }
            Store::Var { dictionary, ids } => {
                let mut raw = RawVar::new(&self.plan, self.field.data_type, &self.work_dir, cardinality);
                ids.for_each(&mut |piece| piece.iter().try_for_each(|&id| raw.push(dictionary.get(id))))?;
                self.store = Store::RawVar(raw);
            }
            Store::RawNumbers(_) | Store::RawVar(_) => {}
        }
        Ok(())
    }

    /// Bytes of a dictionary that may be given up; 0 when there is none.
    pub(crate) fn dictionary_bytes(&self) -> usize {
        if self.plan.dictionary != Choice::Automatic {
            return 0;
        }
        match &self.store {
            Store::Numbers { dictionary, .. } => dictionary.memory_bytes(),
            Store::Var { dictionary, .. } => dictionary.memory_bytes(),
            Store::RawNumbers(_) | Store::RawVar(_) => 0,
        }
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        let store = match &self.store {
            Store::Numbers { dictionary, ids } => dictionary.memory_bytes() + ids.memory_bytes(),
            Store::Var { dictionary, ids } => dictionary.memory_bytes() + ids.memory_bytes(),
            Store::RawNumbers(raw) => raw.sink.memory_bytes() + raw.scratch.capacity(),
            Store::RawVar(raw) => raw.chunks.memory_bytes(),
        };
        store + self.translation.memory_bytes() + self.lengths.as_ref().map_or(0, IdSpill::memory_bytes)
    }

    /// Moves ids and raw values to temporary files.
    pub(crate) fn spill(&mut self) -> Result<()> {
        match &mut self.store {
            Store::Numbers { ids, .. } | Store::Var { ids, .. } => ids.spill()?,
            Store::RawNumbers(raw) => raw.sink.spill()?,
            Store::RawVar(raw) => raw.chunks.spill()?,
        }
        self.lengths.as_mut().map_or(Ok(()), IdSpill::spill)
    }

    /// Gives the dictionary up to save memory.
    pub(crate) fn give_up_dictionary(&mut self) -> Result<()> {
        self.make_raw(0)
    }

    /// What is known before the sections are written.
    pub(super) fn metadata(&self) -> ColumnMetadata {
        ColumnMetadata {
            name: self.field.name.clone(),
            data_type: self.field.data_type,
            role: self.field.role,
            multi_value: self.field.multi_value,
            cardinality: 0,
            has_dictionary: false,
            sorted: false,
            num_nulls: 0,
            min: None,
            max: None,
            total_entries: self.entries,
            max_entries_per_doc: self.max_entries,
            max_length_bytes: 0,
            partitions: None,
            bloom: None,
            index_sizes: Default::default(),
            index_settings: Default::default(),
            default_null_value: crate::text::render(&self.field.default_null_value),
            auto_generated: false,
        }
    }
}

/// Appends texts that are references to a dictionary: each text is looked up once.
fn append_dictionary(
    store: &mut Store,
    translation: &mut Translation,
    cells: &Cells,
    input: &DictionaryArray<Int32Type>,
    default: &[u8],
) -> Result<()> {
    let Some(texts) = input.values().as_string_opt::<i32>() else { return Ok(()) };
    let text = |key: u32| if key == DEFAULT { default } else { texts.value(key as usize).as_bytes() };
    match store {
        Store::Var { dictionary, ids } => {
            translation.turn_to(texts);
            let known = &mut translation.ids;
            cells.for_each_dictionary_key(|key| {
                let id = match known.get_mut(key as usize) {
                    // As long as values ascend the dictionary has to see each of them.
                    Some(id) if *id != DEFAULT && !dictionary.ascending() => *id,
                    Some(id) => {
                        *id = dictionary.id(text(key));
                        *id
                    }
                    None => dictionary.id(text(key)),
                };
                ids.push(id);
                Ok(())
            })
        }
        Store::RawVar(raw) => cells.for_each_dictionary_key(|key| raw.push(text(key))),
        Store::Numbers { .. } | Store::RawNumbers(_) => Ok(()),
    }
}

fn default_value(field: &FieldSpec, is_number: bool) -> Result<DefaultValue> {
    let wrong = |value: &Value| Error::DefaultNullValue {
        column: field.name.clone(),
        data_type: field.data_type,
        value: crate::text::render(value),
    };
    let value = match &field.default_null_value {
        Value::Array(_, elements) if elements.len() == 1 => &elements[0],
        value => value,
    };
    let fits = value.column_type().data_type.stored() == field.data_type.stored();
    let stored = if is_number {
        keys::of_value(value).map(DefaultValue::Key)
    } else {
        var_bytes(value).map(DefaultValue::Bytes)
    };
    stored.filter(|_| fits).ok_or_else(|| wrong(value))
}
