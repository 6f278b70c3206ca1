//! Checks what an ORC file says of itself before the library acts on it.

use std::io::{self, BufReader, Read};

use bytes::Bytes;
use orc_prost::Message as _;
use orc_rust::{
    proto::{CompressionKind, Footer, PostScript, r#type::Kind},
    reader::ChunkReader,
};

use crate::format::random::{Cursor, RandomFile};

/// The format's own limit of a compression block.
const MAX_BLOCK_BYTES: u64 = 1 << 23;
const MAX_FOOTER_BYTES: u64 = 64 << 20;
/// Bytes of one stripe's stream, as they lie in the file.
const MAX_STREAM_BYTES: u64 = 1 << 30;
const MAX_TYPES: usize = 100_000;

/// Takes a block and whether it is packed.
type EachBlock<'a> = &'a mut dyn FnMut(&[u8], bool) -> Result<(), String>;

/// A file whose compressed blocks were seen to unpack to what the file promises.
#[derive(Clone)]
pub(super) struct GuardedFile {
    file: RandomFile,
    compression: CompressionKind,
    block_bytes: u64,
    /// Stripes lie before this place.
    content_end: u64,
}

impl GuardedFile {
    /// Reads and checks the end of the file.
    pub fn new(file: RandomFile) -> Result<Self, String> {
        let length = file.length();
        let shown = |e: io::Error| e.to_string();
        if length < 4 || &*file.bytes(0, 3).map_err(shown)? != b"ORC" {
            return Err("it does not start as an ORC file does".to_owned());
        }
        let postscript_bytes = u64::from(file.bytes(length - 1, 1).map_err(shown)?[0]);
        let cut = || "it ends before it should".to_owned();
        let postscript_start = (length - 1).checked_sub(postscript_bytes).ok_or_else(cut)?;
        let postscript = file.bytes(postscript_start, postscript_bytes).map_err(shown)?;
        let postscript = PostScript::decode(postscript).map_err(|e| format!("its postscript is damaged: {e}"))?;
        let block_bytes = postscript.compression_block_size.unwrap_or(256 << 10);
        if block_bytes > MAX_BLOCK_BYTES {
            return Err(format!("its compression blocks are said to have {block_bytes} bytes, the most is 8 MB"));
        }
        if postscript.compression() == CompressionKind::Lzo {
            return Err(
                "it is compressed with LZO, which is not supported; write it with ZLIB, SNAPPY, LZ4 or ZSTD".to_owned()
            );
        }
        let (footer, metadata) = (postscript.footer_length(), postscript.metadata_length());
        if footer > MAX_FOOTER_BYTES || metadata > MAX_FOOTER_BYTES {
            return Err(format!("its footer is longer than {} MB", MAX_FOOTER_BYTES >> 20));
        }
        let footer_start = postscript_start.checked_sub(footer).ok_or_else(cut)?;
        let content_end = footer_start.checked_sub(metadata).ok_or_else(cut)?;
        let guarded = Self { file, compression: postscript.compression(), block_bytes, content_end };
        let packed = guarded.file.bytes(footer_start, footer).map_err(shown)?;
        guarded.check_blocks(&guarded.file.bytes(content_end, metadata).map_err(shown)?)?;
        check_types(&guarded.unpack(&packed)?)?;
        Ok(guarded)
    }

    /// Every block of a run of blocks unpacks to no more than a block may have.
    fn check_blocks(&self, blocks: &[u8]) -> Result<(), String> {
        self.each_block(blocks, &mut |_, _| Ok(()))
    }

    fn unpack(&self, blocks: &[u8]) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        let most = MAX_FOOTER_BYTES as usize;
        self.each_block(blocks, &mut |block, packed| {
            let unpacked = if packed { self.unpack_block(block)? } else { block.to_vec() };
            if out.len() + unpacked.len() > most {
                return Err(format!("its footer is longer than {} MB", MAX_FOOTER_BYTES >> 20));
            }
            out.extend(unpacked);
            Ok(())
        })?;
        Ok(out)
    }

    /// Calls `each` for every block, packed or not, after it was checked.
    fn each_block(&self, mut rest: &[u8], each: EachBlock<'_>) -> Result<(), String> {
        if self.compression == CompressionKind::None {
            return each(rest, false);
        }
        while !rest.is_empty() {
            let broken = "a compressed block is cut off";
            let (header, behind) = rest.split_first_chunk::<3>().ok_or(broken)?;
            let header = u32::from_le_bytes([header[0], header[1], header[2], 0]);
            let length = (header >> 1) as usize;
            let (block, behind) = behind.split_at_checked(length).ok_or(broken)?;
            let packed = header & 1 == 0;
            if packed {
                self.check_block(block)?;
            }
            each(block, packed)?;
            rest = behind;
        }
        Ok(())
    }

    /// An error where a block unpacks to more than the file promises, or not at all.
    fn check_block(&self, block: &[u8]) -> Result<(), String> {
        let too_long = || format!("a compressed block unpacks to more than {} bytes", self.block_bytes);
        let damaged = |e: &dyn std::fmt::Display| format!("a compressed block is damaged: {e}");
        let fits = match self.compression {
            // The library takes no more than a block.
            CompressionKind::None | CompressionKind::Lz4 => true,
            CompressionKind::Snappy => {
                snap::raw::decompress_len(block).map_err(|e| damaged(&e))? as u64 <= self.block_bytes
            }
            CompressionKind::Lzo => false,
            CompressionKind::Zlib | CompressionKind::Zstd => {
                let unpacked = self.stream(block).map_err(|e| damaged(&e))?;
                let mut unpacked = unpacked.take(self.block_bytes + 1);
                io::copy(&mut unpacked, &mut io::sink()).map_err(|e| damaged(&e))? <= self.block_bytes
            }
        };
        if fits { Ok(()) } else { Err(too_long()) }
    }

    fn unpack_block(&self, block: &[u8]) -> Result<Vec<u8>, String> {
        let damaged = |e: &dyn std::fmt::Display| format!("a compressed block is damaged: {e}");
        match self.compression {
            CompressionKind::Snappy => snap::raw::Decoder::new().decompress_vec(block).map_err(|e| damaged(&e)),
            CompressionKind::Zlib | CompressionKind::Zstd => {
                let mut out = Vec::new();
                self.stream(block).and_then(|mut s| s.read_to_end(&mut out)).map_err(|e| damaged(&e))?;
                Ok(out)
            }
            _ => lz4_flex::block::decompress(block, self.block_bytes as usize).map_err(|e| damaged(&e)),
        }
    }

    fn stream<'b>(&self, block: &'b [u8]) -> io::Result<Box<dyn Read + 'b>> {
        Ok(match self.compression {
            CompressionKind::Zstd => Box::new(zstd::stream::read::Decoder::new(block)?),
            _ => Box::new(flate2::read::DeflateDecoder::new(block)),
        })
    }
}

impl ChunkReader for GuardedFile {
    type T = BufReader<Cursor>;

    fn len(&self) -> u64 {
        self.file.length()
    }

    fn get_read(&self, offset: u64) -> io::Result<Self::T> {
        Ok(self.file.reader(offset))
    }

    fn get_bytes(&self, offset: u64, length: u64) -> io::Result<Bytes> {
        let invalid = |reason: String| io::Error::new(io::ErrorKind::InvalidData, reason);
        if length > MAX_STREAM_BYTES {
            return Err(invalid(format!("a stream of {length} bytes is longer than {} MB", MAX_STREAM_BYTES >> 20)));
        }
        let bytes = self.file.bytes(offset, length)?;
        // What lies behind was checked when the file was opened.
        if offset + length <= self.content_end {
            self.check_blocks(&bytes).map_err(invalid)?;
        }
        Ok(bytes)
    }
}

/// Types that hold only types behind them, so that there is no circle and no bottomless nesting.
fn check_types(footer: &[u8]) -> Result<(), String> {
    const MAX_DEPTH: u32 = 100;
    let footer = Footer::decode(footer).map_err(|e| format!("its footer is damaged: {e}"))?;
    let types = &footer.types;
    if types.len() > MAX_TYPES {
        return Err(format!("its schema has {} types, the most is {MAX_TYPES}", types.len()));
    }
    if types.first().is_none_or(|root| root.kind() != Kind::Struct) {
        return Err("its schema is not a struct".to_owned());
    }
    let mut depths = vec![0u32; types.len()];
    for (id, ty) in types.iter().enumerate() {
        for &child in &ty.subtypes {
            let child = child as usize;
            if child <= id || child >= types.len() || depths[child] != 0 {
                return Err(format!("type {id} of its schema holds type {child}, which it cannot"));
            }
            depths[child] = depths[id] + 1;
            if depths[child] > MAX_DEPTH {
                return Err(format!("its schema is nested more than {MAX_DEPTH} deep"));
            }
        }
    }
    Ok(())
}
