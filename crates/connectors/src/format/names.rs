//! Formats and their readers by the names that users write.

use std::{collections::BTreeMap, str::FromStr};

use crate::Error;

/// What a file holds. Compression is not part of it: gzip, zstd and bzip2 are recognised by their first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Csv,
    Json,
    Avro,
    Parquet,
    Orc,
    Protobuf,
    Arrow,
}

const THRIFT: &str = "Thrift files need classes that the Thrift compiler generates for Java, which cannot be loaded; \
                      convert them to avro, parquet or json";
const PINOT: &str = "segments of another cluster are uploaded as they are, not read as input files";

impl FromStr for Format {
    type Err = Error;

    /// Reads a format's name, in any case.
    fn from_str(name: &str) -> Result<Self, Error> {
        let refuse = |reason| Err(Error::UnsupportedFormat { name: name.to_owned(), reason });
        match name.trim().to_ascii_uppercase().as_str() {
            "CSV" => Ok(Self::Csv),
            "JSON" => Ok(Self::Json),
            "AVRO" | "GZIPPED_AVRO" => Ok(Self::Avro),
            "PARQUET" => Ok(Self::Parquet),
            "ORC" => Ok(Self::Orc),
            "PROTO" | "PROTOBUF" => Ok(Self::Protobuf),
            "ARROW" => Ok(Self::Arrow),
            "THRIFT" => refuse(THRIFT),
            "PINOT" => refuse(PINOT),
            "OTHER" => refuse("it needs the className of a record reader"),
            _ => Err(Error::UnknownFormat(name.to_owned())),
        }
    }
}

impl Format {
    /// The format that a data format's name and a record reader's class name mean together. Either may be absent; the
    /// class wins. Properties that the class implies are added.
    pub fn of_reader(
        data_format: Option<&str>,
        class_name: Option<&str>,
        properties: &mut BTreeMap<String, String>,
    ) -> Result<Self, Error> {
        let given = |text: Option<&str>| text.map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned);
        let Some(class) = given(class_name) else {
            return given(data_format).unwrap_or_default().parse();
        };
        let mut implied = |key: &str| {
            properties.entry(key.to_owned()).or_insert_with(|| "true".to_owned());
        };
        // Which package a reader is in has changed over the years.
        Ok(match class.rsplit('.').next().unwrap_or_default() {
            "CSVRecordReader" => Self::Csv,
            "JSONRecordReader" => Self::Json,
            "AvroRecordReader" => Self::Avro,
            "ParquetRecordReader" => Self::Parquet,
            "ParquetAvroRecordReader" => {
                implied("useParquetAvroRecordReader");
                Self::Parquet
            }
            "ParquetNativeRecordReader" => {
                implied("useParquetNativeRecordReader");
                Self::Parquet
            }
            "ORCRecordReader" => Self::Orc,
            "ProtoBufRecordReader" => Self::Protobuf,
            "ArrowRecordReader" => Self::Arrow,
            "ThriftRecordReader" => {
                return Err(Error::UnsupportedFormat { name: "thrift".to_owned(), reason: THRIFT });
            }
            _ => return Err(Error::UnknownReader(class)),
        })
    }

    /// The name as it is written in configs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Avro => "avro",
            Self::Parquet => "parquet",
            Self::Orc => "orc",
            Self::Protobuf => "proto",
            Self::Arrow => "arrow",
        }
    }

    /// The reader's properties; empty where the reader takes none and passes over all.
    fn properties(self) -> &'static [&'static str] {
        match self {
            Self::Csv => &[
                "fileFormat",
                "header",
                "delimiter",
                "multiValueDelimiter",
                "multiValueDelimiterEnabled",
                "commentMarker",
                "escapeCharacter",
                "nullStringValue",
                "skipHeader",
                "ignoreEmptyLines",
                "ignoreSurroundingSpaces",
                "quoteCharacter",
                "quoteMode",
                "recordSeparator",
                "stopOnError",
                // Of older versions; lines that cannot be parsed are left out unless stopOnError says otherwise.
                "skipUnParseableLines",
            ],
            Self::Avro => &["enableLogicalTypes"],
            Self::Parquet => &["useParquetAvroRecordReader", "useParquetNativeRecordReader"],
            Self::Protobuf => &["descriptorFile", "protoClassName"],
            Self::Json | Self::Orc | Self::Arrow => &[],
        }
    }

    /// An error that names the first property that the reader does not have.
    pub fn check_properties(self, given: &BTreeMap<String, String>) -> Result<(), Error> {
        let known = self.properties();
        if known.is_empty() {
            return Ok(());
        }
        let Some((key, value)) = given.iter().find(|(key, _)| !known.contains(&key.as_str())) else { return Ok(()) };
        let reason = match nearest(key, known) {
            Some(near) => format!("the {} reader has no such property, is {near} meant?", self.name()),
            None => format!("the {} reader has no such property; it has {}", self.name(), known.join(", ")),
        };
        Err(Error::Property { key: key.clone(), value: value.clone(), reason })
    }
}

/// The known name that differs in case or in two letters at most.
fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let distance = |other: &str| edits(&name.to_ascii_lowercase(), &other.to_ascii_lowercase());
    known.iter().map(|k| (distance(k), *k)).filter(|(d, _)| *d <= 2).min().map(|(_, k)| k)
}

/// Letters to insert, delete or replace to make one text of the other.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(ca != *cb)).min(above + 1).min(row[j] + 1);
            diagonal = above;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_any_case() {
        for (name, format) in [("csv", Format::Csv), ("Proto", Format::Protobuf), ("GZIPPED_AVRO", Format::Avro)] {
            assert_eq!(name.parse::<Format>().unwrap(), format);
        }
        assert!("thrift".parse::<Format>().unwrap_err().to_string().contains("convert them to avro"));
        assert!("xls".parse::<Format>().unwrap_err().to_string().starts_with("unknown inputFormat 'xls'"));
    }

    #[test]
    fn the_reader_class_wins() {
        let of = |format: Option<&str>, class: Option<&str>| {
            let mut properties = BTreeMap::new();
            let format = Format::of_reader(format, class, &mut properties).map_err(|e| e.to_string());
            (format, properties.into_keys().collect::<Vec<_>>())
        };
        let package = "org.apache.pinot.plugin.inputformat";
        let class = |name: &str| format!("{package}.{name}");
        assert_eq!(of(Some("csv"), None).0.unwrap(), Format::Csv);
        assert_eq!(of(None, Some(&class("csv.CSVRecordReader"))).0.unwrap(), Format::Csv);
        assert_eq!(of(Some("other"), Some(&class("orc.ORCRecordReader"))).0.unwrap(), Format::Orc);
        let (format, properties) = of(Some("parquet"), Some(&class("parquet.ParquetAvroRecordReader")));
        assert_eq!((format.unwrap(), properties), (Format::Parquet, vec!["useParquetAvroRecordReader".to_owned()]));
        assert!(of(Some("csv"), Some("com.acme.Reader")).0.unwrap_err().contains("'com.acme.Reader'"));
        assert!(of(Some("other"), Some(" ")).0.unwrap_err().contains("className"));
    }

    #[test]
    fn misspelled_properties_are_named() {
        let check = |format: Format, key: &str| {
            format.check_properties(&BTreeMap::from([(key.to_owned(), "x".to_owned())])).map_err(|e| e.to_string())
        };
        assert!(check(Format::Csv, "delimeter").unwrap_err().ends_with("is delimiter meant?"));
        assert!(check(Format::Csv, "SkipHeader").unwrap_err().ends_with("is skipHeader meant?"));
        assert!(check(Format::Avro, "nonsense").unwrap_err().ends_with("it has enableLogicalTypes"));
        assert_eq!(check(Format::Json, "jsonFileFormat"), Ok(()));
        assert_eq!(check(Format::Csv, "delimiter"), Ok(()));
        assert_eq!(check(Format::Csv, "skipUnParseableLines"), Ok(()));
    }
}
