//! The sample data of `quickstart`: two years of orders of a wine merchant, made up by a fixed random sequence.
//!
//! The same rows come out at every start, so the README can show answers.

use std::{
    fmt::Write as _,
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

pub const TABLE: &str = "wineOrders";
pub const SCHEMA_JSON: &str = include_str!("../../assets/sample/schema.json");
pub const TABLE_JSON: &str = include_str!("../../assets/sample/table.json");

/// Rows in all files together.
pub const ROWS: usize = 120_000;
/// One file becomes one segment.
pub const FILES: usize = 4;

/// 2024-01-01T00:00:00Z.
const START_MS: i64 = 1_704_067_200_000;
const SPAN_MS: i64 = 731 * 86_400_000;

const CITIES: &[(&str, &str)] = &[
    ("France", "Paris"),
    ("France", "Lyon"),
    ("France", "Bordeaux"),
    ("Germany", "Berlin"),
    ("Germany", "Mainz"),
    ("Italy", "Torino"),
    ("Italy", "Firenze"),
    ("Spain", "Logroño"),
    ("Spain", "Barcelona"),
    ("Portugal", "Porto"),
    ("Austria", "Wien"),
    ("Japan", "東京"),
    ("United States", "New York"),
    ("United States", "San Francisco"),
    ("United Kingdom", "London"),
    ("Brazil", "São Paulo"),
];

/// Name, region, grapes, list price, organic.
type Wine = (&'static str, &'static str, &'static [&'static str], f64, bool);

const WINES: &[Wine] = &[
    ("Clos des Lilas", "Bourgogne", &["Pinot Noir"], 38.0, true),
    ("Domaine du Pont", "Bourgogne", &["Chardonnay"], 29.5, false),
    ("Château Belair", "Bordeaux", &["Merlot", "Cabernet Franc", "Cabernet Sauvignon"], 44.0, false),
    ("Petit Cuvée", "Champagne", &["Chardonnay", "Pinot Noir", "Pinot Meunier"], 35.0, false),
    ("Grande Cuvée", "Champagne", &["Chardonnay", "Pinot Noir"], 89.0, true),
    ("Roter Hang", "Rheinhessen", &["Riesling"], 16.0, true),
    ("Schieferstein", "Mosel", &["Riesling"], 18.5, false),
    ("Collina Rossa", "Piemonte", &["Nebbiolo"], 52.0, false),
    ("Sera d'Estate", "Toscana", &["Sangiovese", "Merlot"], 21.0, true),
    ("Viña Antigua", "Rioja", &["Tempranillo", "Garnacha", "Graciano"], 19.0, false),
    ("Quinta Nova", "Douro", &["Touriga Nacional", "Tinta Roriz"], 24.0, false),
    ("Federspiel", "Wachau", &["Grüner Veltliner"], 22.0, true),
];

const CHANNELS: &[(&str, u64)] = &[("web", 55), ("shop", 30), ("phone", 5), ("club", 10)];

const NOTES: &[&str] = &[
    "gift wrapped",
    "leave at the door",
    "ring twice",
    "birthday on Friday",
    "call before delivery",
    "fragile: six glasses included",
];

/// SplitMix64: small, fast, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// Small indexes are likelier, as some wines sell better.
    fn skewed(&mut self, n: usize) -> usize {
        let a = self.below(n as u64);
        let b = self.below(n as u64);
        a.min(b) as usize
    }
}

/// Writes the rows as newline-delimited JSON, ordered by time, into [`FILES`] files and returns their paths.
pub fn write_files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut random = Random(2026);
    let mut paths = Vec::with_capacity(FILES);
    let mut line = String::new();
    for file in 0..FILES {
        let path = dir.join(format!("{TABLE}-{file}.json"));
        let mut out = BufWriter::new(File::create(&path)?);
        for row in file * ROWS / FILES..(file + 1) * ROWS / FILES {
            line.clear();
            write_row(&mut line, row, &mut random);
            out.write_all(line.as_bytes())?;
        }
        out.flush()?;
        paths.push(path);
    }
    Ok(paths)
}

fn write_row(out: &mut String, row: usize, random: &mut Random) {
    let ordered_at = START_MS + SPAN_MS / ROWS as i64 * row as i64 + random.below(60_000) as i64;
    let (country, city) = CITIES[random.skewed(CITIES.len())];
    let (wine, region, grapes, list_price, organic) = WINES[random.skewed(WINES.len())];
    let mut pick = random.below(100);
    let channel = CHANNELS
        .iter()
        .find(|(_, share)| {
            let hit = pick < *share;
            pick = pick.saturating_sub(*share);
            hit
        })
        .map_or("web", |c| c.0);
    let vintage = 2008 + random.below(15);
    let bottles = [1, 2, 3, 6, 6, 12][random.below(6) as usize];
    let price = list_price + random.below(200) as f64 / 10.0;
    let age = 18 + random.below(70);
    let member = random.below(5) == 0;
    let _ = write!(
        out,
        r#"{{"orderId":{},"orderedAt":{ordered_at},"country":"{country}","city":"{city}","channel":"{channel}","wine":"{wine}","region":"{region}","vintage":{vintage},"grapes":["#,
        100_000 + row,
    );
    for (i, grape) in grapes.iter().enumerate() {
        let _ = write!(out, "{}\"{grape}\"", if i == 0 { "" } else { "," });
    }
    let _ = write!(
        out,
        r#"],"organic":{organic},"customer":{{"id":{},"age":{age},"club":{member},"address":{{"city":"{city}","zip":"{:05}"}}}},"bottles":{bottles},"price":{price:.2},"total":{:.2}"#,
        random.below(9_000),
        random.below(99_999),
        price * f64::from(bottles),
    );
    // Half of the orders were rated, some more than once; most have no note.
    let ratings = random.below(4).saturating_sub(1);
    if ratings > 0 {
        out.push_str(r#","ratings":["#);
        for i in 0..ratings {
            let _ = write!(out, "{}{}", if i == 0 { "" } else { "," }, 1 + random.below(5).max(random.below(5)));
        }
        out.push(']');
    }
    if random.below(8) == 0 {
        let _ = write!(out, r#","note":"{}""#, NOTES[random.below(NOTES.len() as u64) as usize]);
    }
    out.push_str("}\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_json_and_the_same_every_time() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = write_files(a.path()).unwrap();
        let second = write_files(b.path()).unwrap();
        let mut rows = 0;
        for (x, y) in first.iter().zip(&second) {
            let text = std::fs::read_to_string(x).unwrap();
            assert_eq!(text, std::fs::read_to_string(y).unwrap());
            for line in text.lines().step_by(997) {
                let row: serde_json::Value = serde_json::from_str(line).unwrap();
                assert!(row["grapes"].as_array().is_some_and(|g| !g.is_empty()), "{line}");
            }
            rows += text.lines().count();
        }
        assert_eq!(rows, ROWS);
    }
}
