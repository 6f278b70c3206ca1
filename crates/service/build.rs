//! Takes the Swagger UI's files out of the archive that comes as a crate, so that the binary serves them by itself
//! and a build downloads nothing else.

use std::error::Error;
use std::io::{Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::GzEncoder;
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED as ARCHIVE;

const FILES: [(&str, &str); 5] = [
    ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    ("swagger-ui-standalone-preset.js", "text/javascript; charset=utf-8"),
    ("swagger-ui.css", "text/css; charset=utf-8"),
    ("favicon-32x32.png", "image/png"),
    ("favicon-16x16.png", "image/png"),
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let out = std::env::var("OUT_DIR")?;
    let mut source = String::from("static ASSETS: &[Asset] = &[\n");
    for (name, content_type) in FILES {
        let plain = extract(&format!("dist/{name}"))?;
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(&plain)?;
        let path = Path::new(&out).join(format!("{name}.gz"));
        std::fs::write(&path, gzip.finish()?)?;
        source.push_str(&format!(
            "    Asset {{ name: {name:?}, content_type: {content_type:?}, gzip: include_bytes!({path:?}) }},\n"
        ));
    }
    source.push_str("];\n");
    std::fs::write(Path::new(&out).join("swagger_assets.rs"), source)?;
    Ok(())
}

fn u16_at(at: usize) -> Result<usize, Box<dyn Error>> {
    let bytes = ARCHIVE.get(at..at + 2).ok_or("the archive is cut short")?;
    Ok(u16::from_le_bytes(bytes.try_into()?) as usize)
}

fn u32_at(at: usize) -> Result<usize, Box<dyn Error>> {
    let bytes = ARCHIVE.get(at..at + 4).ok_or("the archive is cut short")?;
    Ok(u32::from_le_bytes(bytes.try_into()?) as usize)
}

/// The zip's central directory names every file and where its data begins.
fn extract(suffix: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let end = ARCHIVE.windows(4).rposition(|w| w == b"PK\x05\x06").ok_or("the archive has no directory")?;
    let mut at = u32_at(end + 16)?;
    for _ in 0..u16_at(end + 10)? {
        let method = u16_at(at + 10)?;
        let packed = u32_at(at + 20)?;
        let name_len = u16_at(at + 28)?;
        let name = std::str::from_utf8(ARCHIVE.get(at + 46..at + 46 + name_len).ok_or("a name is cut short")?)?;
        if name.split_once('/').is_some_and(|(_, inner)| inner == suffix) {
            let local = u32_at(at + 42)?;
            let data = local + 30 + u16_at(local + 26)? + u16_at(local + 28)?;
            let packed = ARCHIVE.get(data..data + packed).ok_or("a file is cut short")?;
            if method == 0 {
                return Ok(packed.to_vec());
            }
            let mut plain = Vec::new();
            DeflateDecoder::new(packed).read_to_end(&mut plain)?;
            return Ok(plain);
        }
        at += 46 + name_len + u16_at(at + 30)? + u16_at(at + 32)?;
    }
    Err(format!("the archive has no {suffix}").into())
}
