//! Which column has which index, merged from the lists of `tableIndexConfig` and from `fieldConfigList`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::{list, text};

/// Indexes and encodings by column. Columns are not checked here: see `validate_table`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct IndexingConfig {
    pub inverted: BTreeSet<String>,
    pub range: BTreeSet<String>,
    pub bloom: BTreeMap<String, BloomConfig>,
    /// Columns stored raw.
    pub no_dictionary: BTreeSet<String>,
    /// The one column that rows are sorted by.
    pub sorted_column: Option<String>,
    pub on_heap_dictionary: BTreeSet<String>,
    pub var_length_dictionary: BTreeSet<String>,
    /// Columns without a forward index.
    pub forward_disabled: BTreeSet<String>,
    /// Chunk codec of raw columns, upper case, where one is named.
    pub compression: BTreeMap<String, String>,
    /// Index settings as written, `{}` where there are none.
    pub json: BTreeMap<String, Json>,
    pub text: BTreeMap<String, Json>,
    pub fst: BTreeMap<String, Json>,
    pub ifst: BTreeMap<String, Json>,
    pub h3: BTreeMap<String, Json>,
    pub vector: BTreeMap<String, Json>,
    /// Granularities of timestamp indexes, upper case.
    pub timestamp: BTreeMap<String, Vec<String>>,
    pub partition: BTreeMap<String, PartitionConfig>,
    pub null_handling_enabled: bool,
    /// `starTreeIndexConfigs` as written.
    pub star_trees: Vec<Json>,
    pub enable_default_star_tree: bool,
    /// Drop the dictionary of columns for which raw values take less.
    pub optimize_dictionary: bool,
    pub optimize_dictionary_for_metrics: bool,
    pub no_dictionary_size_ratio_threshold: Option<f64>,
}

/// A bloom filter's size.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BloomConfig {
    /// False positives wanted, between 0 and 1.
    pub fpp: f64,
    /// 0 is no limit.
    pub max_size_bytes: u64,
}

impl Default for BloomConfig {
    fn default() -> Self {
        Self { fpp: 0.05, max_size_bytes: 0 }
    }
}

/// How a column's values map to partitions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionConfig {
    /// As written: `Murmur`, `Murmur3`, `Modulo`, `HashCode`, `ByteArray`, `BoundedColumnValue`.
    pub function: String,
    pub num_partitions: u32,
    #[serde(default)]
    pub function_config: BTreeMap<String, String>,
}

type Failure = (String, String);

impl IndexingConfig {
    /// Reads a normalised table config.
    pub(super) fn read(table: &Map<String, Json>) -> Result<Self, Failure> {
        let mut out = Self::default();
        if let Some(indexing) = table.get("tableIndexConfig").and_then(Json::as_object) {
            out.read_lists(indexing)?;
        }
        let fields = table.get("fieldConfigList").and_then(Json::as_array).into_iter().flatten();
        for (i, field) in fields.enumerate() {
            if let Some(field) = field.as_object() {
                out.read_field(field, &format!("/fieldConfigList/{i}"))?;
            }
        }
        Ok(out)
    }

    fn read_lists(&mut self, indexing: &Map<String, Json>) -> Result<(), Failure> {
        let set = |key: &str| list(indexing, key).into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
        let flag = |key: &str| indexing.get(key).and_then(Json::as_bool).unwrap_or(false);
        self.inverted = set("invertedIndexColumns");
        self.range = set("rangeIndexColumns");
        self.no_dictionary = set("noDictionaryColumns");
        self.on_heap_dictionary = set("onHeapDictionaryColumns");
        self.var_length_dictionary = set("varLengthDictionaryColumns");
        self.json = set("jsonIndexColumns").into_iter().map(|column| (column, Json::Object(Map::new()))).collect();
        self.sorted_column =
            list(indexing, "sortedColumn").into_iter().find(|name| !name.is_empty()).map(str::to_owned);
        self.bloom = set("bloomFilterColumns").into_iter().map(|column| (column, BloomConfig::default())).collect();
        for (column, config) in object(indexing, "bloomFilterConfigs") {
            let at = format!("/tableIndexConfig/bloomFilterConfigs/{column}");
            self.bloom.insert(column.clone(), read_bloom(config, &at)?);
        }
        for (column, config) in object(indexing, "jsonIndexConfigs") {
            self.json.insert(column.clone(), config.clone());
        }
        for (column, codec) in object(indexing, "noDictionaryConfig") {
            self.no_dictionary.insert(column.clone());
            if let Some(codec) = codec.as_str() {
                self.compression.insert(column.clone(), codec.to_ascii_uppercase());
            }
        }
        self.null_handling_enabled = flag("nullHandlingEnabled");
        self.enable_default_star_tree = flag("enableDefaultStarTree");
        self.optimize_dictionary = flag("optimizeDictionary");
        self.optimize_dictionary_for_metrics = flag("optimizeDictionaryForMetrics");
        self.no_dictionary_size_ratio_threshold = indexing.get("noDictionarySizeRatioThreshold").and_then(Json::as_f64);
        self.star_trees = indexing.get("starTreeIndexConfigs").and_then(Json::as_array).cloned().unwrap_or_default();
        let partitions = indexing.get("segmentPartitionConfig").and_then(Json::as_object);
        for (column, config) in partitions.into_iter().flat_map(|partitions| object(partitions, "columnPartitionMap")) {
            let at = format!("/tableIndexConfig/segmentPartitionConfig/columnPartitionMap/{column}");
            self.partition.insert(column.clone(), read_partition(config, &at)?);
        }
        Ok(())
    }

    fn read_field(&mut self, field: &Map<String, Json>, at: &str) -> Result<(), Failure> {
        let Some(column) = text(field, "name").map(str::to_owned) else { return Ok(()) };
        let properties = field.get("properties").and_then(Json::as_object);
        let property = |key: &str| properties.and_then(|properties| text(properties, key)).unwrap_or_default();
        if text(field, "encodingType") == Some("RAW") {
            self.no_dictionary.insert(column.clone());
        }
        if let Some(codec) = text(field, "compressionCodec") {
            self.compression.insert(column.clone(), codec.to_owned());
        }
        let settings = || properties.map_or_else(|| Json::Object(Map::new()), |map| Json::Object(map.clone()));
        for index in list(field, "indexTypes") {
            match index {
                "INVERTED" => drop(self.inverted.insert(column.clone())),
                "RANGE" => drop(self.range.insert(column.clone())),
                "SORTED" => self.sorted_column = self.sorted_column.take().or_else(|| Some(column.clone())),
                "JSON" => drop(self.json.entry(column.clone()).or_insert_with(|| Json::Object(Map::new()))),
                "TEXT" => drop(self.text.insert(column.clone(), settings())),
                "FST" => drop(self.fst.insert(column.clone(), settings())),
                "IFST" => drop(self.ifst.insert(column.clone(), settings())),
                "H3" => drop(self.h3.insert(column.clone(), settings())),
                "VECTOR" => drop(self.vector.insert(column.clone(), settings())),
                "TIMESTAMP" => drop(self.timestamp.entry(column.clone()).or_default()),
                _ => {}
            }
        }
        if let Some(config) = field.get("timestampConfig").and_then(Json::as_object) {
            let granularities = list(config, "granularities").into_iter().map(str::to_ascii_uppercase).collect();
            self.timestamp.insert(column.clone(), granularities);
        }
        if property("createBloomFilter").eq_ignore_ascii_case("true") {
            self.bloom.entry(column.clone()).or_default();
        }
        if property("useOnHeapDictionary").eq_ignore_ascii_case("true") {
            self.on_heap_dictionary.insert(column.clone());
        }
        if property("useVarLengthDictionary").eq_ignore_ascii_case("true") {
            self.var_length_dictionary.insert(column.clone());
        }
        if property("forwardIndexDisabled").eq_ignore_ascii_case("true") {
            self.forward_disabled.insert(column.clone());
        }
        for (index, config) in object(field, "indexes") {
            self.read_index(&column, index, config, &format!("{at}/indexes/{index}"))?;
        }
        Ok(())
    }

    /// One entry of `indexes`: present turns the index on, `disabled` off.
    fn read_index(&mut self, column: &str, index: &str, config: &Json, at: &str) -> Result<(), Failure> {
        let Some(settings) = config.as_object() else {
            return Err((at.to_owned(), "expected an object".to_owned()));
        };
        let enabled = !settings.get("disabled").and_then(Json::as_bool).unwrap_or(false);
        let switch = |set: &mut BTreeSet<String>, on: bool| {
            if on {
                set.insert(column.to_owned())
            } else {
                set.remove(column)
            };
        };
        let switch_map = |map: &mut BTreeMap<String, Json>| {
            if enabled {
                map.insert(column.to_owned(), config.clone());
            } else {
                map.remove(column);
            }
        };
        match index {
            "inverted" => switch(&mut self.inverted, enabled),
            "range" => switch(&mut self.range, enabled),
            "dictionary" => {
                switch(&mut self.no_dictionary, !enabled);
                if settings.get("onHeap").and_then(Json::as_bool).unwrap_or(false) {
                    self.on_heap_dictionary.insert(column.to_owned());
                }
                if settings.get("useVarLengthDictionary").and_then(Json::as_bool).unwrap_or(false) {
                    self.var_length_dictionary.insert(column.to_owned());
                }
            }
            "forward" => {
                switch(&mut self.forward_disabled, !enabled);
                let codec = text(settings, "compressionCodec").or_else(|| text(settings, "chunkCompressionType"));
                if let Some(codec) = codec {
                    self.compression.insert(column.to_owned(), codec.to_ascii_uppercase());
                }
            }
            "bloom" if enabled => drop(self.bloom.insert(column.to_owned(), read_bloom(config, at)?)),
            "bloom" => drop(self.bloom.remove(column)),
            "json" => switch_map(&mut self.json),
            "text" => switch_map(&mut self.text),
            "fst" => switch_map(&mut self.fst),
            "ifst" => switch_map(&mut self.ifst),
            "h3" => switch_map(&mut self.h3),
            "vector" => switch_map(&mut self.vector),
            _ => {}
        }
        Ok(())
    }

    /// Every column that is named anywhere, with the list or index that names it.
    pub fn columns(&self) -> Vec<(&str, &'static str)> {
        fn keys<'a, V>(
            map: &'a BTreeMap<String, V>,
            kind: &'static str,
        ) -> impl Iterator<Item = (&'a str, &'static str)> {
            map.keys().map(move |column| (column.as_str(), kind))
        }
        fn names<'a>(set: &'a BTreeSet<String>, kind: &'static str) -> impl Iterator<Item = (&'a str, &'static str)> {
            set.iter().map(move |column| (column.as_str(), kind))
        }
        names(&self.inverted, "inverted")
            .chain(names(&self.range, "range"))
            .chain(names(&self.no_dictionary, "no-dictionary"))
            .chain(names(&self.on_heap_dictionary, "on-heap dictionary"))
            .chain(names(&self.var_length_dictionary, "var-length dictionary"))
            .chain(names(&self.forward_disabled, "forward"))
            .chain(keys(&self.bloom, "bloom"))
            .chain(keys(&self.json, "json"))
            .chain(keys(&self.text, "text"))
            .chain(keys(&self.fst, "fst"))
            .chain(keys(&self.ifst, "ifst"))
            .chain(keys(&self.h3, "h3"))
            .chain(keys(&self.vector, "vector"))
            .chain(keys(&self.timestamp, "timestamp"))
            .collect()
    }
}

fn object<'a>(map: &'a Map<String, Json>, key: &str) -> impl Iterator<Item = (&'a String, &'a Json)> {
    map.get(key).and_then(Json::as_object).into_iter().flatten()
}

fn read_bloom(config: &Json, at: &str) -> Result<BloomConfig, Failure> {
    let number = |key: &str| {
        config.get(key).and_then(|value| value.as_f64().or_else(|| value.as_str().and_then(|text| text.parse().ok())))
    };
    let fpp = number("fpp").unwrap_or(0.05);
    if !(fpp > 0.0 && fpp < 1.0) {
        return Err((
            format!("{at}/fpp"),
            format!("Invalid fpp (false positive probability): {fpp}, it must be between 0 and 1"),
        ));
    }
    let max_size_bytes = number("maxSizeInBytes").filter(|size| *size >= 0.0).unwrap_or(0.0) as u64;
    Ok(BloomConfig { fpp, max_size_bytes })
}

fn read_partition(config: &Json, at: &str) -> Result<PartitionConfig, Failure> {
    let function = config.get("functionName").and_then(Json::as_str).unwrap_or_default();
    let number = config.get("numPartitions").and_then(Json::as_i64).unwrap_or(0);
    let num_partitions = u32::try_from(number).ok().filter(|number| *number > 0).ok_or_else(|| {
        (format!("{at}/numPartitions"), format!("'numPartitions' must be greater than 0, found {number}"))
    })?;
    let function_config =
        config.get("functionConfig").and_then(Json::as_object).map(super::ingestion::text_map).unwrap_or_default();
    Ok(PartitionConfig { function: function.to_owned(), num_partitions, function_config })
}
