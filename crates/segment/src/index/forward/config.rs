//! How raw variable-width values are compressed.

/// Compression of the chunks of a raw variable-width column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// LZ4 where it saves at least a fifth of a chunk, none elsewhere.
    #[default]
    Automatic,
    /// `PASS_THROUGH`.
    None,
    /// `LZ4`, `SNAPPY` and `LZ4_LENGTH_PREFIXED`.
    Lz4,
    /// `ZSTANDARD` and `GZIP`.
    Zstd,
}

impl Compression {
    /// Reads Pinot's `compressionCodec`. Unknown names mean [`Compression::Automatic`].
    pub fn from_codec(name: &str) -> Self {
        match name.to_ascii_uppercase().as_str() {
            "PASS_THROUGH" => Self::None,
            "LZ4" | "SNAPPY" | "LZ4_LENGTH_PREFIXED" => Self::Lz4,
            "ZSTANDARD" | "GZIP" => Self::Zstd,
            _ => Self::Automatic,
        }
    }
}

/// Bytes of a dict id: the narrowest of 1, 2 and 4 that holds the ids of `cardinality` values.
pub fn id_width(cardinality: u32) -> usize {
    match cardinality {
        0..=0x100 => 1,
        0x101..=0x1_0000 => 2,
        _ => 4,
    }
}
