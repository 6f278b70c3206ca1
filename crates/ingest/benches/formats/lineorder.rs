//! The flat lineorder table: its file, its schema and its table config.

use std::{
    fmt::Write as _,
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
};

use model::{Schema, TableConfig};
use serde_json::json;

const INVERTED: [&str; 8] =
    ["c_nation", "c_city", "s_nation", "s_city", "p_brand1", "p_category", "p_partkey", "c_name"];

pub fn schema() -> Result<Schema, model::SchemaError> {
    let fields = |names: &[(&str, &str)]| {
        names.iter().map(|(name, ty)| json!({"name": name, "dataType": ty})).collect::<Vec<_>>()
    };
    let dimensions = [
        ("lo_orderkey", "INT"),
        ("lo_orderdate", "INT"),
        ("lo_quantity", "INT"),
        ("lo_discount", "INT"),
        ("c_name", "STRING"),
        ("c_city", "STRING"),
        ("c_nation", "STRING"),
        ("c_region", "STRING"),
        ("s_city", "STRING"),
        ("s_nation", "STRING"),
        ("s_region", "STRING"),
        ("p_partkey", "INT"),
        ("p_name", "STRING"),
        ("p_mfgr", "STRING"),
        ("p_category", "STRING"),
        ("p_brand1", "STRING"),
        ("d_year", "INT"),
    ];
    Schema::from_json(&json!({
        "schemaName": "lineorder",
        "dimensionFieldSpecs": fields(&dimensions),
        "metricFieldSpecs": fields(&[("lo_extendedprice", "INT"), ("lo_revenue", "INT"), ("lo_supplycost", "INT")]),
        "dateTimeFieldSpecs": [{"name": "lo_ts", "dataType": "LONG", "format": "1:MILLISECONDS:EPOCH",
                                "granularity": "1:MILLISECONDS"}],
    }))
}

pub fn table(indexes: bool) -> Result<TableConfig, model::TableConfigError> {
    let index = if indexes {
        json!({"loadMode": "MMAP", "invertedIndexColumns": INVERTED, "bloomFilterColumns": ["p_partkey"]})
    } else {
        json!({"loadMode": "MMAP"})
    };
    TableConfig::from_json(&json!({
        "tableName": "lineorder", "tableType": "OFFLINE", "tenants": {}, "metadata": {}, "tableIndexConfig": index,
        "segmentsConfig": {"timeColumnName": "lo_ts", "replication": "1"},
    }))
}

pub fn write_file(path: &Path, rows: u64) -> std::io::Result<()> {
    const NATIONS: [&str; 25] = [
        "ALGERIA",
        "ETHIOPIA",
        "KENYA",
        "MOROCCO",
        "MOZAMBIQUE",
        "ARGENTINA",
        "BRAZIL",
        "CANADA",
        "PERU",
        "UNITED STATES",
        "CHINA",
        "INDIA",
        "INDONESIA",
        "JAPAN",
        "VIETNAM",
        "FRANCE",
        "GERMANY",
        "ROMANIA",
        "RUSSIA",
        "UNITED KINGDOM",
        "EGYPT",
        "IRAN",
        "IRAQ",
        "JORDAN",
        "SAUDI ARABIA",
    ];
    const REGIONS: [&str; 5] = ["AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST"];
    let mut state = 88_172_645_463_325_252_u64;
    let mut random = move |n: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % n
    };
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    out.write_all(
        b"lo_orderkey,lo_orderdate,lo_ts,lo_quantity,lo_discount,lo_extendedprice,lo_revenue,lo_supplycost,c_name,\
          c_city,c_nation,c_region,s_city,s_nation,s_region,p_partkey,p_name,p_mfgr,p_category,p_brand1,d_year\n",
    )?;
    let mut line = String::new();
    for row in 0..rows {
        let day = row * 637 / rows;
        let (year, month, date) = (1992 + day / 365, day % 365 / 31 + 1, day % 28 + 1);
        let orderdate = year * 10_000 + month * 100 + date;
        let ts = 694_224_000_000 + row * (637 * 86_400_000 / rows.max(1));
        let (customer, part, s_city) = (random(30_000), random(200_000), random(250));
        let (c_city, brand) = (customer % 250, part % 1000);
        let (quantity, discount) = (random(50) + 1, random(11));
        let unit = 90_000 + (part + 1) / 10 % 20_001 + 100 * ((part + 1) % 1000);
        let price = quantity * unit;
        let (c_nation, s_nation) = (NATIONS[(c_city / 10) as usize], NATIONS[(s_city / 10) as usize]);
        line.clear();
        let written = writeln!(
            line,
            "{},{orderdate},{ts},{quantity},{discount},{price},{},{},Customer#{:09},{:<9.9}{},{c_nation},{},{:<9.9}{},{s_nation},{},{},Part#{:09},MFGR#{},MFGR#{}{},MFGR#{}{}{:02},{year}",
            row / 4 + 1,
            price * (100 - discount) / 100,
            6 * unit / 10,
            customer + 1,
            c_nation,
            c_city % 10,
            REGIONS[(c_city / 50) as usize],
            s_nation,
            s_city % 10,
            REGIONS[(s_city / 50) as usize],
            part + 1,
            part + 1,
            brand / 200 + 1,
            brand / 200 + 1,
            brand / 40 % 5 + 1,
            brand / 200 + 1,
            brand / 40 % 5 + 1,
            brand % 40 + 1,
        );
        if written.is_ok() {
            out.write_all(line.as_bytes())?;
        }
    }
    out.flush()
}
