//! Records of an Avro file as messages of a stream: what `StreamAvroIntoKafka` sends.

use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use apache_avro::Reader;
pub use connectors::kafka::Producer;

use crate::Error;

/// Messages that are in memory and on their way at the same time.
const PIECE: usize = 1000;

/// How a record is written into a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageFormat {
    /// A JSON object.
    Json,
    /// Avro's binary form of one record, without schema and header.
    Avro,
}

impl FromStr for MessageFormat {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        match name.to_ascii_lowercase().as_str() {
            "json" => Ok(Self::Json),
            "avro" => Ok(Self::Avro),
            _ => Err(Error::Value {
                what: "output format",
                value: name.to_owned(),
                reason: "it is json or avro".to_owned(),
            }),
        }
    }
}

/// The messages of one file, in its order, read as they are asked for.
pub struct AvroMessages {
    reader: Reader<'static, BufReader<File>>,
    path: PathBuf,
    format: MessageFormat,
}

impl AvroMessages {
    /// # Errors
    /// The file cannot be opened, or does not begin as an Avro file.
    pub fn open(path: &Path, format: MessageFormat) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::io("open", path))?;
        let reader = Reader::new(BufReader::new(file)).map_err(|e| malformed(path, e))?;
        Ok(Self { reader, path: path.to_owned(), format })
    }
}

impl Iterator for AvroMessages {
    type Item = Result<Vec<u8>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = match self.reader.next()? {
            Ok(record) => record,
            Err(e) => return Some(Err(malformed(&self.path, e))),
        };
        let message = match self.format {
            MessageFormat::Json => serde_json::Value::try_from(record).map(|json| json.to_string().into_bytes()),
            MessageFormat::Avro => apache_avro::to_avro_datum(self.reader.writer_schema(), record),
        };
        Some(message.map_err(|e| malformed(&self.path, e)))
    }
}

/// Sends every message, `pause` apart, or as fast as Kafka takes them without one. Returns how many there were.
///
/// # Errors
/// The file breaks off or is not Avro; a message was not taken. Those before it have been sent.
pub async fn stream(mut messages: AvroMessages, producer: &Producer, pause: Duration) -> Result<u64, Error> {
    let mut sent = 0;
    loop {
        // Reading blocks, so it is done in pieces, off the threads that do the sending.
        let read = tokio::task::spawn_blocking(move || {
            let piece: Result<Vec<_>, _> = messages.by_ref().take(PIECE).collect();
            (piece, messages)
        });
        let (piece, rest) = read.await.map_err(|e| Error::Internal(e.to_string()))?;
        messages = rest;
        let piece = piece?;
        if piece.is_empty() {
            return Ok(sent);
        }
        if pause.is_zero() {
            futures::future::try_join_all(piece.iter().map(|message| producer.send(None, message))).await?;
            sent += piece.len() as u64;
            continue;
        }
        for message in &piece {
            if sent > 0 {
                tokio::time::sleep(pause).await;
            }
            producer.send(None, message).await?;
            sent += 1;
        }
    }
}

fn malformed(path: &Path, source: apache_avro::Error) -> Error {
    Error::io("read as Avro", path)(std::io::Error::other(source))
}

#[cfg(test)]
mod tests {
    use apache_avro::{Schema, Writer, types::Record};

    use super::*;

    fn file(dir: &Path) -> PathBuf {
        let schema = Schema::parse_str(
            r#"{"type": "record", "name": "film", "fields": [{"name": "title", "type": "string"},
                {"name": "year", "type": ["null", "int"]}]}"#,
        )
        .expect("a schema");
        let mut writer = Writer::new(&schema, Vec::new());
        for (title, year) in [("Nosferatu", Some(1922)), ("Untitled", None)] {
            let mut record = Record::new(&schema).expect("a record");
            record.put("title", title);
            record.put("year", year);
            writer.append(record).expect("appends");
        }
        let path = dir.join("films.avro");
        std::fs::write(&path, writer.into_inner().expect("bytes")).expect("writes");
        path
    }

    #[test]
    fn records_become_json_or_avro() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = file(dir.path());
        let all = |format| {
            let messages = AvroMessages::open(&path, format).expect("opens");
            messages.collect::<Result<Vec<_>, _>>().expect("reads")
        };
        let json: Vec<_> = all(MessageFormat::Json).into_iter().map(|m| String::from_utf8(m).expect("text")).collect();
        assert_eq!(json, [r#"{"title":"Nosferatu","year":1922}"#, r#"{"title":"Untitled","year":null}"#]);
        assert_eq!(all(MessageFormat::Avro)[1], b"\x10Untitled\x00");
    }

    #[test]
    fn another_file_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("films.avro");
        std::fs::write(&path, "title,year\n").expect("writes");
        let error = AvroMessages::open(&path, MessageFormat::Json).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains("films.avro"), "{error}");
    }
}
